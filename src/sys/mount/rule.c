/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/mount/rule.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "sys/mount/bind.h"
#include "sys/mount/calls.h"

static const struct {
	const char *word, *says;
} rules[] = {
	[RULE_HIDE] = { "hide", "is hidden" },
	[RULE_EMPTY] = { "empty", "is shown empty" },
	[RULE_RO] = { "ro", "is read-only" },
	[RULE_HOST] = { "host", "is the host's" },
	[RULE_RW] = { "rw", "is as it is, below what is read-only or hidden" },
};

int rule_parse(const char *word, enum mount_rule *ret)
{
	for (size_t i = RULE_HIDE; i < ARRAY_SIZE(rules); i++) {
		if (rules[i].word && strcmp(word, rules[i].word) == 0) {
			*ret = (enum mount_rule)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *rule_says(enum mount_rule rule)
{
	return rules[rule].says;
}

static int is_directory(const struct path *p, bool *ret)
{
	struct stat st;

	if (p->kind == PATH_VIRTUAL) {
		if (!p->inode)
			return -ENOENT;
		*ret = inode_type(p->inode) == S_IFDIR;
		return 0;
	}
	if (fstatat(p->dirfd, p->last, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*ret = S_ISDIR(st.st_mode);
	return 0;
}

/* What the host has at this path, links followed. */
static int host_source(const char *name, struct path *ret)
{
	_cleanup_free_ char *real = realpath(name, NULL);

	if (!real)
		return -errno;
	ret->dirfd = open(real, O_PATH | O_CLOEXEC);
	if (ret->dirfd < 0)
		return -errno;
	ret->kind = PATH_REAL;
	ret->name = take_ptr(&real);
	return 0;
}

/* What is shown where something is to be empty: a folder or a file of the run directory. */
static int empty_source(struct um *um, bool dir, struct path *ret)
{
	_cleanup_free_ char *path = str_printf("%s/empty%s", um->rundir, dir ? "-folder" : "");
	int fd = -1;

	if (!path)
		return -ENOMEM;
	if (dir ? mkdir(path, 0555) < 0
		: (fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444)) < 0) {
		if (errno != EEXIST)
			return -errno;
	}
	if (fd >= 0)
		close(fd);
	return host_source(path, ret); /* whatever the view has there */
}

/* What is not of files: a view of /proc and the like by binds would be the supervisor's. */
static int keep_basics(struct um *um)
{
	static const char *const basics[] = { "/proc", "/dev", "/sys" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(basics); i++) {
		_cleanup_path_ struct path p = PATH_INIT;

		r = path_resolve_abs(&um->view, NULL, basics[i], PATH_FOLLOW | PATH_NO_RULES, &p);
		if (r == 0)
			r = rule_make(um, RULE_HOST, &p);
		if (r == 0)
			mount_note_brought(&um->view, p.name);
	}
	return r;
}

int rule_make(struct um *um, enum mount_rule rule, const struct path *where)
{
	unsigned long flags =
		mount_flags_new(rule == RULE_RO || rule == RULE_EMPTY ? MS_RDONLY : 0);
	_cleanup_path_ struct path other = PATH_INIT;
	_cleanup_mount_ struct mount *m = NULL;
	struct mount_as as;
	bool dir = false;
	int r = is_directory(where, &dir);

	/* what is not there is not to come to be there either */
	if ((r == 0 && rule == RULE_EMPTY) || (r == -ENOENT && rule == RULE_HIDE))
		r = empty_source(um, dir, &other);
	if (r == 0 && rule == RULE_HOST)
		r = host_source(where->name, &other);
	as = (struct mount_as){ .rule = rule, .leads = rule == RULE_HOST ? other.name : NULL };
	if (r == 0)
		r = um_bind_as(um, other.name ? &other : where, where, flags, &as, &m);
	if (r == 0 && rule == RULE_RO && where->kind == PATH_REAL && strcmp(where->name, "/") == 0)
		r = keep_basics(um);
	return r;
}
