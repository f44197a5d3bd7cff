/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's tmpfs. An ordinary user may make one in a user namespace; the mount that fsmount(2)
 * gives is attached nowhere, and its descriptor works in any namespace.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/userns.h"
#include "fs/tmpfs/internal.h"

/* The root's descriptor or -errno. Only system calls: it runs in a child of a process with threads.
 */
static int make(const struct tmpfs_words *w, size_t *ret_bad)
{
	int ctx = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), fd;
	int err = 0;

	if (ctx < 0)
		return -errno;
	for (size_t i = 0; i < w->n && err == 0; i++) {
		if (syscall(SYS_fsconfig, ctx,
			    w->value[i] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, w->word[i],
			    w->value[i], 0) == 0)
			continue;
		err = -errno;
		*ret_bad = i;
	}
	if (err == 0 && syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		err = -errno;
	fd = err < 0 ? err : (int)syscall(SYS_fsmount, ctx, FSMOUNT_CLOEXEC, 0);
	if (err == 0 && fd < 0)
		fd = -errno;
	close(ctx);
	return fd;
}

struct making {
	const struct tmpfs_words *w;
	size_t *bad; /* in memory that is shared with the child */
};

static int make_in_child(void *arg)
{
	struct making *m = arg;

	return make(m->w, m->bad);
}

int tmpfs_of_kernel(const struct tmpfs_words *w, size_t *ret_bad)
{
	struct making m = { .w = w };
	int fd = make(w, ret_bad);

	if (fd >= 0 || *ret_bad != SIZE_MAX)
		return fd;
	m.bad = mmap(
		NULL, sizeof(*m.bad), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m.bad == MAP_FAILED)
		return -errno;
	*m.bad = SIZE_MAX;
	fd = userns_make(make_in_child, &m);
	*ret_bad = *m.bad;
	munmap(m.bad, sizeof(*m.bad));
	return fd;
}
