/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file system of libfuse's low level whose server leaves ACLs to the kernel (FUSE_POSIX_ACL), or
 * with $ACLS_OWN does not ask it to: acls [options] MOUNTPOINT. Its files are root's, with modes
 * and ACLs for the user and group of $ACLS_USER (else who runs it): see `files`. Each request of
 * interest is a line on standard error.
 */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32 };
enum { ME = -2, ACL_MAX = 6 };

struct entry {
	uint16_t tag, perm;
	int32_t id;
};

/* In numeric order of their ids: 2 is the first. */
static struct file {
	const char *name;
	mode_t mode;
	int mine; /* the owner is who runs it */
	struct entry acl[ACL_MAX];
} files[] = {
	{ "user", 0660, 0,
		{ { USER_OBJ, 6, -1 }, { USER, 4, ME }, { GROUP_OBJ, 0, -1 }, { MASK, 6, -1 },
			{ OTHER, 0, -1 } } },
	{ "masked", 0640, 0,
		{ { USER_OBJ, 6, -1 }, { USER, 6, ME }, { GROUP_OBJ, 0, -1 }, { MASK, 4, -1 },
			{ OTHER, 0, -1 } } },
	{ "group", 0660, 0,
		{ { USER_OBJ, 6, -1 }, { GROUP_OBJ, 0, -1 }, { GROUP, 2, ME }, { MASK, 6, -1 },
			{ OTHER, 7, -1 } } },
	{ "denied", 0666, 0,
		{ { USER_OBJ, 6, -1 }, { USER, 0, ME }, { GROUP_OBJ, 6, -1 }, { MASK, 6, -1 },
			{ OTHER, 6, -1 } } },
	{ "no-group-bits", 0606, 0,
		{ { USER_OBJ, 6, -1 }, { USER, 0, ME }, { GROUP_OBJ, 6, -1 }, { MASK, 0, -1 },
			{ OTHER, 6, -1 } } },
	{ "others", 0664, 0,
		{ { USER_OBJ, 6, -1 }, { USER, 7, 1 }, { GROUP_OBJ, 6, -1 }, { MASK, 6, -1 },
			{ OTHER, 4, -1 } } },
	{ "none", 0604, 0, { { 0 } } },
	{ "mine", 0060, 1,
		{ { USER_OBJ, 0, -1 }, { USER, 6, ME }, { GROUP_OBJ, 6, -1 }, { MASK, 6, -1 },
			{ OTHER, 0, -1 } } },
	{ "unsorted", 0660, 0,
		{ { OTHER, 0, -1 }, { USER_OBJ, 6, -1 }, { USER, 6, ME }, { MASK, 6, -1 } } },
	{ "no-other", 0660, 0, { { USER_OBJ, 6, -1 }, { GROUP_OBJ, 6, -1 } } },
	{ "bad", 0660, 0, { { 64, 6, -1 } } },
	{ "run", 0770, 0,
		{ { USER_OBJ, 7, -1 }, { USER, 1, ME }, { GROUP_OBJ, 0, -1 }, { MASK, 7, -1 },
			{ OTHER, 0, -1 } } },
	{ "read-write", 0660, 0,
		{ { USER_OBJ, 6, -1 }, { USER, 6, ME }, { GROUP_OBJ, 0, -1 }, { MASK, 6, -1 },
			{ OTHER, 0, -1 } } },
	{ "setgid", 02750, 1, { { 0 } } },
};
enum { NFILES = sizeof(files) / sizeof(files[0]), FIRST = 2 };

static uid_t user;
static gid_t group;

static struct file *file_of(fuse_ino_t ino)
{
	return ino >= FIRST && ino < FIRST + NFILES ? &files[ino - FIRST] : NULL;
}

static void attr_of(fuse_ino_t ino, struct stat *st)
{
	struct file *f = file_of(ino);

	*st = (struct stat){ .st_ino = ino, .st_nlink = 1, .st_mode = S_IFDIR | 0755 };
	if (f) {
		st->st_mode = S_IFREG | f->mode;
		st->st_uid = f->mine ? user : 0;
	}
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .attr_timeout = 3600, .entry_timeout = 3600 };

	(void)parent;
	for (unsigned i = 0; i < NFILES; i++) {
		if (strcmp(name, files[i].name) == 0) {
			e.ino = FIRST + i;
			attr_of(e.ino, &e.attr);
			fuse_reply_entry(req, &e);
			return;
		}
	}
	fuse_reply_err(req, ENOENT);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	attr_of(ino, &st);
	fuse_reply_attr(req, &st, 3600);
}

static void op_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *st, int what, struct fuse_file_info *fi)
{
	struct file *f = file_of(ino);

	(void)fi;
	if (f && (what & FUSE_SET_ATTR_MODE)) {
		fprintf(stderr, "chmod %s %o\n", f->name, st->st_mode & 07777);
		f->mode = st->st_mode & 07777;
	}
	attr_of(ino, st);
	fuse_reply_attr(req, st, 3600);
}

static size_t acl_of(const struct file *f, char value[4 + ACL_MAX * sizeof(struct entry)])
{
	size_t len = 4;

	memcpy(value, "\2\0\0", 4);
	for (unsigned i = 0; i < ACL_MAX && f->acl[i].tag; i++) {
		struct entry e = f->acl[i];

		if (e.id == ME)
			e.id = (int32_t)(e.tag == USER ? user : group);
		memcpy(value + len, &e, sizeof(e));
		len += sizeof(e);
	}
	return len;
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct file *f = file_of(ino);
	char value[4 + ACL_MAX * sizeof(struct entry)];
	size_t len;

	fprintf(stderr, "getxattr %s %s\n", f ? f->name : "/", name);
	if (!f || !f->acl[0].tag || strcmp(name, "system.posix_acl_access") != 0) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	len = acl_of(f, value);
	if (size == 0)
		fuse_reply_xattr(req, len);
	else if (size < len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, len);
}

static void op_setxattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct file *f = file_of(ino);
	size_t n = size >= 4 ? (size - 4) / sizeof(struct entry) : 0;

	fprintf(stderr, "setxattr %s %s of %zu bytes, flags %d\n", f ? f->name : "/", name, size,
		flags);
	if (!f || n > ACL_MAX) {
		fuse_reply_err(req, EPERM);
		return;
	}
	memset(f->acl, 0, sizeof(f->acl));
	memcpy(f->acl, value + 4, n * sizeof(struct entry));
	fuse_reply_err(req, 0);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct file *f = file_of(ino);

	fprintf(stderr, "removexattr %s %s\n", f ? f->name : "/", name);
	if (!f || !f->acl[0].tag) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	memset(f->acl, 0, sizeof(f->acl));
	fuse_reply_err(req, 0);
}

static void op_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino, (void)size, (void)off, (void)fi;
	fuse_reply_buf(req, NULL, 0);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct file *f = file_of(ino);

	fprintf(stderr, "open %s\n", f ? f->name : "/");
	fuse_reply_open(req, fi);
}

static void op_init(void *arg, struct fuse_conn_info *conn)
{
	(void)arg;
	if (!getenv("ACLS_OWN"))
		conn->want |= FUSE_CAP_POSIX_ACL;
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.open = op_open,
	.read = op_read,
	.getxattr = op_getxattr,
	.setxattr = op_setxattr,
	.removexattr = op_removexattr,
};

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	const char *who = getenv("ACLS_USER");
	struct fuse_session *session;
	struct fuse_cmdline_opts o;
	int r;

	user = who ? (uid_t)atoi(who) : getuid();
	group = who ? (gid_t)atoi(who) : getgid();
	if (fuse_parse_cmdline(&args, &o) != 0 || !o.mountpoint)
		return 1;
	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!session || fuse_session_mount(session, o.mountpoint) != 0)
		return 1;
	fuse_daemonize(o.foreground);
	r = fuse_session_loop(session);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	return r != 0;
}
