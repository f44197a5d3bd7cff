/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/mount/carry.h"

/* The call itself; or, where a filter outside of the view refuses it, carried by an ioctl. */
static int carry(long nr, const uint64_t args[6])
{
	struct um_carried carried = { .nr = (uint64_t)nr };
	int fd, err = 0;

	if (syscall(nr, args[0], args[1], args[2], args[3], args[4]) == 0)
		return 0;
	if (errno != EPERM)
		return -errno;
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -EPERM;
	memcpy(carried.args, args, sizeof(carried.args));
	if (ioctl(fd, UM_IOC_CALL, &carried) < 0)
		err = errno == ENOTTY ? -EPERM : -errno;
	close(fd);
	return err;
}

int helper_mount(const char *source, const char *target, const char *type, unsigned long flags,
	const char *data)
{
	const uint64_t args[6] = { (uintptr_t)source, (uintptr_t)target, (uintptr_t)type, flags,
		(uintptr_t)data };

	return carry(SYS_mount, args);
}

int helper_umount(const char *target, int flags)
{
	const uint64_t args[6] = { (uintptr_t)target, (uint64_t)flags };

	return carry(SYS_umount2, args);
}
