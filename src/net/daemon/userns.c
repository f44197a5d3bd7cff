/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/daemon/userns.h"

#include <sched.h>
#include <string.h>

#include "base/userns.h"

int userns_enter(int flags, char **ret_message)
{
	struct userns_maps maps;
	int r;

	userns_prepare(&maps);
	if (unshare(CLONE_NEWUSER | flags) < 0) {
		r = -errno;
		*ret_message = str_printf(
			"--net: a network of one's own needs user namespaces, which are refused "
			"here (%s): see /proc/sys/user/max_user_namespaces, "
			"kernel.apparmor_restrict_unprivileged_userns, or the container's seccomp "
			"profile",
			strerror(-r));
		return r;
	}
	return userns_map(&maps);
}
