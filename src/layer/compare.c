/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/compare.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#include "layer/attrs.h"
#include "layer/base.h"

enum { BLOCK = 1 << 17 };

static ssize_t read_full(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

bool compare_content(int a, int b)
{
	_cleanup_free_ char *buf = malloc(2 * BLOCK);
	ssize_t n = buf ? 1 : -ENOMEM;

	while (n > 0) {
		n = read_full(a, buf, BLOCK);
		if (read_full(b, buf + BLOCK, BLOCK) != n)
			return false;
		if (n > 0 && memcmp(buf, buf + BLOCK, (size_t)n) != 0)
			return false;
	}
	return n == 0;
}

bool compare_links(int adir, const char *a, int bdir, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];

	return read_link(adir, a, x, sizeof(x)) >= 0 && read_link(bdir, b, y, sizeof(y)) >= 0 &&
	       strcmp(x, y) == 0;
}

bool compare_metadata(const struct change *c)
{
	const struct stat *a = &c->entry->st, *b = &c->lower->st;
	_cleanup_attrs_ struct attrs x = { 0 }, y = { 0 };

	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		return false;
	if (!S_ISDIR(a->st_mode) && base_compare_time(a->st_mtim, b->st_mtim) != 0)
		return false;
	/* what cannot be read is taken for the same: it can neither be shown nor carried over */
	if (attrs_of_entry(c->dirfd, c->name, c->ours, c->entry, &x) < 0 ||
		attrs_of_entry(c->lower_dirfd, c->lower_name, false, c->lower, &y) < 0)
		return true;
	return attrs_equal(&x, &y);
}
