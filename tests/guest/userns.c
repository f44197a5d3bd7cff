/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owners, as a process in a user namespace of its own sees and gives them: its ids are others
 * there. */
#include <sched.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "guest.h"

#define ACCESS "system.posix_acl_access"

struct value {
	uint32_t version;
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} e[5];
};

static void show_ids(const char *name)
{
	struct statx sx;
	struct stat st;
	int fd = open(name, O_RDONLY);

	if (lstat(name, &st) < 0 || statx(AT_FDCWD, name, 0, STATX_BASIC_STATS, &sx) < 0) {
		tap_result(&t, -1, "stat %s", name);
		return;
	}
	tap_check(&t, 1, "%s: stat %u %u, statx %u %u", name, st.st_uid, st.st_gid, sx.stx_uid,
		sx.stx_gid);
	if (fd >= 0 && fstat(fd, &st) == 0)
		tap_check(&t, 1, "%s: fstat %u %u", name, st.st_uid, st.st_gid);
	close(fd);
}

static void show_acl(const char *name)
{
	struct value got;
	ssize_t n = getxattr(name, ACCESS, &got, sizeof(got));

	if (tap_result(&t, n, "getxattr") < (ssize_t)sizeof(got))
		return;
	for (int i = 0; i < 5; i++)
		if (got.e[i].tag == 2)
			tap_check(&t, 1, "the ACL names %u: %o", got.e[i].id, got.e[i].perm);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool good = fd >= 0 && write(fd, text, strlen(text)) > 0;

	close(fd);
	return good;
}

/* With the ids of ours as `inside`. */
static bool enter(unsigned inside)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER) < 0 || !put("/proc/self/setgroups", "deny"))
		return false;
	snprintf(map, sizeof(map), "%u %u 1", inside, uid);
	if (!put("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "%u %u 1", inside, gid);
	return put("/proc/self/gid_map", map);
}

static void try_as(unsigned id)
{
	struct value acl = { 2,
		{ { 1, 6, -1u }, { 2, 4, id }, { 4, 4, -1u }, { 16, 6, -1u }, { 32, 0, -1u } } };
	int fd;

	show_ids("f");
	tap_result(&t, chown("f", id, id), "chown to ourselves");
	tap_result(&t, chown("f", id, (gid_t)-1), "chown of the owner alone");
	tap_result(&t, chown("f", id + 1, (gid_t)-1), "chown to nobody's id");
	tap_result(&t, lchown("f", (uid_t)-1, id + 1), "chown to nobody's group");
	fd = open("f", O_RDWR);
	tap_result(&t, fchown(fd, id, id), "fchown to ourselves");
	tap_result(&t, fchown(fd, id + 1, id), "fchown to nobody's id");
	close(fd);
	tap_result(&t, close(open("made", O_CREAT | O_WRONLY, 0644)), "a new file");
	show_ids("made");
	tap_result(&t, unlink("made"), "unlink");
	tap_result(&t, setxattr("f", ACCESS, &acl, sizeof(acl), 0), "an ACL for ourselves");
	show_acl("f");
	acl.e[1].id = id + 1;
	tap_result(&t, setxattr("f", ACCESS, &acl, sizeof(acl), 0), "an ACL for nobody");
	show_acl("f");
}

static void within(unsigned id)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (enter(id))
			try_as(id);
		else
			puts("no user namespaces here");
		exit(t.count);
	}
	if (waitpid(pid, &status, 0) == pid)
		t.count = WEXITSTATUS(status);
}

int main(void)
{
	make("f", "x");
	within(0);
	within(7);
	show_acl("f");
	unlink("f");
	return tap_done(&t);
}
