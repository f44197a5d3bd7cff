/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. What the guest has open is the kernel's file of that name, of a mount
 * namespace that is made for this: who waits on it is woken by the kernel, once a mount there is
 * said to be what it is. What is read is ours; the position is the file's own. Each is opened by a
 * child in that namespace, through its own /proc/self, and so has an inode of its own; it outlives
 * the child.
 *
 * Where there can be no user namespaces, and at numbers where read(2) is not caught, it is a memfd,
 * which tells nothing (answer_text()).
 */
#include "sys/proc/tablefile.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "base/log.h"
#include "base/userns.h"
#include "engine/nr.h"
#include "view/elsewhere.h"

struct tablefiles {
	struct view *view;
	pthread_mutex_t lock; /* making the namespace */
	bool tried;
	int user, mnt;	/* its descriptors, once it is made; else -1 */
	int host, stop; /* the host's table; what ends the thread that waits on it */
	bool watched;
	pthread_t watcher;
	atomic_uint open; /* files: without any nobody is to be woken */
};

struct tablefile {
	struct tablefiles *all;
	struct um *um;
	pid_t pid;
	enum procfile_table kind;
	pthread_mutex_t lock; /* the text */
	char *text;
	size_t len;
};

/* ---- the namespace; what runs in children makes system calls only ---- */

static int open_own(UNUSED void *arg)
{
	int fd;

	/* what the host mounts is told once, by watch_host() */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	fd = userns_open("/proc/self/ns/mnt", O_RDONLY);
	return fd < 0 ? -errno : fd;
}

struct job {
	int mnt;
	const char *path;
	int flags;
};

static int open_table(void *arg)
{
	const struct job *job = arg;
	int fd;

	if (setns(job->mnt, CLONE_NEWNS) < 0)
		return -errno;
	fd = userns_open(job->path, O_RDONLY | job->flags);
	return fd < 0 ? -errno : fd;
}

static int change_table(void *arg)
{
	const struct job *job = arg;
	struct mount_attr same = { .attr_set = MOUNT_ATTR_NOSUID };

	/* one event: to mount and unmount would be two, and who is quick is woken twice */
	if (setns(job->mnt, CLONE_NEWNS) < 0 ||
		mount_setattr(AT_FDCWD, "/", 0, &same, sizeof(same)) < 0)
		return -errno;
	return 0;
}

/* Something was mounted or unmounted, or has other flags now. */
static void tell_change(void *arg)
{
	struct tablefiles *t = arg;
	struct job job;
	int r;

	if (!atomic_load(&t->open))
		return;
	job.mnt = t->mnt;
	r = userns_run(t->user, change_table, &job);
	if (r < 0)
		log_warn("who polls /proc/self/mounts is not woken: %s", strerror(-r));
}

/* In the namespace that we and most guests are in, which a view's mounts do not change. */
static void *watch_host(void *arg)
{
	struct tablefiles *t = arg;
	struct pollfd p[] = { { .fd = t->host, .events = POLLPRI },
		{ .fd = t->stop, .events = POLLIN } };

	while (poll_until(p, ARRAY_SIZE(p), -1) >= 0 && !p[1].revents) {
		if (p[0].revents)
			tell_change(t);
	}
	return NULL;
}

static void start_watching(struct tablefiles *t)
{
	t->host = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
	t->stop = eventfd(0, EFD_CLOEXEC);
	t->watched = t->host >= 0 && t->stop >= 0 &&
		     pthread_create(&t->watcher, NULL, watch_host, t) == 0;
	if (!t->watched)
		log_warn("who polls /proc/self/mounts is not woken by what the host mounts");
}

/* Is there one? */
static bool make(struct tablefiles *t)
{
	bool made;

	pthread_mutex_lock(&t->lock);
	if (!t->tried) {
		t->mnt = userns_make(open_own, NULL);
		if (t->mnt >= 0)
			t->user = ioctl(t->mnt, NS_GET_USERNS);
		if (t->user < 0)
			log_info("/proc/self/mounts cannot be polled: no user namespaces here");
		else
			start_watching(t);
		t->tried = true;
	}
	made = t->user >= 0;
	pthread_mutex_unlock(&t->lock);
	return made;
}

int tablefiles_new(struct view *v, struct tablefiles **ret)
{
	struct tablefiles *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->view = v;
	t->user = t->mnt = t->host = t->stop = -1;
	pthread_mutex_init(&t->lock, NULL);
	v->changed_arg = t;
	v->changed = tell_change;
	*ret = t;
	return 0;
}

void tablefiles_free(struct tablefiles *t)
{
	if (!t)
		return;
	t->view->changed = NULL;
	if (t->watched && eventfd_write(t->stop, 1) == 0)
		pthread_join(t->watcher, NULL);
	um_cleanup_fd(&t->host);
	um_cleanup_fd(&t->stop);
	um_cleanup_fd(&t->user);
	um_cleanup_fd(&t->mnt);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* ---- one open file ---- */

/* Read from its start the table is that of now. It stays what it was when its process is gone. */
static void renew(struct tablefile *f)
{
	char *text;
	size_t len;

	if (mounttable_text(f->um, f->pid, f->kind, &text, &len) < 0)
		return;
	pthread_mutex_lock(&f->lock);
	free(f->text);
	f->text = text;
	f->len = len;
	pthread_mutex_unlock(&f->lock);
}

/* What stands at pos, at most `want` bytes: malloc'ed, *ret_len of them. */
static char *piece(struct tablefile *f, size_t pos, size_t want, size_t *ret_len)
{
	size_t len;
	char *copy;

	pthread_mutex_lock(&f->lock);
	len = pos < f->len ? f->len - pos : 0;
	len = len < want ? len : want;
	copy = malloc(len + 1);
	if (copy)
		memcpy(copy, f->text + (len ? pos : 0), len);
	pthread_mutex_unlock(&f->lock);
	*ret_len = len;
	return copy;
}

static enum verdict table_read(struct vfile *vf, struct call *c, int fd)
{
	_cleanup_guest_io_ struct guest_io io = { 0 };
	_cleanup_free_ char *copy = NULL;
	int r = guest_io_get(c, &io);
	off_t pos = r < 0 ? r : guest_io_at(&io, fd);
	size_t len;
	ssize_t n;

	if (pos < 0)
		return call_return(c, pos);
	if (pos == 0)
		renew(vf->priv);
	copy = piece(vf->priv, (size_t)pos, io.total, &len);
	if (!copy)
		return call_return(c, -ENOMEM);
	n = len ? guest_scatter(c, guest_io_vec(&io), io.n, 0, copy, len) : 0;
	return call_return(c, guest_io_moved(&io, fd, pos, n));
}

/* Where nothing is caught: the text alone, at the same position. */
static int table_low(struct vfile *vf, int fd)
{
	_cleanup_fd_ int mem = memfd_create("mounts", MFD_CLOEXEC);
	_cleanup_free_ char *copy = NULL;
	char path[FD_PATH_MAX];
	size_t len;
	int ro, r;

	renew(vf->priv);
	copy = piece(vf->priv, 0, SIZE_MAX, &len);
	if (!copy || mem < 0)
		return mem < 0 ? -errno : -ENOMEM;
	r = write_all(mem, copy, len);
	if (r < 0)
		return r;
	ro = open(fd_path(path, mem), O_RDONLY | O_CLOEXEC);
	if (ro >= 0)
		(void)lseek(ro, lseek(fd, 0, SEEK_CUR), SEEK_SET); /* cannot fail */
	return ro < 0 ? -errno : ro;
}

/* It is the file that stat(2) finds. */
static int table_getattr(struct vfile *vf, struct fs_attr *ret)
{
	static const char *const names[] = { "mounts", "mountinfo" };
	const struct tablefile *f = vf->priv;
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/%s", f->pid, names[f->kind]);
	if (stat(path, &st) < 0)
		return -ENOSYS; /* its process has ended: as the kernel's file has it */
	*ret = (struct fs_attr){ .ino = st.st_ino,
		.dev = st.st_dev,
		.atime = st.st_atim,
		.mtime = st.st_mtim,
		.ctime = st.st_ctim,
		.mode = st.st_mode,
		.nlink = (uint32_t)st.st_nlink,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.blksize = (uint32_t)st.st_blksize };
	return 0;
}

static void table_free(struct tablefile *f)
{
	atomic_fetch_sub(&f->all->open, 1);
	pthread_mutex_destroy(&f->lock);
	free(f->text);
	free(f);
}

static void table_last_close(struct vfile *vf)
{
	table_free(vf->priv);
}

#define TABLE_OPS(name)                                                                            \
	{                                                                                          \
		.size = sizeof(struct vfile_ops), .read = table_read, .low = table_low,            \
		.getattr = table_getattr, .last_close = table_last_close, .path = name             \
	}

static const struct {
	const char *name;
	struct vfile_ops ops;
} tables[] = {
	[TABLE_MOUNTS] = { "/proc/self/mounts", TABLE_OPS("/proc/self/mounts") },
	[TABLE_MOUNTINFO] = { "/proc/self/mountinfo", TABLE_OPS("/proc/self/mountinfo") },
};

bool tablefile_open(struct call *c, pid_t pid, enum procfile_table kind, char **text, size_t len,
	int flags, enum verdict *ret)
{
	struct tablefiles *all = c->um->tablefiles;
	_cleanup_vfile_ struct vfile *vf = NULL;
	struct job job = { .flags = flags & (O_NONBLOCK | O_NOATIME) };
	struct tablefile *f;
	int fd;

	/* (a namespace of the guest's own changes without us) */
	if (kind >= ARRAY_SIZE(tables) || (flags & (O_ACCMODE | O_DIRECTORY)) ||
		!guestfd_lends(c) || guestfd_wants_low(c) || is_elsewhere(&c->um->view, c->tid) ||
		!make(all))
		return false;
	f = calloc(1, sizeof(*f));
	if (!f)
		return false;
	*f = (struct tablefile){ .all = all, .um = c->um, .pid = pid, .kind = kind };
	pthread_mutex_init(&f->lock, NULL);
	f->text = *text;
	f->len = len;
	atomic_fetch_add(&all->open, 1);
	job.mnt = all->mnt;
	job.path = tables[kind].name;
	fd = userns_run(all->user, open_table, &job);
	if (fd < 0 || vfile_new_device(c->um->files, fd, &tables[kind].ops, f, &vf) < 0) {
		f->text = NULL;
		table_free(f);
		return false;
	}
	*text = NULL;
	*ret = guestfd_answer(c, vf->place, flags & O_CLOEXEC, ZONE_HOT);
	return true;
}
