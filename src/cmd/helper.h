/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two calls of the mount helpers. They are made as system calls, which the view answers; where
 * a filter outside refuses them before the view sees them (Docker's), an ioctl carries them
 * (sys/mount/carry.h).
 */
#ifndef UM_CMD_HELPER_H
#define UM_CMD_HELPER_H

/* 0 or -errno. */
int helper_mount(const char *source, const char *target, const char *type, unsigned long flags,
	const char *data);
int helper_umount(const char *target, int flags);

/* mount(8) and umount(8) as far as the view's own mounts need them: exit status 0, 1 usage, 32. */
int mount_main(int argc, char **argv);
int umount_main(int argc, char **argv);

#endif
