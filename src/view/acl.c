/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view/acl.h"
#include "view/path.h"

#include <string.h>
#include <sys/xattr.h>

enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 0x10, OTHER = 0x20 };
enum { ACL_VERSION = 2 };

static const char *const names[] = {
	[ACL_ACCESS] = "system.posix_acl_access", [ACL_DEFAULT] = "system.posix_acl_default"
};

int acl_type_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return (int)i;
	return -1;
}

const char *acl_name(enum acl_type type)
{
	return names[type];
}

bool acl_valid(const struct acl *acl, unsigned n)
{
	unsigned last = 0, seen = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct acl_entry *e = &acl->e[i];

		if (e->tag < last || (e->tag == last && e->tag != USER && e->tag != GROUP) ||
			(e->perm & ~7u))
			return false;
		seen |= last = e->tag;
	}
	if ((seen & (USER | GROUP)) && !(seen & MASK))
		return false;
	return (seen & (USER_OBJ | GROUP_OBJ | OTHER)) == (USER_OBJ | GROUP_OBJ | OTHER);
}

static bool known(const struct acl_entry *e)
{
	switch (e->tag) {
	case USER:
	case GROUP:
		return e->id != UINT32_MAX;
	case USER_OBJ:
	case GROUP_OBJ:
	case MASK:
	case OTHER:
		return true;
	default:
		return false;
	}
}

int acl_parse(const void *value, size_t size, struct acl **ret, unsigned *ret_n)
{
	_cleanup_free_ struct acl *acl = NULL;
	unsigned n;

	if (size < sizeof(*acl) || size > ACL_VALUE_MAX)
		return -EINVAL;
	acl = malloc(size);
	if (!acl)
		return -ENOMEM;
	memcpy(acl, value, size);
	if (acl->version != ACL_VERSION)
		return -EOPNOTSUPP;
	n = (unsigned)((size - sizeof(*acl)) / sizeof(acl->e[0]));
	if (acl_size(n) != size)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		if (!known(&acl->e[i]))
			return -EINVAL;
		if (!(acl->e[i].tag & (USER | GROUP)))
			acl->e[i].id = UINT32_MAX;
	}
	*ret = n ? take_ptr(&acl) : NULL;
	*ret_n = n;
	return 0;
}

static unsigned mask_of(const struct acl *acl, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (acl->e[i].tag == MASK)
			return acl->e[i].perm;
	return 7;
}

int acl_may(const struct acl *acl, unsigned n, const struct fs_attr *attr, const struct fs_req *req,
	int mask)
{
	unsigned want = (unsigned)mask & 7, limit = mask_of(acl, n);
	bool in_group = false;

	for (unsigned i = 0; i < n; i++) {
		const struct acl_entry *e = &acl->e[i];

		switch (e->tag) {
		case USER:
			if (e->id == req->uid)
				return (e->perm & limit & want) == want ? 0 : -EACCES;
			break;
		case GROUP_OBJ:
		case GROUP:
			if (!fs_req_in_group(req, e->tag == GROUP ? e->id : attr->gid))
				break;
			in_group = true;
			if ((e->perm & want) == want)
				return (limit & want) == want ? 0 : -EACCES;
			break;
		case OTHER:
			return !in_group && (e->perm & want) == want ? 0 : -EACCES;
		default:
			break;
		}
	}
	return -EIO; /* none for the others: a server's mistake */
}

/* The entry that the group bits of a mode stand for. */
static unsigned group_class(const struct acl *acl, unsigned n)
{
	unsigned at = 0;

	for (unsigned i = 0; i < n; i++)
		if (acl->e[i].tag == MASK || (acl->e[i].tag == GROUP_OBJ && !at))
			at = i;
	return at;
}

bool acl_to_mode(const struct acl *acl, unsigned n, mode_t *ret)
{
	mode_t mode = (mode_t)(acl->e[group_class(acl, n)].perm << 3);
	bool more = false;

	for (unsigned i = 0; i < n; i++) {
		const struct acl_entry *e = &acl->e[i];

		if (e->tag == USER_OBJ)
			mode |= (mode_t)(e->perm << 6);
		else if (e->tag == OTHER)
			mode |= e->perm;
		more |= (e->tag & (USER | GROUP | MASK)) != 0;
	}
	*ret = mode;
	return more;
}

void acl_chmod(struct acl *acl, unsigned n, mode_t mode)
{
	acl->e[group_class(acl, n)].perm = (mode >> 3) & 7;
	for (unsigned i = 0; i < n; i++) {
		if (acl->e[i].tag == USER_OBJ)
			acl->e[i].perm = (mode >> 6) & 7;
		else if (acl->e[i].tag == OTHER)
			acl->e[i].perm = mode & 7;
	}
}

bool acl_create(struct acl *acl, unsigned n, mode_t *mode)
{
	mode_t allowed;
	bool more = acl_to_mode(acl, n, &allowed);

	*mode &= allowed | ~(mode_t)0777;
	acl_chmod(acl, n, *mode);
	return more;
}

bool acl_default_on_host(const char *path)
{
	return getxattr(path, acl_name(ACL_DEFAULT), NULL, 0) > 0;
}
