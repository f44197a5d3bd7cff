/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors themselves: close(2), dup(2), fcntl(2), flock(2), ioctl(2). The table is the
 * kernel's, so most of this is left to it; what matters is that an open file whose calls are
 * trapped does not come to a number where they are not before its content is there.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/loop.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "engine/abi32.h"
#include "engine/inject.h"
#include "engine/nr.h"
#include "file/dir.h"
#include "sys/net/calls.h"
#include "sys/net/stack.h"
#include "sys/mount/carry.h"
#include "file/locks.h"
#include "sys/fd/fd.h"
#include "sys/fd/lock.h"
#include "sys/path/at.h"
#include "sys/task/ids.h"

/* ---- close ---- */

/* What is dirty goes to the server. -errno: what became of it, now or in the background earlier. */
static int before_close(struct vfd *v)
{
	int r;

	if (v->vf->kind != VFILE_REG)
		return 0;
	locks_close(v->vf->cache, &v->req, call_tgid(v->req.call));
	if (!vfd_can_write(v))
		return 0;
	r = cache_writeback(v->vf->cache, &v->req);
	if (r == 0)
		r = cache_flush(v->vf->cache, &v->req);
	if (r == -EINTR)
		return 0; /* the rest goes in the background */
	return cache_tell(v->vf->cache, r);
}

/* The descriptor is closed whatever became of the data: the guest closes it, and is told. */
static enum verdict close_failing(struct vfd *v, struct call *c, int err)
{
	struct inject_args a = {
		.nr = __NR_close, .args = { (uint64_t)call_fd(c, 0) }, .error = err
	};
	enum verdict verdict = inject_call(c, &a);

	if (verdict != DONE)
		return verdict;
	/* it is being debugged: the next fsync(2) of the file tells */
	cache_set_error(v->vf->cache, err);
	return CONTINUE;
}

enum verdict sys_close(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	int r;

	if (!vfd_get(&v, c, call_fd(c, 0))) {
		c->unseen = 0; /* the event of the last close does the rest */
		return CONTINUE;
	}
	r = before_close(&v);
	return r < 0 ? close_failing(&v, c, r) : CONTINUE;
}

/* Mostly made before exec, of everything at once: the last-close events do the rest. */
enum verdict sys_close_range(UNUSED struct call *c)
{
	return CONTINUE;
}

/* ---- dup ---- */

static bool has_low(const struct vfile *vf)
{
	return vf->kind == VFILE_STREAM || (vf->kind == VFILE_DEVICE && vf->ops->low);
}

/* A device's stand-in at this number; -1: the lowest free. */
static enum verdict low_answer(struct vfd *v, struct call *c, int to, int flags)
{
	_cleanup_fd_ int fd = v->vf->kind == VFILE_STREAM ? stream_low(v->vf, &v->req)
							  : v->vf->ops->low(v->vf, v->fd);

	if (fd < 0)
		return call_return(c, fd);
	return to < 0 ? guestfd_answer(c, fd, flags, ZONE_LOWEST)
		      : guestfd_answer_at(c, fd, to, flags);
}

/* The kernel makes the copy, at a number where nothing may be trapped. */
static enum verdict dup_low(struct vfd *v, struct call *c)
{
	int r;

	vfile_note_low(v->vf);
	r = vfd_go_low(v);
	return r < 0 ? call_return(c, r) : CONTINUE;
}

/* A copy in the same zone, where it keeps its traps; once that is full any number will do. */
static enum verdict dup_high(struct vfd *v, struct call *c, int flags, enum guestfd_zone zone)
{
	enum verdict verdict = guestfd_answer(c, v->fd, flags, zone);

	if (verdict != DONE || c->ret != -EMFILE || v->vf->kind == VFILE_DEVICE)
		return verdict;
	return dup_low(v, c);
}

/* The lowest number matters for 0, 1, 2 alone (as in guestfd.h). */
enum verdict sys_dup(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	int fd = call_fd(c, 0);
	enum verdict verdict;

	if (stack_dup(c, 0, &verdict))
		return verdict;
	if (!vfd_get(&v, c, fd))
		return CONTINUE;
	if (!guestfd_wants_low(c))
		return dup_high(&v, c, 0, fd < VFD_HOT ? ZONE_FILLED : ZONE_HOT);
	if (has_low(v.vf))
		return low_answer(&v, c, -1, 0);
	return dup_low(&v, c);
}

static enum verdict dup_to(struct call *c, int flags)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	int from = call_fd(c, 0), to = call_fd(c, 1);

	if (from == to || from < 0 || to < 0)
		return CONTINUE;
	/* What is closed by it: its data goes to the server as at close(2). */
	if (to >= VFD_HOT) {
		_cleanup_vfd_ struct vfd old = VFD_INIT;
		int r = vfd_get(&old, c, to) ? before_close(&old) : 0;

		if (r < 0)
			cache_set_error(old.vf->cache, r); /* dup2(2) tells nobody */
	}
	if (to >= VFD_HOT || !(to < VFD_BASE ? vfd_get_low(&v, c, from) : vfd_get(&v, c, from)))
		return CONTINUE;
	if (from < VFD_HOT)
		return CONTINUE; /* filled as it is */
	if (has_low(v.vf))
		return low_answer(&v, c, to, flags);
	return dup_low(&v, c);
}

enum verdict sys_dup2(struct call *c)
{
	return dup_to(c, 0);
}

enum verdict sys_dup3(struct call *c)
{
	return dup_to(c, (int)c->args[2] & O_CLOEXEC);
}

/* What another process, or we, lend to the guest comes to the lowest free number. */
enum verdict sys_pidfd_getfd(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	_cleanup_fd_ int pidfd = -1;
	int fd, r = 0;

	if (!files_any(c->um->files))
		return CONTINUE;
	pidfd = guestfd_get(c, call_fd(c, 0));
	fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, call_fd(c, 1), 0);
	if (fd < 0 || !vfd_of_ours(&v, c, fd))
		return CONTINUE; /* a real file, or the kernel says why not */
	vfile_note_low(v.vf);
	if (call_fd(c, 1) >= VFD_HOT)
		r = vfd_go_low(&v);
	return r < 0 ? call_return(c, r) : CONTINUE;
}

/* ---- fcntl ---- */

static enum verdict fcntl_dup(struct vfd *v, struct call *c, int flags)
{
	int fd = call_fd(c, 0), min = (int)c->args[2];

	if (min < 0 || min >= VFD_HOT)
		return CONTINUE;
	if (fd < VFD_HOT) {
		if (min < VFD_BASE)
			vfile_note_low(v->vf);
		return CONTINUE; /* filled as it is */
	}
	if (guestfd_full(c) && !has_low(v->vf))
		return dup_low(v, c);
	return dup_high(v, c, flags, ZONE_HOT);
}

enum verdict sys_fcntl(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	enum verdict verdict;

	switch ((int)c->args[1]) {
	case F_GETFD:
	case F_SETFD:
		return CONTINUE;
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if ((int)c->args[2] < VFD_BASE &&
			stack_dup(c, (int)c->args[1] == F_DUPFD_CLOEXEC ? O_CLOEXEC : 0, &verdict))
			return verdict;
		break;
	}
	if (!vfd_get(&v, c, call_fd(c, 0)) || (v.vf->kind == VFILE_DEVICE && !has_low(v.vf)))
		return CONTINUE;
	if ((int)c->args[1] == F_GETFL)
		return v.vf->opath ? call_return(c, v.fl) : CONTINUE;
	if (v.vf->opath && (int)c->args[1] != F_DUPFD && (int)c->args[1] != F_DUPFD_CLOEXEC)
		return call_return(c, -EBADF);
	switch ((int)c->args[1]) {
	case F_DUPFD:
		return fcntl_dup(&v, c, 0);
	case F_DUPFD_CLOEXEC:
		return fcntl_dup(&v, c, O_CLOEXEC);
	case F_ADD_SEALS: /* no file on a mount has them */
		return call_return(c, vfd_can_write(&v) ? -EINVAL : -EPERM);
	case F_GET_SEALS:
		return call_return(c, -EINVAL);
	case F_SETLEASE:
		return lock_lease(&v, c);
	case F_NOTIFY:
		return v.vf->kind == VFILE_DIR ? call_return(c, -EOPNOTSUPP) : CONTINUE;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return lock_fcntl(&v, c, (int)c->args[1]);
	case F32_GETLK64:
	case F32_SETLK64:
	case F32_SETLKW64:
		return call_is32(c) ? lock_fcntl(&v, c, (int)c->args[1]) : CONTINUE;
	default:
		return CONTINUE;
	}
}

/* ---- ioctl ---- */

/* What the kernel does itself on every file. */
static bool is_common(unsigned cmd)
{
	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
	case FIONBIO:
	case FIOASYNC:
	case FIOQSIZE:
	case FIONREAD:
	case FIGETBSZ:
		return true;
	default:
		return false;
	}
}

/* Commands that name a long and mean an int; it is written when they have succeeded. */
static bool ioctl_is_int(unsigned cmd)
{
	return cmd == FS_IOC_GETFLAGS || cmd == FS_IOC_SETFLAGS || cmd == FS_IOC_GETVERSION ||
	       cmd == FS_IOC_SETVERSION;
}

static int server_ioctl(struct vfd *v, struct call *c)
{
	struct fs *fs = v->vf->inode->fs;
	unsigned cmd = (unsigned)c->args[1];
	size_t size = ioctl_is_int(cmd) ? sizeof(int) : _IOC_SIZE(cmd), out_len = 0;
	char in[1 << 14], out[1 << 14]; /* _IOC_SIZE has 14 bits */
	struct fs_handle h = { .flags = FS_OPEN_NONE };
	int r, result = 0;

	if (!fs->file || !fs->file->ioctl || atomic_load(&v->vf->inode->orphan))
		return -ENOTTY;
	if (_IOC_DIR(cmd) & _IOC_WRITE) {
		r = guest_read(c, call_addr(c, 2), in, size);
		if (r < 0)
			return r;
	}
	if (_IOC_DIR(cmd) & _IOC_READ)
		out_len = size;
	if (v->vf->cache) {
		r = cache_writeback(v->vf->cache, &v->req);
		if (r == 0)
			r = cache_handle(v->vf->cache, &v->req, vfd_can_write(v), &h);
		if (r < 0)
			return r;
	}
	if (v->vf->kind == VFILE_STREAM)
		h = stream_handle(v->vf);
	if (v->vf->kind == VFILE_DIR) {
		r = dir_handle(v->vf->inode, &v->req, &h);
		if (r < 0)
			return r;
	}
	r = fs->file->ioctl(fs, &v->req, v->vf->inode->nodeid, &h, cmd, c->args[2], in,
		_IOC_DIR(cmd) & _IOC_WRITE ? size : 0, out, &out_len, &result);
	if (v->vf->cache)
		cache_handle_put(v->vf->cache);
	if (v->vf->kind == VFILE_DIR)
		dir_handle_put(v->vf->inode, &h);
	if (r < 0)
		return r == -ENOSYS ? -ENOTTY : r;
	if (result < 0 && ioctl_is_int(cmd))
		return result;
	if ((_IOC_DIR(cmd) & _IOC_READ) && out_len) {
		r = guest_write(c, call_addr(c, 2), out, out_len < size ? out_len : size);
		if (r < 0)
			return r;
	}
	inode_invalidate_attr(v->vf->inode);
	return result;
}

/* FIBMAP. As of the kernel's FUSE: there are blocks where the mount is of a block device, else it
 * is 0. */
static int map_block(struct vfd *v, struct call *c)
{
	struct fs *fs = v->vf->inode->fs;
	uint64_t found = 0;
	int block, w, r;

	if (!ids_capable(c, CAP_SYS_RAWIO) && !ids_kernel_capable(c, CAP_SYS_RAWIO))
		return -EPERM;
	r = guest_read(c, call_addr(c, 2), &block, sizeof(block));
	if (r < 0 || block < 0)
		return r < 0 ? r : -EINVAL;
	if (strncmp(v->vf->mnt->type, "fuseblk", 7) == 0 && fs->file && fs->file->bmap &&
		fs->file->bmap(fs, &v->req, v->vf->inode->nodeid, (uint64_t)block, &found) < 0)
		found = 0;
	r = found > INT_MAX ? -ERANGE : 0;
	block = r < 0 ? 0 : (int)found;
	w = guest_write(c, call_addr(c, 2), &block, sizeof(block));
	return w < 0 ? w : r;
}

/* FICLONE, FICLONERANGE: what is wrong with the files is said first, then that no server of the
 * protocol is asked for it, as by the kernel's FUSE. */
static int clone_file(struct vfd *to, struct call *c, unsigned cmd)
{
	_cleanup_vfd_ struct vfd from = VFD_INIT;
	struct file_clone_range range = { .src_fd = call_fd(c, 2) };
	int r = 0;

	if (cmd == FICLONERANGE)
		r = guest_read(c, call_addr(c, 2), &range, sizeof(range));
	if (r < 0)
		return r;
	if (!vfd_get(&from, c, (int)range.src_fd)) {
		_cleanup_fd_ int real = guestfd_get(c, (int)range.src_fd);

		return real < 0 ? real : -EXDEV;
	}
	if (from.fl & O_PATH)
		return -EBADF;
	if (!from.vf->inode || from.vf->inode->fs != to->vf->inode->fs)
		return -EXDEV;
	if (from.vf->kind == VFILE_DIR || to->vf->kind == VFILE_DIR)
		return -EISDIR;
	if (from.vf->kind != VFILE_REG || to->vf->kind != VFILE_REG)
		return -EINVAL;
	if (!vfd_can_read(&from) || !vfd_can_write(to) || (to->fl & O_APPEND))
		return -EBADF;
	return -EOPNOTSUPP;
}

/* The kernel's loop device is given a virtual file (by root, who alone can open one): it reads and
 * writes the placeholder. */
static enum verdict loop_backing(struct call *c, unsigned cmd)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	int fd = call_fd(c, 2), r = 0;

	if (cmd == LOOP_CONFIGURE)
		r = guest_read(
			c, call_addr(c, 2), &fd, sizeof(fd)); /* struct loop_config's first */
	if (r == 0 && vfd_get(&v, c, fd))
		r = vfd_go_low(&v);
	return r < 0 ? call_return(c, r) : CONTINUE;
}

/* The user who has started the view owns it. */
static enum verdict owner_of_network(struct call *c)
{
	_cleanup_fd_ int fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? call_return(c, -errno) : guestfd_answer(c, fd, O_CLOEXEC, ZONE_LOWEST);
}

/* On a descriptor of the kernel's: those that the filter asks for by the command. */
static enum verdict real_ioctl(struct call *c, unsigned cmd)
{
	switch (cmd) {
	case LOOP_SET_FD:
	case LOOP_CHANGE_FD:
	case LOOP_CONFIGURE:
		return loop_backing(c, cmd);
	case FS_IOC_SETFLAGS: /* they need no descriptor to write with */
	case FS_IOC_SETVERSION:
	case FS_IOC_FSSETXATTR:
	case FS_IOC_ENABLE_VERITY:
		return at_is_hosts(c, call_fd(c, 0)) ? call_return(c, -EOPNOTSUPP) : CONTINUE;
	case NS_GET_NSTYPE:
		return netfile_stands(c, call_fd(c, 0)) ? call_return(c, CLONE_NEWNET) : CONTINUE;
	case NS_GET_USERNS:
		return netfile_stands(c, call_fd(c, 0)) ? owner_of_network(c) : CONTINUE;
	default:
		return net_ioctl(c);
	}
}

enum verdict sys_ioctl(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	unsigned cmd = (unsigned)c->args[1];
	enum verdict verdict;

	if (stack_call(c, &verdict))
		return verdict;
	if (!vfd_get(&v, c, call_fd(c, 0)))
		return real_ioctl(c, cmd);
	if (v.vf->kind == VFILE_DEVICE && cmd == UM_IOC_CALL)
		return carry_ioctl(c);
	if (v.vf->kind == VFILE_DEVICE)
		return v.vf->ops->ioctl ? v.vf->ops->ioctl(v.vf, c, v.fd) : CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	if (v.vf->kind == VFILE_SPECIAL || is_common(cmd))
		return CONTINUE;
	switch (cmd) {
	case FICLONE:
	case FICLONERANGE:
		return call_return(c, clone_file(&v, c, cmd));
	case FIDEDUPERANGE:
	case FS_IOC_FIEMAP:
		return call_return(c, -EOPNOTSUPP);
	case FIBMAP:
		if (v.vf->kind == VFILE_REG)
			return call_return(c, map_block(&v, c));
	}
	/* terminals' and the like are no file system's */
	if (_IOC_TYPE(cmd) == 'T' || _IOC_TYPE(cmd) == 0)
		return call_return(c, -ENOTTY);
	return call_return(c, server_ioctl(&v, c));
}
