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

struct idmapfile {
	pid_t pid;
	enum nsid kind;
	uint32_t own;	  /* to the kernel */
	uint32_t virtual; /* to the guests */
};

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

/* Another text of the same ranges, with other ids outside: malloc'ed. -EINVAL: there are none, or
 * something else beside them. */
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

static int put(pid_t pid, const char *name, const char *text)
{
	_cleanup_fd_ int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* The kernel lets none but root map a group where setgroups(2) is allowed. */
static int put_map(const struct idmapfile *m, const char *text)
{
	int r = put(m->pid, m->kind == NSID_UID ? "uid_map" : "gid_map", text);

	if (r != -EPERM || m->kind != NSID_GID || put(m->pid, "setgroups", "deny") < 0)
		return r;
	return put(m->pid, "gid_map", text);
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

static enum verdict map_read(struct vfile *vf, struct call *c, int fd)
{
	const struct idmapfile *m = vf->priv;
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ char *map = NULL;
	size_t n = c->args[2];
	off_t at = lseek(fd, 0, SEEK_CUR);
	int r;

	if (c->nr != __NR_read)
		return call_return(c, -EINVAL);
	r = nsids_map(m->pid, m->kind, &map);
	if (r == 0)
		r = translate(map, m->own, m->virtual, &text);
	if (r < 0)
		return call_return(c, r);
	if (at < 0 || (size_t)at > strlen(text))
		return call_return(c, 0);
	if (n > strlen(text) - (size_t)at)
		n = strlen(text) - (size_t)at;
	r = guest_write(c, call_addr(c, 1), text + at, n);
	if (r == 0 && lseek(fd, (off_t)n, SEEK_CUR) < 0)
		r = -errno;
	return call_return(c, r < 0 ? r : (int64_t)n);
}

/* Where calls are not caught: the kernel's own, which takes no virtual id. */
static int map_low(struct vfile *vf, int fd)
{
	const struct idmapfile *m = vf->priv;
	int flags = fcntl(fd, F_GETFL);
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", m->pid,
		m->kind == NSID_UID ? "uid_map" : "gid_map");
	fd = open(path, (flags & O_ACCMODE) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void map_last_close(struct vfile *vf)
{
	free(vf->priv);
}

static const struct vfile_ops uid_ops = {
	.size = sizeof(uid_ops),
	.read = map_read,
	.write = map_write,
	.low = map_low,
	.last_close = map_last_close,
	.path = "/proc/self/uid_map",
};

static const struct vfile_ops gid_ops = {
	.size = sizeof(gid_ops),
	.read = map_read,
	.write = map_write,
	.low = map_low,
	.last_close = map_last_close,
	.path = "/proc/self/gid_map",
};

static enum verdict answer(struct call *c, struct idmapfile *m, int flags)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	_cleanup_fd_ int mem = memfd_create("umview-idmap", MFD_CLOEXEC);
	char path[FD_PATH_MAX];
	int fd, r;

	fd = mem < 0 ? -1 : open(fd_path(path, mem), (flags & O_ACCMODE) | O_CLOEXEC);
	r = fd < 0 ? -errno
		   : vfile_new_device(
			     c->um->files, fd, m->kind == NSID_UID ? &uid_ops : &gid_ops, m, &vf);
	if (r < 0) {
		free(m);
		return call_return(c, r);
	}
	return guestfd_answer(c, vf->place, flags & O_CLOEXEC, ZONE_HOT);
}

bool idmapfile_open(struct call *c, pid_t pid, enum nsid kind, int flags, enum verdict *ret)
{
	const struct own_ids own = call_own_ids(c);
	const struct identity *id;
	struct idmapfile *m;

	if ((flags & (O_PATH | O_DIRECTORY)) || !c->um->ids || !task_is_ours(pid) ||
		!is_first(&c->um->view, pid) || ids_given(c->um->ids, pid, &id) < 0)
		return false;
	m = malloc(sizeof(*m));
	if (!m) {
		*ret = call_return(c, -ENOMEM);
		return true;
	}
	*m = (struct idmapfile){ .pid = pid,
		.kind = kind,
		.own = kind == NSID_UID ? own.uid : own.gid,
		.virtual = kind == NSID_UID ? id->uid[ID_EFF] : id->gid[ID_EFF] };
	*ret = answer(c, m, flags);
	return true;
}
