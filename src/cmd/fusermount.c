/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * umview-fusermount: what exec of fusermount and fusermount3 becomes inside a view. Those are
 *setuid programs, and a view's filter takes from every program what setuid gives; they also refuse
 *mount points that the user does not own. This speaks their command line and their protocol, and
 *makes the calls itself, which the view answers:
 *
 *	fusermount [-o OPTIONS] [--] MOUNTPOINT		mount: the descriptor of /dev/fuse goes by
 *							SCM_RIGHTS over the socket $_FUSE_COMMFD
 *	fusermount -u [-q] [-z] [--] MOUNTPOINT		unmount, -z lazily
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/helper.h"

#define COMMFD_ENV "_FUSE_COMMFD"

struct args {
	bool unmount, lazy, quiet, auto_unmount;
	char *options;
	const char *mountpoint;
};

static int fail(const struct args *a, const char *fmt, const char *what, int err)
{
	if (!a->quiet) {
		fputs("fusermount: ", stderr);
		fprintf(stderr, fmt, what);
		fprintf(stderr, ": %s\n", strerror(err));
	}
	return 1;
}

static int do_unmount(const struct args *a)
{
	int err = helper_umount(a->mountpoint, a->lazy ? MNT_DETACH : 0);

	if (err < 0)
		return fail(a, "failed to unmount %s", a->mountpoint, -err);
	return 0;
}

/* What the options mean to mount(2), and what goes into its data. */
struct mount_words {
	unsigned long flags;
	char data[4096];
	char source[1024], subtype[1024];
	bool blkdev;
};

static const struct {
	const char *name;
	unsigned long flag;
	bool on;
} flags[] = {
	{ "rw", MS_RDONLY, false },
	{ "ro", MS_RDONLY, true },
	{ "suid", MS_NOSUID, false },
	{ "nosuid", MS_NOSUID, true },
	{ "dev", MS_NODEV, false },
	{ "nodev", MS_NODEV, true },
	{ "exec", MS_NOEXEC, false },
	{ "noexec", MS_NOEXEC, true },
	{ "async", MS_SYNCHRONOUS, false },
	{ "sync", MS_SYNCHRONOUS, true },
	{ "atime", MS_NOATIME, false },
	{ "noatime", MS_NOATIME, true },
	{ "nodiratime", MS_NODIRATIME, true },
	{ "dirsync", MS_DIRSYNC, true },
};

static bool take_flag(struct mount_words *w, const char *opt)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(opt, flags[i].name) == 0) {
			w->flags =
				flags[i].on ? w->flags | flags[i].flag : w->flags & ~flags[i].flag;
			return true;
		}
	}
	return false;
}

static void add_data(struct mount_words *w, const char *opt)
{
	size_t n = strlen(w->data);

	snprintf(w->data + n, sizeof(w->data) - n, ",%s", opt);
}

static void take_option(struct mount_words *w, struct args *a, const char *opt)
{
	static const char *const plain[] = { "default_permissions", "allow_other" };

	if (take_flag(w, opt))
		return;
	if (strncmp(opt, "fsname=", 7) == 0)
		snprintf(w->source, sizeof(w->source), "%s", opt + 7);
	else if (strncmp(opt, "subtype=", 8) == 0)
		snprintf(w->subtype, sizeof(w->subtype), "%s", opt + 8);
	else if (strcmp(opt, "blkdev") == 0)
		w->blkdev = true;
	else if (strcmp(opt, "auto_unmount") == 0)
		a->auto_unmount = true;
	else if (strncmp(opt, "max_read=", 9) == 0 || strncmp(opt, "blksize=", 8) == 0)
		add_data(w, opt);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(opt, plain[i]) == 0)
			add_data(w, opt);
	}
}

/* Splits at commas; "\," is a comma of the value's own. */
static void take_options(struct mount_words *w, struct args *a)
{
	char opt[1024];
	size_t n = 0;

	for (const char *p = a->options ? a->options : "";; p++) {
		if (*p == '\0' || *p == ',') {
			opt[n] = '\0';
			if (n)
				take_option(w, a, opt);
			n = 0;
			if (!*p)
				return;
			continue;
		}
		if (p[0] == '\\' && p[1])
			p++;
		if (n + 1 < sizeof(opt))
			opt[n++] = *p;
	}
}

static int send_fd(int sock, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} ctl = { 0 };
	char nothing = 0;
	struct iovec iov = { &nothing, 1 };
	struct msghdr mh = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.buf,
		.msg_controllen = sizeof(ctl.buf) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	return sendmsg(sock, &mh, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* auto_unmount: stays until the server is gone, which closes the socket, and unmounts then. */
static int wait_and_unmount(const struct args *a, int sock)
{
	char buf[16];
	int null = open("/dev/null", O_RDWR);

	if (null >= 0) {
		for (int i = 0; i < 3; i++)
			dup2(null, i);
	}
	if (fork() != 0)
		return 0;
	setsid();
	while (read(sock, buf, sizeof(buf)) > 0)
		;
	(void)helper_umount(a->mountpoint, MNT_DETACH);
	return 0;
}

static int do_mount(struct args *a)
{
	struct mount_words w = { .flags = MS_NOSUID | MS_NODEV };
	const char *commfd = getenv(COMMFD_ENV);
	char type[1100], data[4200];
	struct stat st;
	int sock, fd, err;

	if (!commfd) {
		fprintf(stderr, "fusermount: old style mounting not supported\n");
		return 1;
	}
	sock = atoi(commfd);
	take_options(&w, a);
	if (stat(a->mountpoint, &st) < 0)
		return fail(a, "failed to access mountpoint %s", a->mountpoint, errno);
	fd = open("/dev/fuse", O_RDWR);
	if (fd < 0)
		return fail(a, "failed to open %s", "/dev/fuse", errno);
	snprintf(data, sizeof(data), "fd=%d,rootmode=%o,user_id=%u,group_id=%u%s", fd,
		st.st_mode & S_IFMT, getuid(), getgid(), w.data);
	snprintf(type, sizeof(type), "%s%s%s", w.blkdev ? "fuseblk" : "fuse",
		w.subtype[0] ? "." : "", w.subtype);
	if (!w.source[0])
		snprintf(w.source, sizeof(w.source), "%s", w.subtype[0] ? w.subtype : "/dev/fuse");
	err = helper_mount(w.source, a->mountpoint, type, w.flags, data);
	if (err < 0)
		return fail(a, "mount of %s failed", a->mountpoint, -err);
	err = send_fd(sock, fd);
	if (err < 0) {
		(void)helper_umount(a->mountpoint, MNT_DETACH);
		return fail(a, "sending the descriptor over %s failed", COMMFD_ENV, -err);
	}
	close(fd);
	return a->auto_unmount ? wait_and_unmount(a, sock) : 0;
}

static void usage(void)
{
	puts("fusermount: [options] mountpoint\n"
	     "Options:\n"
	     " -h		    print help\n"
	     " -V		    print version\n"
	     " -o opt[,opt...]    mount options\n"
	     " -u		    unmount\n"
	     " -q		    quiet\n"
	     " -z		    lazy unmount");
}

static int fusermount_main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "unmount", no_argument, NULL, 'u' },
		{ "lazy", no_argument, NULL, 'z' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "options", required_argument, NULL, 'o' },
		{ "auto-unmount", no_argument, NULL, 'U' },
		{ "comm-fd", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	struct args a = { 0 };
	int opt;

	while ((opt = getopt_long(argc, argv, "hVo:uqzUc:", longs, NULL)) != -1) {
		switch (opt) {
		case 'h':
			usage();
			return 0;
		case 'V':
			puts("fusermount3 version: 3.14.0 (umview " UM_VERSION ")");
			return 0;
		case 'o':
			a.options = optarg;
			break;
		case 'u':
			a.unmount = true;
			break;
		case 'z':
			a.lazy = true;
			break;
		case 'q':
			a.quiet = true;
			break;
		case 'U':
			a.auto_unmount = true;
			break;
		case 'c':
			setenv(COMMFD_ENV, optarg, 1);
			break;
		default:
			return 1;
		}
	}
	if (a.lazy && !a.unmount) {
		fputs("fusermount: -z can only be used with -u\n", stderr);
		return 1;
	}
	if (optind >= argc) {
		fputs("fusermount: missing mountpoint argument\n", stderr);
		return 1;
	}
	a.mountpoint = argv[optind];
	return a.unmount ? do_unmount(&a) : do_mount(&a);
}

int main(int argc, char **argv)
{
	const char *base = argc > 0 ? strrchr(argv[0], '/') : NULL;

	base = base ? base + 1 : argc > 0 ? argv[0] : "";
	if (strcmp(base, "mount") == 0)
		return mount_main(argc, argv);
	if (strcmp(base, "umount") == 0)
		return umount_main(argc, argv);
	return fusermount_main(argc, argv);
}
