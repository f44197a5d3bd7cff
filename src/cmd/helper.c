/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/helper.h"

#include <errno.h>
#include <sys/mount.h>

int helper_mount(const char *source, const char *target, const char *type, unsigned long flags,
	const char *data)
{
	return mount(source, target, type, flags, data) < 0 ? -errno : 0;
}

int helper_umount(const char *target, int flags)
{
	return umount2(target, flags) < 0 ? -errno : 0;
}
