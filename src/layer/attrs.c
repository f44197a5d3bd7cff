/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/attrs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <linux/limits.h>
#include <sys/xattr.h>

#include "layer/entry.h"
#include "layer/tree.h"

void attrs_release(struct attrs *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->attr[i].key);
		free(a->attr[i].value);
	}
	free(a->attr);
	*a = (struct attrs){ 0 };
}

int attrs_add(struct attrs *a, const char *key, const void *value, size_t len)
{
	struct attr *bigger = reallocarray(a->attr, a->n + 1, sizeof(*bigger));
	struct attr *one;

	if (!bigger)
		return -ENOMEM;
	a->attr = bigger;
	one = &a->attr[a->n];
	one->key = strdup(key);
	one->value = malloc(len + 1);
	one->len = len;
	one->kept = false;
	if (!one->key || !one->value) {
		free(one->key);
		free(one->value);
		return -ENOMEM;
	}
	memcpy(one->value, value, len);
	a->n++;
	return 0;
}

const struct attr *attrs_find(const struct attrs *a, const char *key)
{
	for (size_t i = 0; a && i < a->n; i++) {
		if (strcmp(a->attr[i].key, key) == 0)
			return &a->attr[i];
	}
	return NULL;
}

void attrs_drop(struct attrs *a, const char *key)
{
	const struct attr *found = attrs_find(a, key);
	const size_t i = found ? (size_t)(found - a->attr) : 0;

	if (!found)
		return;
	free(a->attr[i].key);
	free(a->attr[i].value);
	memmove(&a->attr[i], &a->attr[i + 1], (a->n - i - 1) * sizeof(*a->attr));
	a->n--;
}

int attrs_put(struct attrs *a, const char *key, const void *value, size_t len)
{
	const struct attr *old = attrs_find(a, key);
	const size_t i = old ? (size_t)(old - a->attr) : 0;
	int err = attrs_add(a, key, value, len);

	if (err < 0 || !old)
		return err;
	free(a->attr[i].key);
	free(a->attr[i].value);
	a->attr[i] = a->attr[--a->n];
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct attr *)a)->key, ((const struct attr *)b)->key);
}

/* ACLs and what users and programs set; SELinux's label and the like are the system's. */
bool attrs_wanted(const char *key)
{
	static const char *const wanted[] = { "user.", "trusted.", "system.posix_acl_" };
	bool is_one = strcmp(key, "security.capability") == 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		is_one |= strncmp(key, wanted[i], strlen(wanted[i])) == 0;
	return is_one && !entry_private_xattr(key);
}

static int read_open(int fd, struct attrs *ret)
{
	_cleanup_free_ char *list = NULL, *value = NULL;
	ssize_t n = flistxattr(fd, NULL, 0);
	int err = 0;

	if (n <= 0)
		return n < 0 && errno != ENOTSUP ? -errno : 0;
	list = malloc((size_t)n);
	value = malloc(XATTR_SIZE_MAX);
	if (!list || !value)
		return -ENOMEM;
	n = flistxattr(fd, list, (size_t)n);
	for (char *key = list; err == 0 && n > 0 && key < list + n; key += strlen(key) + 1) {
		const char *shown = entry_xattr_shown(key);
		bool kept = shown != key;
		ssize_t len =
			kept || attrs_wanted(key) ? fgetxattr(fd, key, value, XATTR_SIZE_MAX) : -1;

		if (len >= 0)
			err = attrs_add(ret, shown, value, (size_t)len);
		if (len >= 0 && err == 0)
			ret->attr[ret->n - 1].kept = kept;
	}
	if (ret->n)
		qsort(ret->attr, ret->n, sizeof(*ret->attr), by_key);
	return n < 0 ? -errno : err;
}

int attrs_read(int dirfd, const char *name, bool ours, struct attrs *ret)
{
	_cleanup_free_ char *path = str_printf("/proc/self/fd/%d/%s", dirfd, name);
	_cleanup_fd_ int fd = -1;

	*ret = (struct attrs){ 0 };
	/* most have none, and this needs no open */
	if (path && llistxattr(path, NULL, 0) == 0)
		return 0;
	fd = ours ? tree_peek_at(dirfd, name, O_RDONLY | O_NONBLOCK)
		  : tree_look_at(dirfd, name, O_RDONLY | O_NONBLOCK);
	return fd < 0 ? fd : read_open(fd, ret);
}

/* Of what cannot be opened: by its name. */
static int read_special(int dirfd, const char *name, struct attrs *ret)
{
	_cleanup_free_ char *path = str_printf("/proc/self/fd/%d/%s", dirfd, name), *list = NULL;
	_cleanup_free_ char *value = NULL;
	ssize_t n = path ? llistxattr(path, NULL, 0) : -1, len;
	int err = 0;

	if (n <= 0)
		return path ? 0 : -ENOMEM;
	list = malloc((size_t)n);
	value = malloc(XATTR_SIZE_MAX);
	if (!list || !value)
		return -ENOMEM;
	n = llistxattr(path, list, (size_t)n);
	for (char *key = list; err == 0 && n > 0 && key < list + n; key += strlen(key) + 1) {
		len = attrs_wanted(key) ? lgetxattr(path, key, value, XATTR_SIZE_MAX) : -1;
		if (len >= 0)
			err = attrs_add(ret, key, value, (size_t)len);
	}
	return err;
}

int attrs_of_entry(int dirfd, const char *name, bool ours, const struct entry *e, struct attrs *ret)
{
	int err;

	if (S_ISREG(e->real.st_mode) || S_ISDIR(e->real.st_mode))
		return attrs_read(dirfd, name, ours, ret);
	*ret = (struct attrs){ 0 };
	err = read_special(dirfd, name, ret);
	for (size_t i = 0; err == 0 && e->beside && i < e->beside->n; i++) {
		const struct attr *x = &e->beside->attr[i];

		attrs_drop(ret, x->key);
		err = attrs_add(ret, x->key, x->value, x->len);
		if (err == 0)
			ret->attr[ret->n - 1].kept = true;
	}
	if (ret->n)
		qsort(ret->attr, ret->n, sizeof(*ret->attr), by_key);
	return err;
}

bool attrs_equal(const struct attrs *a, const struct attrs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->attr[i].key, b->attr[i].key) != 0 ||
			a->attr[i].len != b->attr[i].len ||
			memcmp(a->attr[i].value, b->attr[i].value, a->attr[i].len) != 0)
			return false;
	}
	return true;
}

static const char *kept_key(const char *key, char buf[XATTR_NAME_MAX + 1])
{
	/* one that is cut short is of no use to anybody, and harms nobody */
	snprintf(buf, XATTR_NAME_MAX + 1, XATTR_KEPT "%s", key);
	return buf;
}

static int write_one(int fd, const struct attr *x, bool kept)
{
	char buf[XATTR_NAME_MAX + 1];
	const char *key = x->key;

	if (!kept && !attrs_wanted(key))
		return 0;
	if (kept && x->kept)
		key = kept_key(key, buf);
	else if (!kept && entry_xattr_unescape(key, buf))
		key = buf;
	if (fsetxattr(fd, key, x->value, x->len, 0) == 0)
		return 0;
	if (errno != EPERM)
		return -errno;
	if (!kept || strncmp(key, "user.", 5) == 0)
		return 0;
	return fsetxattr(fd, kept_key(x->key, buf), x->value, x->len, 0) < 0 ? -errno : 0;
}

int attrs_write(int fd, const struct attrs *a, bool kept)
{
	char buf[XATTR_NAME_MAX + 1];
	_cleanup_attrs_ struct attrs now = { 0 };
	int err = read_open(fd, &now);

	for (size_t i = 0; err == 0 && i < now.n; i++) {
		const struct attr *x = &now.attr[i];

		if (!attrs_find(a, x->key) &&
			fremovexattr(fd, x->kept ? kept_key(x->key, buf) : x->key) < 0 &&
			errno != EPERM && errno != ENODATA)
			err = -errno;
	}
	for (size_t i = 0; err == 0 && i < a->n; i++)
		err = write_one(fd, &a->attr[i], kept);
	return err;
}
