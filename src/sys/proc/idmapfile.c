/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/proc/idmapfile.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "engine/engine.h"
#include "engine/guestfd.h"
#include "engine/nr.h"
#include "engine/own.h"
#include "sys/task/ids.h"
#include "view/elsewhere.h"

struct idmapfile {
	/* The kernel's, opened as the guest did: they are the namespace's, be the process gone, and
	 * its number another's. setgroups: -1 where it is not needed. */
	int map, setgroups;
	uint32_t own;	  /* to the kernel */
	uint32_t virtual; /* to the guests */
};

static void idmapfile_free(struct idmapfile *m)
{
	if (m->map >= 0)
		close(m->map);
	if (m->setgroups >= 0)
		close(m->setgroups);
	free(m);
}

/* Is it a namespace that a process of the view has made? One that was made in such a one is the
 * kernel's alone. */
static bool is_first(const struct view *v, pid_t pid)
{
	_cleanup_fd_ int ns = -1, parent = -1;
	char link[64];
	struct stat st;

	if (!nsids_elsewhere(v, pid))
		return false;
	snprintf(link, sizeof(link), "/proc/%d/ns/user", pid);
	ns = open(link, O_RDONLY | O_CLOEXEC);
	parent = ns < 0 ? -1 : ioctl(ns, NS_GET_PARENT);
	return parent >= 0 && fstat(parent, &st) == 0 && st.st_ino == v->user_ns;
}

/* Another text of the same ranges, with other ids outside: malloc'ed. -EINVAL: there is something
 * else beside them. */
static int translate(const char *text, uint32_t from, uint32_t to, char **ret)
{
	_cleanup_free_ char *out = NULL;
	uint32_t range[3];
	size_t len;
	FILE *f = open_memstream(&out, &len);

	if (!f)
		return -ENOMEM;
	while (nsids_next(&text, range))
		fprintf(f, "%10u %10u %10u\n", range[0], range[1] == from ? to : range[1],
			range[2]);
	if (fclose(f) != 0)
		return -ENOMEM;
	if (text[strspn(text, " \t\n")])
		return -EINVAL;
	*ret = take_ptr(&out);
	return 0;
}

static int put(int fd, const char *text)
{
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* The kernel lets none but root map a group where setgroups(2) is allowed. */
static int put_map(const struct idmapfile *m, const char *text)
{
	int r = put(m->map, text);

	if (r != -EPERM || m->setgroups < 0 || put(m->setgroups, "deny") < 0)
		return r;
	return put(m->map, text);
}

static enum verdict map_write(struct vfile *vf, struct call *c, UNUSED int fd)
{
	const struct idmapfile *m = vf->priv;
	_cleanup_free_ char *text = NULL;
	size_t size = c->args[2];
	char buf[4096];
	int r;

	if (c->nr != __NR_write || size >= sizeof(buf))
		return call_return(c, -EINVAL);
	r = guest_read(c, call_addr(c, 1), buf, size);
	if (r < 0)
		return call_return(c, r);
	buf[size] = '\0';
	r = translate(buf, m->virtual, m->own, &text);
	if (r == 0)
		r = put_map(m, text);
	return call_return(c, r < 0 ? r : (int64_t)size);
}

#define MAP_MAX 16384 /* 340 ranges, which is the most that there can be, in lines of 33 bytes */

static int read_map(const struct idmapfile *m, char buf[MAP_MAX])
{
	size_t len = 0;
	ssize_t n;

	while ((n = pread(m->map, buf + len, MAP_MAX - 1 - len, (off_t)len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	return n < 0 ? -errno : 0;
}

static enum verdict map_read(struct vfile *vf, struct call *c, int fd)
{
	const struct idmapfile *m = vf->priv;
	_cleanup_guest_io_ struct guest_io io = { 0 };
	_cleanup_free_ char *text = NULL;
	char map[MAP_MAX];
	size_t len;
	ssize_t n;
	off_t at;
	int r = guest_io_get(c, &io);

	if (r == 0)
		r = read_map(m, map);
	if (r == 0)
		r = translate(map, m->own, m->virtual, &text);
	at = r < 0 ? r : guest_io_at(&io, fd);
	if (at < 0)
		return call_return(c, at);
	len = strlen(text) > (size_t)at ? strlen(text) - (size_t)at : 0;
	len = len < io.total ? len : io.total;
	n = len ? guest_scatter(c, guest_io_vec(&io), io.n, 0, text + at, len) : 0;
	return call_return(c, guest_io_moved(&io, fd, at, n));
}

/* Where calls are not caught: the kernel's own, which takes no virtual id. */
static int map_low(struct vfile *vf, UNUSED int fd)
{
	const struct idmapfile *m = vf->priv;
	int low = fcntl(m->map, F_DUPFD_CLOEXEC, 0);

	return low < 0 ? -errno : low;
}

static void map_last_close(struct vfile *vf)
{
	idmapfile_free(vf->priv);
}

#define MAP_OPS(name)                                                                              \
	{                                                                                          \
		.size = sizeof(struct vfile_ops), .read = map_read, .write = map_write,            \
		.low = map_low, .last_close = map_last_close, .path = "/proc/self/" name,          \
	}

static const struct vfile_ops map_ops[] = {
	[NSID_UID] = MAP_OPS("uid_map"),
	[NSID_GID] = MAP_OPS("gid_map"),
};

static enum verdict answer(
	struct call *c, struct idmapfile *m, const struct vfile_ops *ops, int flags)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	_cleanup_fd_ int mem = memfd_create("umview-idmap", MFD_CLOEXEC);
	char path[FD_PATH_MAX];
	int fd, r;

	fd = mem < 0 ? -1 : open(fd_path(path, mem), (flags & O_ACCMODE) | O_CLOEXEC);
	r = fd < 0 ? -errno : vfile_new_device(c->um->files, fd, ops, m, &vf);
	if (r < 0) {
		idmapfile_free(m);
		return call_return(c, r);
	}
	return guestfd_answer(c, vf->place, flags & O_CLOEXEC, ZONE_HOT);
}

static int open_there(pid_t pid, const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, (flags & O_ACCMODE) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static enum verdict open_map(
	struct call *c, pid_t pid, enum nsid kind, int flags, const struct idmapfile *like)
{
	struct idmapfile *m = malloc(sizeof(*m));
	int r;

	if (!m)
		return call_return(c, -ENOMEM);
	*m = *like;
	r = m->map = open_there(pid, kind == NSID_UID ? "uid_map" : "gid_map", flags);
	if (r < 0) {
		idmapfile_free(m);
		return call_return(c, r);
	}
	if (kind == NSID_GID && (flags & O_ACCMODE) != O_RDONLY)
		m->setgroups = open_there(pid, "setgroups", O_WRONLY);
	return answer(c, m, &map_ops[kind], flags);
}

bool idmapfile_open(struct call *c, pid_t pid, enum nsid kind, int flags, enum verdict *ret)
{
	const struct own_ids own = call_own_ids(c);
	struct idmapfile like = { .map = -1, .setgroups = -1 };
	const struct identity *id;

	elsewhere_note(&c->um->view, pid);
	if ((flags & (O_PATH | O_DIRECTORY)) || !c->um->ids || !task_is_ours(pid) ||
		!is_first(&c->um->view, pid) || ids_given(c->um->ids, pid, &id) < 0)
		return false;
	like.own = kind == NSID_UID ? own.uid : own.gid;
	like.virtual = kind == NSID_UID ? id->uid[ID_EFF] : id->gid[ID_EFF];
	if (like.own == like.virtual)
		return false;
	*ret = open_map(c, pid, kind, flags, &like);
	return true;
}
