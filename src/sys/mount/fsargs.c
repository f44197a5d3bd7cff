/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the newer mount calls say of their arguments before they do anything, in the kernel's order.
 */
#include "sys/mount/fsargs.h"

#include <fcntl.h>
#include <linux/mount.h>

#include "sys/task/ids.h"

#define BINARY_MAX (1024 * 1024)

int fsconfig_args(const struct call *c)
{
	unsigned cmd = (unsigned)c->args[1];
	bool key = c->args[2], value = c->args[3];
	int aux = (int)c->args[4];

	switch (cmd) {
	case FSCONFIG_SET_FLAG:
		return key && !value && !aux ? 0 : -EINVAL;
	case FSCONFIG_SET_STRING:
		return key && value && !aux ? 0 : -EINVAL;
	case FSCONFIG_SET_BINARY:
		return key && value && aux > 0 && aux <= BINARY_MAX ? 0 : -EINVAL;
	case FSCONFIG_SET_PATH:
	case FSCONFIG_SET_PATH_EMPTY:
		return key && value && (aux >= 0 || aux == AT_FDCWD) ? 0 : -EINVAL;
	case FSCONFIG_SET_FD:
		return key && !value && aux >= 0 ? 0 : -EINVAL;
	case FSCONFIG_CMD_CREATE:
	case FSCONFIG_CMD_RECONFIGURE:
	case FSCONFIG_CMD_CREATE_EXCL_:
		return !key && !value && !aux ? 0 : -EINVAL;
	default:
		return -EOPNOTSUPP;
	}
}

bool fs_is_for_view(struct call *c)
{
	return ids_capable(c, CAP_SYS_ADMIN) && !ids_kernel_capable(c, CAP_SYS_ADMIN);
}

int fs_check_dirfd(struct call *c, int fd, const struct path *p)
{
	if (p->kind != PATH_NATIVE || fd == AT_FDCWD)
		return 0;
	return fs_not_a_context(c, fd) == -EBADF ? -EBADF : 0;
}

int fs_not_a_context(struct call *c, int fd)
{
	int ours = guestfd_get(c, fd);

	if (ours < 0)
		return -EBADF;
	close(ours);
	return -EINVAL;
}
