/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounts that are attached nowhere. */
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>

#include "facts/fact.h"
#include "fs/tmpfs/internal.h"

static int probe_tmpfs(char *why, size_t size)
{
	struct tmpfs_words w = { .word = { (char *)(uintptr_t) "size" },
		.value = { (char *)(uintptr_t) "64k" },
		.n = 1 };
	_cleanup_(tmpfs_kernel_release) struct tmpfs_kernel k = { .root = -1, .userns = -1 };
	size_t bad = SIZE_MAX;
	_cleanup_fd_ int file = -1;
	struct statfs st;
	int r = tmpfs_of_kernel(&w, &k, &bad);

	if (r < 0) {
		errno = -r;
		return fact_fail(why, size, "fsopen(tmpfs) in a user namespace");
	}
	file = openat(k.root, "file", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0 || write(file, "x", 1) != 1)
		return fact_fail(why, size, "a file in it");
	if (fstatfs(file, &st) < 0 || st.f_blocks * (uint64_t)st.f_bsize != 65536) {
		errno = EPROTO;
		return fact_fail(why, size, "its size");
	}
	um_cleanup_fd(&file);
	file = -1;
	r = tmpfs_kernel_remount(&k, &(struct tmpfs_words){ .n = 0 }, true);
	if (r < 0 || openat(k.root, "more", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 ||
		errno != EROFS) {
		errno = r < 0 ? -r : EPROTO;
		return fact_fail(why, size, "a remount of it, read-only");
	}
	return 0;
}

const struct fact fact_tmpfs = {
	.name = "tmpfs",
	.what = "a tmpfs of the user's own can be made, and used from outside of its namespaces",
	.without = "--tmpfs is a folder in the run directory, with limits that are not exact: "
		   "allow user namespaces",
	.must = false,
	.probe = probe_tmpfs,
};
