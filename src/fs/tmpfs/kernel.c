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

/* In memory that is shared with the child. */
struct making {
	const struct tmpfs_words *w;
	size_t bad;
	int userns; /* the child's */
};

/* Tells a context the options. Only system calls: it runs in a child of a process with threads. */
static int configure(int ctx, const struct tmpfs_words *w, size_t *ret_bad)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->ours[i] || syscall(SYS_fsconfig, ctx,
					  w->value[i] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
					  w->word[i], w->value[i], 0) == 0)
			continue;
		*ret_bad = i;
		return -errno;
	}
	return 0;
}

/* The root's descriptor or -errno. */
static int make(const struct tmpfs_words *w, size_t *ret_bad)
{
	int ctx = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), fd, err;

	if (ctx < 0)
		return -errno;
	err = configure(ctx, w, ret_bad);
	if (err == 0 && syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		err = -errno;
	fd = err < 0 ? err : (int)syscall(SYS_fsmount, ctx, FSMOUNT_CLOEXEC, 0);
	if (err == 0 && fd < 0)
		fd = -errno;
	close(ctx);
	return fd;
}

static int make_in_child(void *arg)
{
	struct making *m = arg;
	int fd = make(m->w, &m->bad);

	if (fd >= 0) /* without it a remount changes flags alone */
		m->userns = userns_open("/proc/self/ns/user", O_RDONLY);
	return fd;
}

int tmpfs_of_kernel(const struct tmpfs_words *w, struct tmpfs_kernel *ret, size_t *ret_bad)
{
	struct making *m;
	int fd = make(w, ret_bad);

	*ret = (struct tmpfs_kernel){ .root = fd, .userns = -1 };
	if (fd >= 0 || *ret_bad != SIZE_MAX)
		return fd < 0 ? fd : 0;
	m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		return -errno;
	*m = (struct making){ .w = w, .bad = SIZE_MAX, .userns = -1 };
	fd = userns_make(make_in_child, m);
	*ret_bad = m->bad;
	*ret = (struct tmpfs_kernel){ .root = fd, .userns = m->userns };
	munmap(m, sizeof(*m));
	return fd < 0 ? fd : 0;
}

void tmpfs_kernel_release(struct tmpfs_kernel *k)
{
	um_cleanup_fd(&k->root);
	um_cleanup_fd(&k->userns);
	k->root = k->userns = -1;
}

struct remounting {
	const struct tmpfs_kernel *k;
	const struct tmpfs_words *w;
	bool read_only;
};

static int remount(void *arg)
{
	const struct remounting *r = arg;
	int ctx = (int)syscall(SYS_fspick, r->k->root, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
	size_t bad;
	int err;

	if (ctx < 0)
		return -errno;
	err = configure(ctx, r->w, &bad);
	if (err == 0 &&
		(syscall(SYS_fsconfig, ctx, FSCONFIG_SET_FLAG, r->read_only ? "ro" : "rw", NULL,
			 0) < 0 ||
			syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0))
		err = -errno;
	close(ctx);
	return err;
}

int tmpfs_kernel_remount(const struct tmpfs_kernel *k, const struct tmpfs_words *w, bool read_only)
{
	struct remounting r = { .k = k, .w = w, .read_only = read_only };

	return k->userns < 0 ? remount(&r) : userns_run(k->userns, remount, &r);
}
