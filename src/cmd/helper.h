/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two calls of the mount helpers. They are made as system calls, which the view answers; where
 * an outer filter refuses them before the view sees them (Docker's), here is the place to ask over
 * the view's control socket instead.
 */
#ifndef UM_CMD_HELPER_H
#define UM_CMD_HELPER_H

/* 0 or -errno. */
int helper_mount(const char *source, const char *target, const char *type, unsigned long flags,
	const char *data);
int helper_umount(const char *target, int flags);

#endif
