/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/mount/carry.h"

#include <string.h>
#include <sys/mount.h>

#include "engine/guestmem.h"
#include "engine/nr.h"
#include "sys/table.h"
#include "sys/um.h"

bool mount_is_refused(void)
{
	/* The kernel looks at the strings first (EFAULT), a filter at the number alone. */
	const void *bad = (const void *)1;

	return mount(bad, bad, bad, 0, bad) < 0 && errno != EFAULT;
}

enum verdict carry_ioctl(struct call *c)
{
	struct um_carried carried;
	struct call inner = *c;
	enum verdict v;
	int r = guest_read(c, call_addr(c, 2), &carried, sizeof(carried));

	if (r < 0)
		return call_return(c, r);
	memcpy(inner.args, carried.args, sizeof(inner.args));
	inner.nr = (int)carried.nr;
	if (carried.nr == __NR_mount)
		v = sys_mount(&inner);
	else if (carried.nr == __NR_umount2)
		v = sys_umount2(&inner);
	else
		return call_return(c, -ENOTTY);
	memcpy(c->what, inner.what, sizeof(c->what));
	/* what is not the view's the kernel would have decided: its filter has */
	return call_return(c, v == CONTINUE ? -EPERM : inner.ret);
}
