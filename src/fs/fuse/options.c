/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of a FUSE mount, as mount(2) is given them. */
#include "fs/fuse/fuse.h"

#include <limits.h>
#include <string.h>

static int number(const char *s, int base, unsigned long *ret)
{
	char *end;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoul(s, &end, base);
	return errno || *end || *ret > UINT_MAX ? -EINVAL : 0;
}

/* value is NULL where there is no "=". */
static int one_option(struct fuse_options *o, const char *name, const char *value)
{
	static const struct {
		const char *name;
		int base;
	} numbers[] = { { "fd", 10 }, { "rootmode", 8 }, { "user_id", 10 }, { "group_id", 10 },
		{ "max_read", 10 }, { "blksize", 10 } };
	unsigned long n = 0;
	unsigned i;

	if (!value) {
		if (!strcmp(name, "default_permissions"))
			o->default_permissions = true;
		else if (!strcmp(name, "allow_other"))
			o->allow_other = true;
		else
			return -EINVAL;
		return 0;
	}
	if (!strcmp(name, "subtype") || !strcmp(name, "source"))
		return 0; /* the mount's, not ours */
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!strcmp(name, numbers[i].name))
			break;
	if (i == ARRAY_SIZE(numbers) || number(value, numbers[i].base, &n))
		return -EINVAL;
	switch (i) {
	case 0:
		if (n > INT_MAX)
			return -EINVAL;
		o->fd = (int)n;
		break;
	case 1:
		o->rootmode = (mode_t)n;
		o->have_rootmode = true;
		break;
	case 2:
		o->user_id = (uid_t)n;
		o->have_user_id = true;
		break;
	case 3:
		o->group_id = (gid_t)n;
		o->have_group_id = true;
		break;
	case 4:
		o->max_read = (uint32_t)n;
		break;
	default:
		o->blksize = (uint32_t)n;
	}
	return 0;
}

int fuse_options_parse(const char *data, struct fuse_options *ret)
{
	struct fuse_options o = { .fd = -1 };
	_cleanup_free_ char *copy = strdup(data ? data : "");
	char *save = NULL;

	if (!copy)
		return -ENOMEM;
	for (char *opt = strtok_r(copy, ",", &save); opt; opt = strtok_r(NULL, ",", &save)) {
		char *value = strchr(opt, '=');
		int err;

		if (value)
			*value++ = '\0';
		err = one_option(&o, opt, value);
		if (err)
			return err;
	}
	*ret = o;
	return 0;
}
