/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fcntl(2)'s locks and flock(2) of files whose server keeps them. All others are the placeholder's,
 * which all opens share: the kernel's own. */
#include <fcntl.h>
#include <sys/file.h>

#include "engine/abi32.h"
#include "engine/inject.h"
#include "engine/nr.h"
#include "file/lease.h"
#include "file/locks.h"
#include "sys/fd/fd.h"
#include "sys/fd/lock.h"

/* As flock_to_posix_lock(): false where the kernel is to say what is wrong with it. */
static bool lock_range(struct vfd *v, const struct flock *fl, struct fs_lock *ret)
{
	off_t start, end, len = fl->l_len;

	switch (fl->l_whence) {
	case SEEK_SET:
		start = 0;
		break;
	case SEEK_CUR:
		start = lseek(v->fd, 0, SEEK_CUR);
		break;
	case SEEK_END:
		start = (off_t)cache_size(v->vf->cache);
		break;
	default:
		return false;
	}
	if (start < 0 || __builtin_add_overflow(start, fl->l_start, &start) || start < 0)
		return false;
	end = INT64_MAX;
	if (len > 0 && __builtin_add_overflow(start, len - 1, &end))
		return false;
	if (len < 0) {
		end = start - 1;
		if (__builtin_add_overflow(start, len, &start) || start < 0)
			return false;
	}
	*ret = (struct fs_lock){
		.start = (uint64_t)start, .end = (uint64_t)end, .type = fl->l_type
	};
	if (end == INT64_MAX)
		ret->end = UINT64_MAX;
	return true;
}

static bool may(const struct vfd *v, int type)
{
	return type == F_UNLCK || (type == F_RDLCK && vfd_can_read(v)) ||
	       (type == F_WRLCK && vfd_can_write(v));
}

/* What is asked for, and how it lies in the guest's memory. */
struct lock_call {
	int cmd; /* as x86_64 has it */
	bool ofd, wait;
	enum { FLOCK_NATIVE, FLOCK_32, FLOCK_64_32 } form;
	struct flock fl;
};

static struct lock_call lock_call(const struct call *c, int cmd)
{
	struct lock_call l = { .cmd = cmd };

	if (call_is32(c) && cmd >= F32_GETLK64 && cmd <= F32_SETLKW64)
		l.cmd = cmd - F32_GETLK64 + F_GETLK;
	l.ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	l.wait = l.cmd == F_SETLKW || cmd == F_OFD_SETLKW;
	if (call_is32(c))
		l.form = l.ofd || l.cmd != cmd ? FLOCK_64_32 : FLOCK_32;
	return l;
}

static int read_flock(struct call *c, struct lock_call *l)
{
	struct flock64_32 f64;
	struct flock32 f32;
	int r;

	switch (l->form) {
	case FLOCK_32:
		r = guest_read(c, call_addr(c, 2), &f32, sizeof(f32));
		l->fl = (struct flock){ f32.type, f32.whence, f32.start, f32.len, f32.pid };
		return r;
	case FLOCK_64_32:
		r = guest_read(c, call_addr(c, 2), &f64, sizeof(f64));
		l->fl = (struct flock){ f64.type, f64.whence, f64.start, f64.len, f64.pid };
		return r;
	default:
		return guest_read(c, call_addr(c, 2), &l->fl, sizeof(l->fl));
	}
}

/* As fixup_compat_flock() of fs/fcntl.c where it is too far for 32 bits. */
static int write_flock(struct call *c, const struct lock_call *l)
{
	const struct flock *fl = &l->fl;
	struct flock64_32 f64 = { fl->l_type, fl->l_whence, fl->l_start, fl->l_len, fl->l_pid };
	struct flock32 f32 = { fl->l_type, fl->l_whence, (int32_t)fl->l_start,
		fl->l_len > INT32_MAX ? 0 : (int32_t)fl->l_len, fl->l_pid };

	switch (l->form) {
	case FLOCK_32:
		if (fl->l_start > INT32_MAX)
			return -EOVERFLOW;
		return guest_write(c, call_addr(c, 2), &f32, sizeof(f32));
	case FLOCK_64_32:
		return guest_write(c, call_addr(c, 2), &f64, sizeof(f64));
	default:
		return guest_write(c, call_addr(c, 2), fl, sizeof(*fl));
	}
}

static enum verdict get_lock(
	struct vfd *v, struct call *c, struct lock_call *l, struct fs_lock *lock)
{
	int r = locks_get(v->vf->cache, &v->req, l->ofd ? 0 : call_tgid(c), v->fl, lock);

	/* those that the server knows nothing of: the placeholder's */
	if (r == -ENOSYS || (r == 0 && lock->type == F_UNLCK))
		return CONTINUE;
	if (r < 0)
		return call_return(c, r);
	l->fl = (struct flock){ .l_type = (short)lock->type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)lock->start,
		.l_len = lock->end >= INT64_MAX ? 0 : (off_t)(lock->end - lock->start + 1),
		.l_pid = lock->pid };
	return call_return(c, write_flock(c, l));
}

enum verdict lock_fcntl(struct vfd *v, struct call *c, int cmd)
{
	struct lock_call l = lock_call(c, cmd);
	struct fs_lock lock;
	int r;

	if (v->vf->kind != VFILE_REG || !locks_served(v->vf->cache, false) ||
		read_flock(c, &l) < 0 || (l.ofd && l.fl.l_pid) || !lock_range(v, &l.fl, &lock))
		return CONTINUE;
	lock.pid = call_tgid(c);
	if (l.cmd == F_GETLK || l.cmd == F_OFD_GETLK)
		return lock.type == F_UNLCK ? CONTINUE : get_lock(v, c, &l, &lock);
	if (!may(v, lock.type))
		return CONTINUE;
	if (l.ofd) {
		r = locks_open_file(v->vf->cache, &v->req, v->fd, v->fl, &lock, l.wait);
		return call_return(c, r);
	}
	r = locks_posix(v->vf->cache, &v->req, lock.pid, v->fl, &lock, l.wait);
	return r < 0 && r != -ENOSYS ? call_return(c, r) : CONTINUE;
}

enum verdict lock_lease(struct vfd *v, struct call *c)
{
	int type = (int)c->args[2], r;
	const struct inject_args a = { .nr = __NR_fcntl,
		.args = { (uint64_t)call_fd(c, 0), F_SETLEASE, (uint64_t)type } };
	enum verdict verdict;
	struct fs_attr attr;

	if (v->vf->kind != VFILE_REG || (type != F_RDLCK && type != F_WRLCK))
		return CONTINUE;
	r = inode_getattr(v->vf->inode, &v->req, false, &attr);
	if (r == 0 && v->req.uid && attr.uid != v->req.uid)
		r = -EACCES;
	if (r < 0)
		return call_return(c, r);
	/* Made by the guest, who is told of its break, and in a while whose end is known: until
	 * then there is nothing to be seen of it. */
	lease_begin(v->vf->cache, type);
	verdict = inject_call(c, &a);
	lease_end(v->vf->cache);
	return verdict == DONE && c->ret == -EPERM ? call_return(c, -EAGAIN) : verdict;
}

enum verdict sys_flock(struct call *c)
{
	struct fs_lock lock = { .end = UINT64_MAX, .flock = true };
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	int op = (int)c->args[1], r;

	switch (op & ~LOCK_NB) {
	case LOCK_SH:
		lock.type = F_RDLCK;
		break;
	case LOCK_EX:
		lock.type = F_WRLCK;
		break;
	case LOCK_UN:
		lock.type = F_UNLCK;
		break;
	default:
		return CONTINUE;
	}
	if (!vfd_get(&v, c, call_fd(c, 0)))
		return CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	if (v.vf->kind != VFILE_REG || !locks_served(v.vf->cache, true))
		return CONTINUE;
	lock.pid = call_tgid(c);
	r = locks_open_file(v.vf->cache, &v.req, v.fd, v.fl, &lock, !(op & LOCK_NB));
	return call_return(c, r);
}
