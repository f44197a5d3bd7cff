/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POSIX ACLs: what they make of modes, modes of them, who inherits which; what is refused. */
#include <stdarg.h>
#include <sys/xattr.h>

#include "guest.h"

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32, END = 0 };

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};
struct value {
	uint32_t version;
	struct entry e[16];
};
static struct value v;

/* Fills v from tag, id, permissions ..., END: its size. */
static size_t acl(int tag, ...)
{
	unsigned n = 0;
	va_list ap;

	v.version = 2;
	va_start(ap, tag);
	for (; tag != END; tag = va_arg(ap, int)) {
		v.e[n].tag = (uint16_t)tag;
		v.e[n].id = va_arg(ap, unsigned);
		v.e[n++].perm = va_arg(ap, unsigned);
	}
	va_end(ap);
	return 4 + n * sizeof(struct entry);
}

static void show_acl(const char *name, const char *attr)
{
	struct value got;
	char text[256] = "";
	ssize_t n = lgetxattr(name, attr, &got, sizeof(got));
	int len = 0;

	if (n < 0) {
		tap_result(&t, -1, "%s of %s", attr, name);
		return;
	}
	for (int i = 0; i < (int)((size_t)n - 4) / 8; i++) {
		const struct entry *e = &got.e[i];
		unsigned wanted = e->tag == USER ? geteuid() : e->tag == GROUP ? getegid() : -1u;

		len += snprintf(text + len, sizeof(text) - (size_t)len, " %u%s:%o", e->tag,
			e->id == wanted ? "" : " other id", e->perm);
	}
	tap_check(&t, 1, "%s of %s, version %u:%s", attr, name, got.version, text);
}

static void show_all(const char *name)
{
	show(name);
	show_acl(name, ACCESS);
	show_acl(name, DEFAULT);
}

#define FULL_ACL                                                                                   \
	acl(USER_OBJ, -1, 6, USER, geteuid(), 7, GROUP_OBJ, -1, 4, GROUP, getegid(), 5, MASK, -1,  \
		6, OTHER, -1, 0, END)
#define MODE_ACL acl(USER_OBJ, -1, 6, GROUP_OBJ, -1, 2, OTHER, -1, 4, END)

static void access_acls(void)
{
	make("f", "text");
	R(getxattr("f", ACCESS, NULL, 0));
	R(setxattr("f", ACCESS, &v, FULL_ACL, 0));
	show_all("f");
	R(getxattr("f", ACCESS, NULL, 0));
	R(getxattr("f", ACCESS, &v, 10));
	R(chmod("f", 0751));
	show_all("f");
	R(chmod("f", 04700));
	show_all("f");
	R(setxattr("f", ACCESS, &v, FULL_ACL, XATTR_CREATE));
	show_all("f");
	R(setxattr("f", ACCESS, &v, MODE_ACL, 0));
	show_all("f");
	R(setxattr("f", ACCESS, &v, FULL_ACL, XATTR_REPLACE));
	R(removexattr("f", ACCESS));
	show_all("f");
	R(removexattr("f", ACCESS));
	R(setxattr("f", ACCESS, &v, FULL_ACL, 0));
	R(setxattr("f", ACCESS, &v, 4, 0));
	show_all("f");
	R(setxattr("f", ACCESS, &v, FULL_ACL, 0));
	R(setxattr("f", ACCESS, &v, 0, 0));
	show_all("f");
}

static void refused(void)
{
	R(setxattr("f", ACCESS, &v, 3, 0));
	R(setxattr("f", ACCESS, &v, 9, 0));
	R(setxattr("f", ACCESS, &v, acl(USER_OBJ, -1, 6, OTHER, -1, 0, END), 0));
	R(setxattr("f", ACCESS, &v, acl(GROUP_OBJ, -1, 6, USER_OBJ, -1, 6, OTHER, -1, 0, END), 0));
	R(setxattr("f", ACCESS, &v, acl(USER_OBJ, -1, 8, GROUP_OBJ, -1, 6, OTHER, -1, 0, END), 0));
	R(setxattr("f", ACCESS, &v, acl(USER_OBJ, -1, 6, 64, -1, 6, OTHER, -1, 0, END), 0));
	R(setxattr("f", ACCESS, &v,
		acl(USER_OBJ, -1, 6, USER, 5, 6, GROUP_OBJ, -1, 6, OTHER, -1, 0, END), 0));
	R(setxattr("f", ACCESS, &v,
		acl(USER_OBJ, -1, 6, USER, -1, 6, GROUP_OBJ, -1, 6, MASK, -1, 7, OTHER, -1, 0, END),
		0));
	v.version = 3;
	R(setxattr("f", ACCESS, &v, 28, 0));
	R(setxattr("f", DEFAULT, &v, FULL_ACL, 0));
	R(removexattr("f", DEFAULT));
	R(setxattr("none", ACCESS, &v, FULL_ACL, 0));
	R(symlink("f", "l"));
	R(lsetxattr("l", ACCESS, &v, FULL_ACL, 0));
	R(lgetxattr("l", ACCESS, &v, sizeof(v)));
	show_all("f");
}

static void inherited(void)
{
	int fd;

	R(mkdir("d", 0755));
	R(setxattr("d", DEFAULT, &v, FULL_ACL, 0));
	show_all("d");
	umask(077);
	make("d/file", "");
	show_all("d/file");
	fd = FD(open("d/shut", O_RDWR | O_CREAT | O_EXCL, 0600));
	close(fd);
	show_all("d/shut");
	R(mkdir("d/dir", 0775));
	show_all("d/dir");
	R(mknod("d/fifo", S_IFIFO | 0666, 0));
	show_all("d/fifo");
	R(symlink("x", "d/link"));
	show("d/link");
	R(setxattr("d", DEFAULT, &v, MODE_ACL, 0));
	make("d/plain", "");
	show_all("d/plain");
	R(mkdir("d/mode", 0777));
	show_all("d/mode");
	R(rename("d/file", "moved"));
	show_all("moved");
	R(removexattr("d", DEFAULT));
	make("d/none", "");
	show_all("d/none");
	R(chmod("d/dir", 02711));
	show_all("d/dir");
	fd = FD(open("d/file2", O_RDWR | O_CREAT, 0666));
	R(fsetxattr(fd, ACCESS, &v, FULL_ACL, 0));
	R(fchmod(fd, 0666));
	close(fd);
	show_all("d/file2");
}

int main(void)
{
	umask(022);
	make("f", "");
	R(setxattr("f", ACCESS, &v, FULL_ACL, 0));
	if (errno == EOPNOTSUPP)
		return 77;
	unlink("f");
	access_acls();
	refused();
	inherited();
	return tap_done(&t);
}
