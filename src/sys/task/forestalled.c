/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls that a signal forestalled.
 *
 * Theory of operation. Until we have received a call the guest's wait for us can be interrupted.
 * The call has then not begun; but where the signal's handler was set without SA_RESTART the guest
 * is told EINTR, also by calls that never say so (stat, mkdir, rename), which no program expects:
 * dash sets its SIGCHLD handler so, and `[ -f x ]` was false when a child ended in that moment.
 *
 * The notification is withdrawn, so we hear nothing of it. But the handler ends with
 * rt_sigreturn(2), and the frame on its stack holds the registers with which the guest goes on.
 * Does it go on behind a call with EINTR, and is that (sigframe.h) none that says EINTR, then the
 * frame is changed such that it is made again: as if the signal had come just before it.
 *
 * rt_sigreturn itself may be forestalled like that by another signal, and is made again likewise.
 */
#include <fcntl.h>
#include <linux/major.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "engine/abi32.h"
#include "engine/engine.h"
#include "engine/nr.h"
#include "file/locks.h"
#include "sys/net/calls.h"
#include "sys/table.h"
#include "sys/task/sigframe.h"
#include "sys/um.h"

/*
 * Does the call say EINTR of itself, since it may wait for somebody? Of the rest of those that a
 * view catches none does natively (man pages of each), whatever it is about.
 */
static bool says_eintr(long nr)
{
	switch (nr) {
	case __NR_open_by_handle_at:
	case __NR_flock:
	case __NR_ioctl:
	case __NR_fallocate:
	case __NR_io_submit:
	case __NR_splice:
	case __NR_tee:
	case __NR_vmsplice:
	case __NR_mount:
	case __NR_fsconfig:
		return true;
	}
	return false;
}

#define UNIX98_PTY_MAJORS 8

/* /dev/null and its like, and terminals of programs, which have no carrier to wait for */
static bool opens_at_once(dev_t device)
{
	const unsigned n = major(device);

	return n == MEM_MAJOR || n == TTYAUX_MAJOR ||
	       (n >= UNIX98_PTY_SLAVE_MAJOR && n < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJORS);
}

/* Might reading or writing wait for somebody (a pipe, a terminal)? */
static bool transfer_may_wait(struct call *c, int fd)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", c->tid, fd);
	return stat(path, &st) < 0 || !S_ISREG(st.st_mode);
}

/* Might an open of this (or whatever breaks leases on it)? What the host says of the path is
 * enough: where a view has another file there, and this one waits, we said EINTR ourselves. */
static bool open_may_wait(struct call *c, int dirfd, gaddr_t word, int flags)
{
	char base[CALL_START_MAX], path[PATH_MAX];
	_cleanup_fd_ int at = -1;
	struct stat st;

	if (flags & (O_NONBLOCK | O_PATH | O_DIRECTORY))
		return false;
	if (guest_read_str(c, word, path, sizeof(path)) < 0)
		return true;
	if (!call_start(c, dirfd, path, base))
		return true;
	at = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return true;
	if (fstatat(at, path + strspn(path, "/"), &st, 0) < 0) /* else it is in the view alone */
		return errno != ENOENT || (!(flags & O_CREAT) && view_has_mounts(&c->um->view));
	if (S_ISCHR(st.st_mode))
		return !opens_at_once(st.st_rdev);
	if (S_ISREG(st.st_mode))
		return locks_on_file(st.st_dev, st.st_ino, "LEASE", 0) != F_UNLCK;
	return !S_ISDIR(st.st_mode);
}

static bool waits_for_lock(struct call *c, int cmd)
{
	return cmd == F_SETLKW || cmd == F_OFD_SETLKW || (call_is32(c) && cmd == F32_SETLKW64);
}

/* May the call be made again? */
static bool may_be_made_again(struct call *c)
{
	uint64_t flags;

	if (call_is32(c) && c->raw_nr == NR32_SOCKETCALL)
		return false; /* it may be any of them */
	switch (c->nr) {
	case __NR_open:
		return !open_may_wait(c, AT_FDCWD, call_addr(c, 0), (int)c->args[1]);
	case __NR_creat:
		return !open_may_wait(c, AT_FDCWD, call_addr(c, 0), O_CREAT);
	case __NR_truncate:
		/* of what the host has not there it waits for nobody either */
		return !open_may_wait(c, AT_FDCWD, call_addr(c, 0), O_CREAT);
	case __NR_openat:
		return !open_may_wait(c, call_fd(c, 0), call_addr(c, 1), (int)c->args[2]);
	case __NR_read:
	case __NR_readv:
	case __NR_pread64:
	case __NR_preadv:
	case __NR_preadv2:
	case __NR_write:
	case __NR_writev:
	case __NR_pwrite64:
	case __NR_pwritev:
	case __NR_pwritev2:
		return !transfer_may_wait(c, call_fd(c, 0));
	case __NR_sendfile:
		return !transfer_may_wait(c, call_fd(c, 0)) && !transfer_may_wait(c, call_fd(c, 1));
	case __NR_copy_file_range:
		return !transfer_may_wait(c, call_fd(c, 0)) && !transfer_may_wait(c, call_fd(c, 2));
	case __NR_accept:
	case __NR_accept4:
		return !socket_may_wait(c, call_fd(c, 0), 0);
	case __NR_sendmsg:
	case __NR_recvmsg:
		return !socket_may_wait(c, call_fd(c, 0), (int)c->args[2]);
	case __NR_sendto:
	case __NR_sendmmsg:
	case __NR_recvfrom:
	case __NR_recvmmsg:
		return !socket_may_wait(c, call_fd(c, 0), (int)c->args[3]);
	case __NR_connect:
		return !connect_may_have_begun(c, call_fd(c, 0));
	case __NR_fcntl:
		return !waits_for_lock(c, (int)c->args[1]);
	case __NR_openat2: /* the first of struct open_how are the flags */
		return guest_read(c, call_addr(c, 2), &flags, sizeof(flags)) == 0 &&
		       !open_may_wait(c, call_fd(c, 0), call_addr(c, 1), (int)flags);
	}
	/* what is never caught was not forestalled: it waited (sigsuspend, nanosleep, poll) */
	return c->row->trap != TRAP_NEVER && !says_eintr(c->nr);
}

enum verdict sys_rt_sigreturn(struct call *c)
{
	struct call again = *c;
	struct sigframe_call call;
	struct sigframe f;
	bool known;

	known = sigframe_read(c, &f) && f.result == -EINTR && sigframe_call(c, &f, &call);
	if (known) {
		again.raw_nr = again.nr = call.nr;
		memcpy(again.args, call.args, sizeof(again.args));
		known = call_find_row(&again, call.is32);
	}
	/* what was told is in the frame of the handler whose end this is, further up */
	if (!(known && again.nr == __NR_rt_sigreturn) && call_told_eintr(c))
		return CONTINUE;
	if (known && may_be_made_again(&again))
		/* what cannot be written stays an EINTR */
		(void)!sigframe_repeat(c, &f, &call);
	return CONTINUE;
}
