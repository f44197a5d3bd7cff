/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file/hostdev.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define UEVENT_MAX 4096

int hostdev_path(mode_t type, dev_t rdev, char path[HOSTDEV_PATH_MAX])
{
	_cleanup_free_ char *text = NULL;
	char uevent[64];
	const char *name;
	struct stat st;

	snprintf(uevent, sizeof(uevent), "/sys/dev/%s/%u:%u/uevent",
		type == S_IFBLK ? "block" : "char", major(rdev), minor(rdev));
	if (read_file(uevent, UEVENT_MAX, &text, NULL) < 0)
		return -ENXIO;
	name = strstr(text, "DEVNAME=");
	if (!name)
		return -ENXIO;
	name += strlen("DEVNAME=");
	if (snprintf(path, HOSTDEV_PATH_MAX, "/dev/%.*s", (int)strcspn(name, "\n"), name) >=
			HOSTDEV_PATH_MAX ||
		stat(path, &st) < 0 || (st.st_mode & S_IFMT) != type || st.st_rdev != rdev)
		return -ENXIO;
	return 0;
}
