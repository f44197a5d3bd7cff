/* SPDX-License-Identifier: GPL-2.0-or-later */
/* open(2) on a served mount. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "engine/blocking.h"
#include "file/dir.h"
#include "file/direct.h"
#include "file/fifo.h"
#include "file/stream.h"
#include "file/hostdev.h"
#include "file/lease.h"
#include "view/hostids.h"
#include "view/opened.h"
#include "view/watch.h"

#define SERVER_STRIPS (O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW)

static int may_of_flags(int flags)
{
	int may = 0;

	if ((flags & O_ACCMODE) != O_WRONLY)
		may |= MAY_READ;
	if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC))
		may |= MAY_WRITE;
	return may;
}

static bool is_device(mode_t type)
{
	return type == S_IFCHR || type == S_IFBLK;
}

struct opening {
	struct files *f;
	struct mount *mnt;
	struct inode *ino;
	const char *name;
	const struct fs_req *req;
	int flags;
	const struct fs_handle *created;
	bool low;      /* it will have a number below VFD_BASE */
	bool readonly; /* the guest's own mount of it */
	bool checked;  /* that it may be opened */
};

static int check_open(const struct opening *o, mode_t type)
{
	const struct fs_req *req = o->req;
	struct mount *m = o->mnt;
	struct inode *ino = o->ino;
	const int flags = o->flags;
	int may = may_of_flags(flags);
	struct fs_attr attr;
	int r;

	if (type == S_IFLNK)
		return -ELOOP;
	if (type == S_IFDIR && ((may & MAY_WRITE) || (flags & O_CREAT)))
		return -EISDIR;
	if ((flags & O_DIRECTORY) && type != S_IFDIR)
		return -ENOTDIR;
	if ((may & MAY_WRITE) && type != S_IFIFO && (o->readonly || mount_want_write(m) < 0))
		return -EROFS;
	r = inode_permission(ino, req, may);
	if (r < 0)
		return r;
	if (type == S_IFSOCK)
		return -ENXIO;
	if (is_device(type) &&
		((m->flags & MS_NODEV) || !(ino->fs->host_fd || m->view->virtual_root)))
		return -EACCES; /* as on every nodev mount */
	if (flags & O_NOATIME) {
		r = inode_getattr(ino, req, false, &attr);
		if (r < 0)
			return r;
		if (attr.uid != req->uid && !fs_req_capable(req, CAP_FOWNER))
			return -EPERM;
	}
	if (type == S_IFDIR && (flags & O_DIRECT))
		return -EINVAL;
	return 0;
}

static int server_open(struct inode *ino, const struct fs_req *req, int flags, struct fs_handle *h)
{
	struct fs *fs = ino->fs;
	int r = -ENOSYS;

	/* a server that does not care for opens does not drop what is cached either */
	*h = (struct fs_handle){ .flags = FS_OPEN_NONE | FS_OPEN_KEEP_CACHE,
		.oflags = flags & ~SERVER_STRIPS };
	if (atomic_load(&ino->orphan))
		h->flags |= FS_OPEN_NAMELESS;
	else if (fs->file && fs->file->open)
		r = fs->file->open(fs, req, ino->nodeid, flags & ~SERVER_STRIPS, h);
	return r == -ENOSYS ? 0 : r;
}

/* Can a file be opened for reading without its server? Where we check permissions, nobody else
 * changes it, and its content is here and still what the attributes say. */
static bool warm(struct filecache *c, const struct fs_req *req, int flags)
{
	const int ours = FS_DEFAULT_PERMISSIONS | FS_SOLE_NAMES;

	if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) || cache_direct(c) ||
		(c->ino->fs->flags & ours) != ours || !cache_filled(c))
		return false;
	return cache_revalidate(c, req, false, NULL) == 0 && cache_filled(c);
}

/* A placeholder of the right size, and the handle kept with it. */
static int make_ready(struct filecache *c, const struct fs_req *req, struct mount *m,
	const char *name, const struct fs_handle *h)
{
	struct fs_attr attr;
	bool had;
	int r;

	r = inode_getattr(c->ino, req, false, &attr);
	if (r < 0)
		return r;
	pthread_mutex_lock(&c->lock);
	had = c->vf != NULL;
	/* of an orphan that everybody has closed nothing is left */
	r = !had && atomic_load(&c->ino->orphan) ? -ENOENT : 0;
	if (r == 0)
		r = cache_place(c, m, name, attr.size);
	if (r == 0 && !had)
		cache_of_server(c, &attr, true);
	pthread_mutex_unlock(&c->lock);
	if (r == 0 && had)
		r = cache_revalidate(c, req, !(h->flags & FS_OPEN_KEEP_CACHE), NULL);
	return r;
}

/* A running program is not cut off, nor what somebody has a lease of before he has given it up. */
static int may_truncate(struct opening *o, struct filecache *c)
{
	bool in_use;

	pthread_mutex_lock(&c->lock);
	in_use = c->vf && !c->closed;
	pthread_mutex_unlock(&c->lock);
	return in_use ? file_may_change(o->ino, o->req, !(o->flags & O_NONBLOCK)) : 0;
}

static int open_place(struct opening *o, struct filecache *c, bool filled)
{
	int fd, r;

	pthread_mutex_lock(&c->lock);
	r = cache_place(c, o->mnt, o->name, c->size); /* it may have been evicted */
	fd = r < 0 ? r : cache_open(c, o->flags);
	c->untrapped |= filled;
	if (fd >= 0 && (o->flags & O_ACCMODE) != O_RDONLY) {
		c->uid = o->req->uid;
		c->gid = o->req->gid;
	}
	pthread_mutex_unlock(&c->lock);
	return fd;
}

/* The open file for the guest: fd or -errno; *ret_filled: reads need no trap. */
static int open_cached(
	struct opening *o, struct filecache *c, const struct fs_handle *h, bool *ret_filled)
{
	bool reads = (o->flags & O_ACCMODE) == O_RDONLY;
	bool asks = cache_direct(c) || cache_asks_server(c, o->flags);
	int fd, r = make_ready(c, o->req, o->mnt, o->name, h);

	if (r < 0)
		return r;
	if (o->flags & O_TRUNC) {
		r = may_truncate(o, c);
		if (r == 0)
			r = file_truncate(o->ino, o->req, 0);
		if (r < 0)
			return r;
	}
	if (reads && !o->low && !asks && cache_size(c) <= SMALL_FILE)
		r = cache_fill(c, o->req, 0, UINT64_MAX);
	if (o->low && cache_direct(c))
		r = direct_fill(c, o->req);
	if (r == 0 && o->low)
		r = cache_go_low(c, o->req, o->flags);
	if (r < 0)
		return r;
	*ret_filled = reads && !asks && cache_filled(c);
	do {
		fd = open_place(o, c, *ret_filled);
		r = fd == -EWOULDBLOCK && !(o->flags & O_NONBLOCK) ? lease_wait(o->req) : fd;
	} while (r == 0 && fd < 0);
	return r;
}

static bool can_stream(const struct opening *o, const struct fs_handle *h)
{
	return !o->low && !o->created && (o->flags & O_ACCMODE) != O_WRONLY &&
	       (h->flags & FS_OPEN_DIRECT_IO) &&
	       (h->flags & (FS_OPEN_NONSEEKABLE | FS_OPEN_STREAM));
}

static int open_reg_counted(struct opening *o, struct filecache *c, bool *ret_filled)
{
	struct fs_handle h;
	int fd, r = 0;

	atomic_fetch_add_explicit(&o->ino->fs->hits.opens, 1, memory_order_relaxed);
	(void)cache_twins_settle(c, o->req);
	if (!o->created && warm(c, o->req, o->flags)) {
		atomic_fetch_add_explicit(&o->ino->fs->hits.opens_kept, 1, memory_order_relaxed);
		h = (struct fs_handle){ .flags = FS_OPEN_NONE | FS_OPEN_KEEP_CACHE };
		return open_cached(o, c, &h, ret_filled);
	}
	if (o->created)
		h = *o->created;
	else
		r = server_open(o->ino, o->req, o->flags, &h);
	if (r < 0)
		return r;
	if (can_stream(o, &h)) {
		fd = stream_open(o->f, o->mnt, o->ino, o->req, o->flags, &h);
		if (fd != -ENOSYS)
			return fd;
	}
	atomic_store(&c->mode, h.flags & CACHE_DIRECT);
	if (cache_direct(c))
		cache_handle_renew(c, &h);
	else
		cache_handle_add(c, &h);
	fd = open_cached(o, c, &h, ret_filled);
	/* All is here: the server is not to think that it is in use. */
	if (fd >= 0 && *ret_filled)
		cache_release_readers(c);
	return fd;
}

/* No close may come that gives back what it left. */
static void open_failed(struct filecache *c)
{
	cache_release_handles(c);
	cache_evict(c);
	/* what an earlier close left, whose job stood back for this open */
	pthread_mutex_lock(&c->lock);
	if (c->vf && c->closed)
		files_job(c->vf, JOB_CLOSED);
	pthread_mutex_unlock(&c->lock);
}

/* While it is counted nobody takes the handle away that is for it: whoever removes the name
 * of a file meanwhile leaves it as in use at the server. */
static int open_reg(struct opening *o, bool *ret_filled)
{
	struct filecache *c;
	int fd, r = cache_of(o->f, o->ino, &c);

	if (r < 0)
		return r;
	file_await_close(o->ino, o->req);
	cache_twins_before_open(c, o->req);
	pthread_mutex_lock(&c->lock);
	c->opening++;
	pthread_mutex_unlock(&c->lock);
	fd = open_reg_counted(o, c, ret_filled);
	pthread_mutex_lock(&c->lock);
	c->opening--;
	pthread_mutex_unlock(&c->lock);
	if (fd < 0)
		open_failed(c);
	return fd;
}

/* Guests of our user can write into the run directory: a name that they have taken is passed over.
 */
enum { NAME_TRIES = 64 };

static int mkdir_nameless(struct files *f)
{
	char path[FILES_NAME_MAX];
	int fd, r, tries = 0;

	do {
		files_place_name(f, "d", path);
		/* open to all: a guest of another user enters it, and the run directory is closed
		 */
		r = mkdir(path, 0777) < 0 ? -errno : 0;
	} while (r == -EEXIST && ++tries < NAME_TRIES);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		r = -errno;
	if (rmdir(path) < 0 && fd >= 0) {
		r = -errno;
		close(fd);
	}
	return r < 0 ? r : fd;
}

static int file_nameless(struct files *f)
{
	char path[FILES_NAME_MAX];
	int fd, tries = 0;

	do {
		files_place_name(f, "p", path);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0777);
	} while (fd < 0 && errno == EEXIST && ++tries < NAME_TRIES);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

/* A placeholder of one open: of a directory, or O_PATH of what is none. */
static int open_nameless(struct files *f, struct mount *m, struct inode *ino, int flags)
{
	bool dir = inode_type(ino) == S_IFDIR;
	_cleanup_fd_ int made = dir ? mkdir_nameless(f) : file_nameless(f);
	char path[FD_PATH_MAX];
	struct vfile like = { VFILE_LIKE(dir ? VFILE_DIR : VFILE_PATH, ino, m) }, *vf;
	int fd, r = 0;

	if (made < 0)
		return made;
	flags &= O_PATH | O_NONBLOCK | O_NOATIME;
	fd = open(fd_path(path, made), flags | (dir ? O_DIRECTORY : 0) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = files_add(f, &like, fd, &vf);
	if (r < 0) {
		close(fd);
		return r;
	}
	vfile_put(vf);
	return fd;
}

int file_open_dir(struct files *f, struct mount *m, struct inode *ino)
{
	if (inode_type(ino) != S_IFDIR)
		return -ENOTDIR;
	return open_nameless(f, m, ino, O_RDONLY);
}

/* A directory's server is asked at open when it alone knows who may read it. */
static int check_opendir(struct inode *ino, const struct fs_req *req)
{
	struct fs *fs = ino->fs;
	struct fs_handle h;
	int r;

	if (fs->flags & FS_DEFAULT_PERMISSIONS)
		return 0;
	r = dir_handle(ino, req, &h);
	if (r == 0)
		dir_handle_put(ino, &h);
	return r;
}

/* What is to be opened for a file of the host's: itself, but for a device that it only stands for,
 * as one of an image does. */
static int host_path(const struct opening *o, int flags, char path[HOSTDEV_PATH_MAX])
{
	mode_t type = inode_type(o->ino);
	struct fs_attr attr;
	struct stat st;
	int r;

	if (is_device(type)) {
		bool served = !o->ino->fs->host_fd;

		r = inode_getattr(o->ino, o->req, false, &attr);
		if (r == 0 && !served)
			r = fstat(inode_host_fd(o->ino), &st) < 0 ? -errno : 0;
		if (r < 0)
			return r;
		if (served || (st.st_mode & S_IFMT) != type)
			return hostdev_path(type, (dev_t)attr.rdev, path);
	}
	r = inode_host_prepare(o->ino, o->req, flags & ~O_CREAT);
	watch_written(o->ino);
	if (r == 0)
		fd_path(path, inode_host_fd(o->ino));
	return r;
}

static int open_host_once(void *arg, int flags)
{
	const struct opening *o = arg;
	const int ours = O_CREAT | O_EXCL | O_NOFOLLOW;
	char path[HOSTDEV_PATH_MAX];
	bool ids;
	int fd = host_path(o, flags, path);

	if (fd < 0)
		return fd;
	ids = hostids_enter(o->req->call);
	/* a terminal must not become the supervisor's */
	fd = open(path, (flags & ~ours) | O_NOCTTY);
	if (fd < 0)
		fd = -errno;
	hostids_leave(ids);
	return fd;
}

/* A file of the host's that is no directory: the file itself, which needs no traps. */
static int open_host(struct opening *o)
{
	int fd;

	if (o->created)
		fd = (int)o->created->fh;
	else
		fd = blocking_open(o->req->call, inode_type(o->ino), o->flags, open_host_once, o);
	if (fd < 0)
		return fd;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* cannot fail */
	if (o->ino->fs->host_fd)
		view_note_opened(o->mnt->view, o->mnt, o->ino);
	return fd;
}

/* Is it the host's own file that is opened? */
static bool opens_host(const struct opening *o)
{
	mode_t type = inode_type(o->ino);

	return !(o->flags & O_PATH) &&
	       ((o->ino->fs->host_fd && type != S_IFDIR) || is_device(type));
}

static int open_any(struct opening *o, bool *ret_filled)
{
	mode_t type = inode_type(o->ino);
	int r;

	*ret_filled = false;
	if (o->flags & O_PATH) {
		if ((o->flags & O_DIRECTORY) && type != S_IFDIR)
			return -ENOTDIR;
		*ret_filled = true;
		return open_nameless(o->f, o->mnt, o->ino, o->flags);
	}
	r = o->created || o->checked ? 0 : check_open(o, type);
	if (r < 0)
		return r;
	if (opens_host(o)) {
		*ret_filled = true;
		return open_host(o);
	}
	switch (type) {
	case S_IFREG:
		return open_reg(o, ret_filled);
	case S_IFDIR:
		r = check_opendir(o->ino, o->req);
		return r < 0 ? r : open_nameless(o->f, o->mnt, o->ino, o->flags);
	case S_IFIFO:
		*ret_filled = true;
		return fifo_open(o->f, o->mnt, o->ino, o->req, o->flags);
	default:
		return -EACCES;
	}
}

static enum verdict answer_open(struct opening *o, struct call *c, int *fd, enum guestfd_zone zone)
{
	if (zone == ZONE_LOWEST)
		files_note_low(o->f, *fd);
	return guestfd_answer_last(c, fd, o->flags & O_CLOEXEC, zone);
}

/* The numbers from VFD_BASE on are all in use (of 1024 they are but half): one below may be free.
 */
static enum verdict open_again_low(struct opening *o, struct call *c)
{
	_cleanup_fd_ int fd = -1;
	bool filled;

	o->low = o->checked = true;
	o->created = NULL;
	o->flags &= ~O_TRUNC; /* done */
	fd = open_any(o, &filled);
	return fd < 0 ? call_return(c, fd) : answer_open(o, c, &fd, ZONE_LOWEST);
}

enum verdict file_open(struct call *c, struct files *f, const struct path *path, int flags,
	const struct fs_handle *created)
{
	struct opening o = { .f = f,
		.mnt = path->mnt,
		.ino = path->inode,
		.name = path->last,
		.flags = flags,
		.readonly = path->own.readonly,
		.created = created };
	enum guestfd_zone zone;
	_cleanup_fd_ int fd = -1;
	struct fs_req req;
	enum verdict v;
	bool filled;
	int r;

	fs_req_init(&req, c);
	o.req = &req;
	o.low = opens_host(&o) || guestfd_wants_low(c);
	/* a directory is nothing to fill: where files are not lent it needs its traps all the more
	 */
	if (inode_type(o.ino) == S_IFDIR && !guestfd_lends(c))
		o.low = false;
	fd = open_any(&o, &filled);
	if ((fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM) && !created) {
		files_shrink(f);
		fd = open_any(&o, &filled);
	}
	r = fd < 0 ? fd : file_note_own(f, fd, &path->own);
	if (r < 0)
		return call_return(c, r);
	zone = o.low ? ZONE_LOWEST : filled ? ZONE_FILLED : ZONE_HOT;
	v = answer_open(&o, c, &fd, zone);
	if (v == ANSWERED || zone == ZONE_LOWEST || c->ret != -EMFILE ||
		(inode_type(o.ino) != S_IFREG && inode_type(o.ino) != S_IFDIR) ||
		(inode_type(o.ino) == S_IFDIR && !guestfd_lends(c)))
		return v;
	return open_again_low(&o, c);
}

int file_open_fd(
	struct files *f, const struct fs_req *req, struct mount *m, struct inode *ino, int flags)
{
	struct opening o = {
		.f = f, .mnt = m, .ino = ino, .req = req, .flags = flags, .low = true
	};
	bool filled;

	return open_any(&o, &filled);
}

int file_open_peek(struct files *f, const struct fs_req *req, struct mount *m, struct inode *ino)
{
	struct opening o = {
		.f = f, .mnt = m, .ino = ino, .req = req, .flags = O_RDONLY | O_CLOEXEC
	};
	bool filled;

	return open_any(&o, &filled);
}

ssize_t file_peek(
	struct files *f, int fd, const struct fs_req *req, void *buf, size_t len, uint64_t off)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	struct stat st;
	ssize_t n;
	int r = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	vf = files_find(f, &st);
	if (vf && vf->cache && cache_direct(vf->cache))
		return direct_read(vf->cache, req, fd, buf, len, (off_t)off);
	if (vf && vf->cache)
		r = cache_fill(vf->cache, req, off, len);
	if (r < 0)
		return r;
	n = pread(fd, buf, len, (off_t)off);
	return n < 0 ? -errno : n;
}

int file_open_exec(struct files *f, const struct fs_req *req, struct mount *m, struct inode *ino)
{
	struct opening o = { .f = f,
		.mnt = m,
		.ino = ino,
		.req = req,
		.flags = O_RDONLY | O_CLOEXEC,
		.low = true,
		.checked = true };
	bool filled;
	int fd = open_any(&o, &filled);

	/* it may be run and not read: the kernel does that with an O_PATH descriptor */
	if (fd == -EACCES && ino->fs->host_fd) {
		fd = fcntl(inode_host_fd(ino), F_DUPFD_CLOEXEC, 3);
		fd = fd < 0 ? -errno : fd;
		view_note_opened(m->view, m, ino);
	}
	return fd;
}
