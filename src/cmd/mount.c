/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What exec of mount and umount becomes where a filter outside of the view refuses mount(2)
 * (Docker's default profile): the part of mount(8) and umount(8) that concerns the view's own
 * mounts.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/util.h"
#include "cmd/helper.h"

#define EXIT_USAGE 1
#define EXIT_FAILED 32 /* mount(8) */

/* Of /proc/self/mounts: a blank in a name is written "\\040". In place. */
static char *unescape(char *word)
{
	char *out = word;

	for (const char *p = word; *p;)
		*out++ = unescape_next(&p);
	*out = '\0';
	return word;
}

static int show_mounts(void)
{
	FILE *f = fopen("/proc/self/mounts", "re");
	char source[1024], target[4096], type[256], options[4096];

	if (!f)
		return EXIT_FAILED;
	while (fscanf(f, "%1023s %4095s %255s %4095s %*d %*d", source, target, type, options) == 4)
		printf("%s on %s type %s (%s)\n", unescape(source), unescape(target), type,
			options);
	fclose(f);
	return 0;
}

int mount_main(int argc, char **argv)
{
	const char *type = "auto", *options = "";
	unsigned long flags = 0;
	int opt, r;

	while ((opt = getopt(argc, argv, "t:o:rwnv")) != -1) {
		switch (opt) {
		case 't':
			type = optarg;
			break;
		case 'o':
			options = optarg;
			break;
		case 'r':
			flags |= MS_RDONLY;
			break;
		case 'w':
		case 'n':
		case 'v':
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return show_mounts();
	if (argc - optind != 2) {
		fputs("mount: here a source and a target are needed (umview answers for mount(8), "
		      "whose system call is refused outside of the view)\n",
			stderr);
		return EXIT_USAGE;
	}
	r = helper_mount(argv[optind], argv[optind + 1], type, flags, options);
	if (r == 0)
		return 0;
	fprintf(stderr, "mount: %s: %s\n", argv[optind + 1], strerror(-r));
	return EXIT_FAILED;
}

int umount_main(int argc, char **argv)
{
	int opt, flags = 0, status = 0;

	while ((opt = getopt(argc, argv, "lfnvr")) != -1) {
		if (opt == 'l')
			flags |= MNT_DETACH;
		else if (opt == 'f')
			flags |= MNT_FORCE;
		else if (opt == '?')
			return EXIT_USAGE;
	}
	if (optind == argc) {
		fputs("umount: which mount point?\n", stderr);
		return EXIT_USAGE;
	}
	for (; optind < argc; optind++) {
		int r = helper_umount(argv[optind], flags);

		if (r < 0) {
			fprintf(stderr, "umount: %s: %s.\n", argv[optind],
				r == -EBUSY ? "target is busy" : strerror(-r));
			status = EXIT_FAILED;
		}
	}
	return status;
}
