/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The kernel opens /proc/SUPERVISOR/fd/N for a guest if the guest may inspect
 * the supervisor, which is so for a guest of the same user: then nothing need be put into its
 * table. A guest of another user gets a descriptor of its own, and says /proc/self/fd/N. Where the
 * last component matters (it becomes the name of the process) a symbolic link is made to that.
 */
#include "sys/task/hop.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "engine/guestfd.h"

#define SLOW_LINKS 35 /* the kernel follows 40 */
#define SHORTENED 4
#define PAD_MAX 400 /* see inject.c: what is written below a stack stays small */

struct creds {
	uid_t uid; /* of the file system, as the gid */
	gid_t gid;
	uint64_t effective;
};

/* The n-th number of a line of /proc/PID/status. */
static uint64_t status_number(const char *status, const char *key, int n, int base)
{
	const char *p = strstr(status, key);
	char *end;

	if (!p)
		return UINT64_MAX;
	p += strlen(key);
	for (; n > 0; n--, p = end)
		(void)strtoull(p, &end, base);
	return strtoull(p, NULL, base);
}

static bool read_creds(const char *path, struct creds *ret)
{
	_cleanup_free_ char *s = NULL;

	if (read_file(path, 16384, &s, NULL) < 0)
		return false;
	ret->uid = (uid_t)status_number(s, "\nUid:", 3, 10);
	ret->gid = (gid_t)status_number(s, "\nGid:", 3, 10);
	ret->effective = status_number(s, "\nCapEff:", 0, 16);
	return true;
}

static uint64_t our_permitted(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return UINT64_MAX;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static bool in_our_userns(struct call *c)
{
	const struct view *v = &c->um->view;

	return !atomic_load(&v->exotic) || (v->user_ns && process_ns(c->tid, "user") == v->user_ns);
}

bool hop_guest_reaches_us(struct call *c)
{
	struct creds g;
	uid_t uid[3];
	gid_t gid[3];
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", c->tid);
	if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0 ||
		!in_our_userns(c) || !read_creds(path, &g))
		return false;
	for (int i = 0; i < 3; i++) {
		if (uid[i] != g.uid || gid[i] != g.gid)
			return false;
	}
	return (our_permitted() & ~g.effective) == 0;
}

int hop_give(struct call *c, int fd, struct hop *h)
{
	int n = guestfd_add(c, fd, O_CLOEXEC);

	*h = (struct hop){ .guest_fd = n < 0 ? 0 : n };
	return n < 0 ? n : 0;
}

/* /proc/.../fd/N as the guest is to say it; gives the guest the descriptor if need be. */
static int proc_path(struct call *c, int fd, bool reach, struct hop *h, char *buf, size_t size)
{
	if (!reach) {
		int n;

		files_note_low(c->um->files, fd); /* where all others are in use */
		n = guestfd_add(c, fd, O_CLOEXEC);
		if (n < 0)
			return n;
		h->guest_fd = n;
		snprintf(buf, size, "/proc/self/fd/%d", n);
		return 0;
	}
	snprintf(buf, size, "/proc/%d/fd/%d", getpid(), fd);
	return 0;
}

/* A directory of its own for the link, so that any name is free. */
static int make_dir(struct call *c, bool reach, struct hop *h)
{
	snprintf(h->dir, sizeof(h->dir), "%s/%s%llx", reach ? c->um->rundir : "/tmp",
		reach ? "x" : ".umview-", (unsigned long long)c->id);
	if (mkdir(h->dir, 0711) < 0 && errno != EEXIST) {
		int r = -errno;

		log_error("cannot make %s: %s", h->dir, strerror(-r));
		h->dir[0] = '\0';
		return r;
	}
	return 0;
}

int hop_make(struct call *c, int fd, const char *real, const char *name, size_t len, struct hop *h)
{
	char target[PATH_MAX];
	bool reach = hop_guest_reaches_us(c);
	size_t dirlen, pad = 1;
	int r = 0;

	*h = (struct hop){ 0 };
	if (fd >= 0)
		r = proc_path(c, fd, reach, h, target, sizeof(target));
	else
		snprintf(target, sizeof(target), "%s", real);
	if (r < 0)
		return r;
	if (!name) {
		memcpy(h->path, target, sizeof(target));
		return 0;
	}
	r = make_dir(c, reach, h);
	if (r < 0)
		return r;
	dirlen = strlen(h->dir);
	if (dirlen + strlen(name) + 2 > sizeof(h->link))
		return -ENAMETOOLONG;
	memcpy(h->link, h->dir, dirlen);
	h->link[dirlen] = '/';
	strcpy(h->link + dirlen + 1, name);
	if (symlink(target, h->link) < 0) {
		r = -errno;
		h->link[0] = '\0';
		return r;
	}
	if (len < PAD_MAX && dirlen + 1 + strlen(name) < len)
		pad = len - dirlen - strlen(name);
	memcpy(h->path, h->dir, dirlen);
	memset(h->path + dirlen, '/', pad);
	strcpy(h->path + dirlen + pad, name);
	return 0;
}

/* A directory or link with a name of one letter in /tmp. */
static int make_short(const char *target, const char *name, struct hop *h)
{
	static const char names[] =
		"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char path[16];

	for (size_t i = 0; i < sizeof(names) - 1; i++) {
		snprintf(path, sizeof(path), "/tmp/%c", names[i]);
		if ((name ? mkdir(path, 0711) : symlink(target, path)) == 0) {
			strcpy(name ? h->dir : h->link, path);
			break;
		}
		if (errno != EEXIST)
			return -errno;
	}
	if (!name)
		return h->link[0] ? 0 : -EEXIST;
	if (!h->dir[0])
		return -EEXIST;
	snprintf(h->link, sizeof(h->link), "%.8s/%.255s", h->dir, name);
	if (symlink(target, h->link) == 0)
		return 0;
	h->link[0] = '\0';
	return -errno;
}

int hop_make_short(struct call *c, int fd, const char *real, const char *name, size_t len,
	size_t room, struct hop *h)
{
	char target[PATH_MAX];
	size_t n, pad;
	int r = 0;

	*h = (struct hop){ 0 };
	if (name && HOP_SHORTEST + 1 + strlen(name) > room)
		name = NULL;
	if (room < HOP_SHORTEST)
		return -ENAMETOOLONG;
	if (fd >= 0)
		r = proc_path(c, fd, hop_guest_reaches_us(c), h, target, sizeof(target));
	else
		snprintf(target, sizeof(target), "%s", real);
	if (r == 0)
		r = make_short(target, name, h);
	if (r < 0)
		return r;
	/* "/tmp///x": what is filled up can be written over by what the guest said */
	n = strlen(h->link);
	pad = n < len && len < sizeof(h->path) ? len - n : 0;
	memcpy(h->path, "/tmp", 4);
	memset(h->path + 4, '/', pad);
	memcpy(h->path + 4 + pad, h->link + 4, n - 4 + 1);
	return 0;
}

/* A path to `to` that takes the kernel long to walk: by way of /sys some 80 us. */
static void detour(char buf[PATH_MAX], const char *to)
{
	static const char *const rounds[] = { "/sys/fs/../..", "/proc/sys/../..", "/tmp/.." };
	const char *round = rounds[ARRAY_SIZE(rounds) - 1];
	size_t n = 0, len = strlen(to), step;

	for (size_t i = ARRAY_SIZE(rounds); i-- > 0;) {
		if (access(rounds[i], X_OK) == 0)
			round = rounds[i];
	}
	step = strlen(round);
	for (; n + step + len < PATH_MAX - 100; n += step)
		memcpy(buf + n, round, step);
	memcpy(buf + n, to, len + 1);
}

static void slow_link(const struct hop *h, unsigned i, char *buf, size_t size)
{
	snprintf(buf, size, "%.200s/%u", h->dir, i);
}

int hop_make_slow(struct call *c, int fd, const char *real, size_t room, struct hop *h)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_nsec = UTIME_OMIT } };
	char to[PATH_MAX], way[PATH_MAX], name[PATH_MAX];
	bool reach = hop_guest_reaches_us(c);
	int r = 0;

	*h = (struct hop){ 0 };
	if (room < HOP_SHORTEST)
		return -ENAMETOOLONG;
	if (fd >= 0)
		r = proc_path(c, fd, reach, h, to, sizeof(to));
	else if (strlen(real) < PATH_MAX / 2)
		strcpy(to, real);
	else
		r = -ENAMETOOLONG;
	if (r == 0)
		r = make_dir(c, reach, h);
	memcpy(h->end, to, sizeof(to));
	while (r == 0 && h->nslow < SLOW_LINKS) {
		detour(way, to);
		slow_link(h, h->nslow, name, sizeof(name));
		if (symlink(way, name) < 0)
			r = -errno;
		else
			h->nslow++;
		strcpy(to, name);
	}
	if (r < 0)
		return r;
	detour(way, to);
	r = make_short(way, NULL, h);
	if (r < 0)
		return r;
	strcpy(h->path, h->link);
	(void)utimensat(
		AT_FDCWD, h->link, old, AT_SYMLINK_NOFOLLOW); /* then nobody sees it change */
	return 0;
}

void hop_shorten(void *hop)
{
	char new[PATH_MAX], old[PATH_MAX];
	const struct hop *h = hop;

	snprintf(new, sizeof(new), "%.200s/n", h->dir);
	for (unsigned i = 0; i < SHORTENED && i < h->nslow; i++) {
		slow_link(h, h->nslow - 1 - i, old, sizeof(old));
		if (symlink(h->end, new) < 0 || rename(new, old) < 0)
			return; /* then it takes longer */
	}
}

void hop_release(struct hop *h)
{
	for (char name[PATH_MAX]; h->nslow > 0; h->nslow--) {
		slow_link(h, h->nslow - 1, name, sizeof(name));
		if (unlink(name) < 0)
			log_warn("cannot remove %s: %s", name, strerror(errno));
	}
	if (h->link[0] && unlink(h->link) < 0)
		log_warn("cannot remove %s: %s", h->link, strerror(errno));
	if (h->dir[0] && rmdir(h->dir) < 0)
		log_warn("cannot remove %s: %s", h->dir, strerror(errno));
}

int hop_real_path(const struct path *p, char *buf, size_t size)
{
	struct stat by_name, by_fd;
	int flags = p->last[0] ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH;

	if (p->name && p->name[0] == '/' && strlen(p->name) < size &&
		fstatat(p->dirfd, p->last, &by_fd, flags) == 0 && stat(p->name, &by_name) == 0 &&
		by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino) {
		strcpy(buf, p->name);
		return 0;
	}
	if ((size_t)snprintf(buf, size, "/proc/%d/fd/%d%s%s", getpid(), p->dirfd,
		    p->last[0] ? "/" : "", p->last) >= size)
		return -ENAMETOOLONG;
	return 0;
}
