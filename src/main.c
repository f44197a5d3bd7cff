/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cmd/check.h"
#include "cmd/options.h"

#define EXIT_SETUP 125 /* as env(1) and docker(1) have it */

static int act(struct options *o)
{
	int err;

	switch (o->action) {
	case ACTION_HELP:
		options_help();
		return 0;
	case ACTION_VERSION:
		printf("umview %s\n", UM_VERSION);
		return 0;
	case ACTION_LIST:
		return list_views(o->run.json);
	case ACTION_CHECK:
		return check_machine(o->run.json);
	case ACTION_RUN:
		break;
	}
	log_set_level(o->log_level);
	err = o->log ? log_open(o->log) : 0;
	if (err < 0) {
		log_user("--log %s: %s: give a file that can be written", o->log, strerror(-err));
		return EXIT_SETUP;
	}
	if (o->run.image && !o->run.dry_run && rootfs_fetch(o->run.image) < 0)
		return EXIT_SETUP;
	return run_view(&o->run);
}

/* Numbers 0 to 2 must not become files of ours. What was closed is closed again for the command, at
 * its exec. */
static int fill_standard_fds(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
			return -EBADF;
	}
	return 0;
}

int main(UNUSED int argc, char **argv)
{
	struct options o;
	int status;

	if (fill_standard_fds() < 0)
		return EXIT_SETUP;
	status = options_parse(&o, argv) < 0 ? EXIT_SETUP : act(&o);
	options_release(&o);
	return status;
}
