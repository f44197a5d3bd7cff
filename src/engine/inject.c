/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The guest waits in seccomp for our answer. It is seized and told to stop;
 * the answer is -ERESTARTNOINTR, so that the stop comes on the way out of the call, and the kernel
 * makes the call again when the guest goes on. In the stop all signals are blocked (a handler
 * would run over what we write below the stack pointer), strings are written there and the
 * registers are changed. The call made again is notified again, and answered CONTINUE (claim.h).
 * Its end is an exec event, or the stop at its exit, where registers, memory and mask are put back.
 *
 * All of it is done by one thread, for ptrace(2) belongs to threads. It hangs never: whatever
 * ends the guest is an event for its tracer too. Two cases need care. An exec by a thread that is
 * not the leader reports under the leader's id, and one by another thread takes the leader's id
 * away, unseen by a wait for it: so processes with several threads are polled. And a stop of a
 * child of the supervisor itself is news to whoever waits for children there, too: such are polled
 * by another call that sees a stop which was taken note of already.
 *
 * SIGSTOP cannot be blocked: it is held back and sent again at the end, unless a SIGCONT came
 * after it. A stop of the whole process begun elsewhere is resumed by the kernel itself at detach.
 */
#include "engine/inject.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "engine/abi.h"
#include "engine/arch/x86_64.h"
#include "engine/claim.h"
#include "engine/compat.h"
#include "engine/status.h"
#include "engine/nr.h"

/* in <linux/ptrace.h> alone, which does not go together with <sys/ptrace.h> */
#ifndef PTRACE_GETSIGMASK
#define PTRACE_GETSIGMASK 0x420a
#define PTRACE_SETSIGMASK 0x420b
#endif
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#define RESTART_NOINTR (-513)
#define RESTART_SYS (-512) /* a kernel that has no WAIT_KILLABLE_RECV let it go by itself */
#define SYSCALL_STOP (SIGTRAP | 0x80)
#define MAX_ARGV (1024 * 1024)
#define AUXV_MAX 64
#define POLL_MIN_NS 20000u
#define POLL_MAX_NS 1000000u

/* Pointers in the guest. */
struct array {
	gaddr_t *v;
	size_t n;
};

/* The seizure of one thread, from attach to detach. */
struct seizure {
	struct call *c;
	const struct inject_args *a;
	pid_t pid; /* its id now: an exec gives a thread that of the leader */
	pid_t tgid;
	bool alone; /* the only thread of its process */
	bool own;   /* a child of the supervisor */
	bool held_stop;
	bool claimed;
	bool heeds; /* it is in a call that a signal ends */
	struct claim claim;
	int mem; /* the memory it had when it was seized */
	uint64_t mask;
	struct user_regs_struct regs; /* as found */
	/* what is written below its stack pointer */
	char *new_, *old;
	size_t len;
	bool saved;
	uint64_t at;
	struct array argv, envp; /* the guest's pointers that are kept */
	size_t word;		 /* the size of a pointer in the call that is made */
	/* A 32-bit call, made by 64-bit code: its stack is out of the reach of such calls. So the
	 * call made in its place is one of x86_64, by the instruction of the vDSO at `vdso`. */
	bool foreign;
	uint64_t vdso;
};

/* Asks for an event of one id. 1: a stop, *ret its code; 0: none yet; -ESRCH: ended, or gone. */
static int look(struct seizure *s, pid_t pid, bool block, int *ret)
{
	siginfo_t si = { 0 };
	int r, flags = WEXITED | WSTOPPED | WNOWAIT | __WALL | __WNOTHREAD;

	do {
		r = waitid(P_PID, (id_t)pid, &si, flags | (block ? 0 : WNOHANG));
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -ESRCH;
	if (si.si_pid == 0)
		return 0;
	if (si.si_code == CLD_TRAPPED || si.si_code == CLD_STOPPED) {
		*ret = si.si_status;
		/* an exec event that nobody has waited for hides a thread that changed its id */
		(void)waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOHANG | __WALL | __WNOTHREAD);
		return 1;
	}
	/* our own child is reaped by whoever waits for the view's end */
	if (!s->own || pid != s->tgid)
		(void)waitpid(pid, NULL, __WALL | __WNOTHREAD | WNOHANG);
	return -ESRCH;
}

/* Is it in a stop, whoever has taken the news of it? */
static bool in_stop(pid_t pid, int *ret)
{
	siginfo_t si;

	if (ptrace(PTRACE_GETSIGINFO, pid, 0, &si) < 0)
		return false;
	*ret = si.si_code == SYSCALL_STOP || si.si_code >> 8 ? si.si_code : si.si_signo;
	return true;
}

static int look_twice(struct seizure *s, pid_t pid, int *ret)
{
	int r = look(s, pid, false, ret);

	if (r == 0 && s->own && in_stop(pid, ret))
		return 1;
	return r;
}

static uint64_t pending_signals(pid_t pid, bool ignored)
{
	char status[STATUS_MAX];
	uint64_t set;

	if (status_read(pid, status, sizeof(status)) <= 0)
		return 0;
	set = status_number(status, "\nSigPnd:", 16) | status_number(status, "\nShdPnd:", 16);
	return ignored ? set : set & ~status_number(status, "\nSigIgn:", 16);
}

/* Waits for the next stop: its code; -ESRCH when the guest is gone. */
static int next_stop(struct seizure *s)
{
	const long longest = (long)POLL_MAX_NS * (s->heeds ? 16 : 1);
	struct timespec nap = { .tv_nsec = POLL_MIN_NS };
	int code, r;

	if (s->alone && !s->own && !s->heeds)
		return look(s, s->pid, true, &code) == 1 ? code : -ESRCH;
	for (;;) {
		r = look_twice(s, s->pid, &code);
		if (r == 1)
			return code;
		if (s->tgid != s->pid) {
			/* the leader's id is ours only once an exec has given it to the thread */
			int r2 = look_twice(s, s->tgid, &code);

			if (r2 == 1) {
				s->pid = s->tgid;
				return code;
			}
			r = r < 0 && r2 < 0 ? -ESRCH : 0;
		}
		if (r < 0)
			return -ESRCH;
		/* the signals that wait are all blocked now: the call is ended for the first */
		if (s->heeds && nap.tv_nsec >= (long)POLL_MAX_NS &&
			(pending_signals(s->pid, false) & ~s->mask))
			(void)ptrace(PTRACE_INTERRUPT, s->pid, 0, 0);
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < longest)
			nap.tv_nsec += nap.tv_nsec / 2;
	}
}

static int resume(struct seizure *s, int sig)
{
	return ptrace(PTRACE_SYSCALL, s->pid, 0, (long)sig) < 0 ? -ESRCH : 0;
}

static void set_mask(struct seizure *s, uint64_t mask)
{
	(void)ptrace(
		PTRACE_SETSIGMASK, s->pid, sizeof(mask), &mask); /* fails when it is dead only */
}

static void unclaim(struct seizure *s)
{
	if (s->claimed)
		claim_remove(s->c->engine, &s->claim);
	s->claimed = false;
}

/* The calls that it makes from here on are its own again, that which it makes once more included.
 */
static void detach(struct seizure *s)
{
	unclaim(s);
	if (s->held_stop && !(pending_signals(s->pid, true) >> (SIGCONT - 1) & 1))
		(void)kill(s->tgid, SIGSTOP);
	if (ptrace(PTRACE_DETACH, s->pid, 0, 0L) < 0) {
		int code;

		(void)look(s, s->pid, true, &code); /* killed in the stop */
	}
}

/* The pointers of an array of the guest, without the first ones. */
static int read_array(struct seizure *s, gaddr_t at, unsigned skip, struct array *ret)
{
	gaddr_t *v;
	size_t n;
	int r = abi_read_ptrs(s->c, at, MAX_ARGV, &v, &n);

	if (r < 0)
		return r;
	ret->v = v;
	ret->n = n > skip ? n - skip : 0;
	if (ret->n)
		memmove(v, v + skip, ret->n * sizeof(*v));
	return 0;
}

/* Whether a 32-bit call was made by 64-bit code, whose arrays have to be made anew, is known in the
 * stop alone. */
static int read_arrays(struct seizure *s)
{
	const struct inject_args *a = s->a;
	int r = 0;

	if (a->head || (call_is32(s->c) && a->argv.v))
		r = read_array(s, a->argv, a->skip, &s->argv);
	if (r == 0 && call_is32(s->c) && a->envp.v)
		r = read_array(s, a->envp, 0, &s->envp);
	return r;
}

static size_t count_head(const struct inject_args *a)
{
	size_t n = 0;

	while (a->head && a->head[n])
		n++;
	return n;
}

static size_t arg_len(const struct inject_args *a, int i)
{
	return !a->str[i] ? 0 : a->str_len[i] ? a->str_len[i] : strlen(a->str[i]) + 1;
}

/* Copies a string to the buffer; its address in the guest. */
static uint64_t put_string(struct seizure *s, size_t *used, const char *str, size_t len)
{
	uint64_t addr = s->at + *used;

	memcpy(s->new_ + *used, str, len);
	*used += len;
	return addr;
}

/* The same for a pointer. */
static void put_word(struct seizure *s, size_t *used, uint64_t value)
{
	memcpy(s->new_ + *used, &value, s->word);
	*used += s->word;
}

static int allocate(struct seizure *s)
{
	const struct inject_args *a = s->a;
	size_t nhead = count_head(a);

	for (int i = 0; i < 6; i++)
		s->len += arg_len(a, i);
	for (size_t i = 0; i < nhead; i++)
		s->len += strlen(a->head[i]) + 1;
	if (a->head || s->argv.v)
		s->len += (nhead + s->argv.n + 1) * sizeof(uint64_t);
	if (s->envp.v)
		s->len += (s->envp.n + 1) * sizeof(uint64_t);
	if (s->len == 0)
		return 0;
	s->new_ = calloc(1, s->len);
	s->old = malloc(s->len);
	return s->new_ && s->old ? 0 : -ENOMEM;
}

/* An array: of the strings of head, which are put at *strings, and of what is kept. Its address. */
static uint64_t put_array(struct seizure *s, size_t *used, size_t *strings, const char *const *head,
	const struct array *kept)
{
	uint64_t addr = s->at + *used;

	for (; head && *head; head++)
		put_word(s, used, put_string(s, strings, *head, strlen(*head) + 1));
	for (size_t i = 0; i < kept->n; i++)
		put_word(s, used, kept->v[i].v);
	put_word(s, used, 0);
	return addr;
}

/* Lays out pointers and strings below the stack pointer and gives the arguments their addresses. */
static int write_memory(struct seizure *s, uint64_t args[6])
{
	const struct inject_args *a = s->a;
	bool argv = a->head || (s->foreign && s->argv.v), envp = s->foreign && s->envp.v;
	size_t used = 0, strings = 0;

	if (s->len == 0)
		return 0;
	s->at = (arch_sp(&s->regs) - ARCH_RED_ZONE - s->len) & ~15ull;
	if (argv)
		strings += (count_head(a) + s->argv.n + 1) * s->word;
	if (envp)
		strings += (s->envp.n + 1) * s->word;
	if (argv)
		args[a->argv_arg] = put_array(s, &used, &strings, a->head, &s->argv);
	if (envp)
		args[a->argv_arg + 1] = put_array(s, &used, &strings, NULL, &s->envp);
	for (int i = 0; i < 6; i++) {
		if (i == 1 && a->narrow && s->word == sizeof(uint32_t))
			args[i] = put_string(s, &strings, a->narrow, a->narrow_len);
		else if (a->str[i])
			args[i] = put_string(s, &strings, a->str[i], arg_len(a, i));
	}
	if (a->points)
		memcpy(s->new_ + (args[1] - s->at), &args[a->points], s->word);
	s->saved = pread(s->mem, s->old, s->len, (off_t)s->at) == (ssize_t)s->len;
	if (pwrite(s->mem, s->new_, s->len, (off_t)s->at) != (ssize_t)s->len)
		return -EFAULT;
	return 0;
}

static void restore_memory(struct seizure *s)
{
	if (s->saved && pwrite(s->mem, s->old, s->len, (off_t)s->at) < 0)
		log_debug("%d: the memory below its stack was not put back", s->pid);
	s->saved = false;
}

/* Its auxiliary vector: how many bytes; 0: there is none to be had. */
static ssize_t read_auxv(pid_t pid, uint64_t auxv[2 * AUXV_MAX])
{
	char path[64];
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, auxv, 2 * AUXV_MAX * sizeof(*auxv));
	return n < 0 ? 0 : n;
}

/* Of a 32-bit program type and value fill one word; a type alone never does. */
static bool auxv_is32(const uint64_t auxv[])
{
	return auxv[0] >> 32;
}

bool inject_is_foreign(struct call *c)
{
	uint64_t auxv[2 * AUXV_MAX];

	return call_is32(c) && (read_auxv(c->tid, auxv) < 8 || !auxv_is32(auxv));
}

/* Where AT_EXECFN points in a program that has been loaded; 0: nowhere. */
static uint64_t find_execfn(pid_t pid)
{
	uint64_t auxv[2 * AUXV_MAX];
	ssize_t n = read_auxv(pid, auxv);

	if (n >= 8 && auxv_is32(auxv)) {
		for (ssize_t i = 0; i < n / 8; i++) {
			if ((uint32_t)auxv[i] == AT_EXECFN)
				return auxv[i] >> 32;
		}
		return 0;
	}
	for (ssize_t i = 0; i + 1 < n / 8; i += 2) {
		if (auxv[i] == AT_EXECFN)
			return auxv[i + 1];
	}
	return 0;
}

/* The program has been loaded: the name that it was started by is what the guest said. */
static void patch_execfn(struct seizure *s)
{
	const char *was = s->a->str[0] ? s->a->str[0] : s->a->str[1];
	size_t len = was ? strlen(was) + 1 : 0;
	char buf[8192];
	struct iovec local = { buf, len }, remote = { NULL, len };

	if (!s->a->execfn || len == 0 || len > sizeof(buf) || strlen(s->a->execfn) >= len)
		return;
	remote.iov_base = (void *)(uintptr_t)find_execfn(s->pid);
	if (!remote.iov_base ||
		process_vm_readv(s->pid, &local, 1, &remote, 1, 0) != (ssize_t)len ||
		memcmp(buf, was, len) != 0)
		return;
	memset(buf, 0, len);
	memcpy(buf, s->a->execfn, strlen(s->a->execfn));
	(void)process_vm_writev(s->pid, &local, 1, &remote, 1, 0); /* a matter of looks */
}

/* In the stop: how is another call made in the place of this one? */
static int find_mode(struct seizure *s)
{
	s->foreign = call_is32(s->c) && !arch_is32(&s->regs);
	s->word = call_is32(s->c) && !s->foreign ? sizeof(uint32_t) : sizeof(uint64_t);
	if (s->foreign)
		s->vdso = arch_find_syscall(s->pid, s->mem);
	return 0;
}

/* The number of a call of x86_64 as the guest makes it. */
static int call_number(const struct seizure *s, int nr)
{
	return call_is32(s->c) && !s->foreign ? compat_nr(s->c->engine, nr) : nr;
}

static void set_call(const struct seizure *s, struct user_regs_struct *regs, const uint64_t args[6])
{
	int nr = call_number(s, s->a->nr);

	if (arch_is32(regs)) {
		arch_set_call32(regs, nr, args);
		return;
	}
	arch_set_call(regs, nr, args);
	if (s->foreign)
		arch_set_ip(regs, s->vdso);
}

/* Waits for the stop on the way out of the call that waits for us: 0, -ESRCH (gone, or astray). */
static int first_stop(struct seizure *s)
{
	int code = next_stop(s);

	if (code < 0)
		return code;
	if (ptrace(PTRACE_GETREGS, s->pid, 0, &s->regs) < 0)
		return next_stop(s) < 0 ? -ESRCH : -EPERM;
	if (code >> 8 == PTRACE_EVENT_STOP && arch_nr(&s->regs) == s->c->raw_nr &&
		(arch_result(&s->regs) == RESTART_NOINTR || arch_result(&s->regs) == RESTART_SYS))
		return find_mode(s);
	log_debug("%d: stopped elsewhere (code %x): the call is made again", s->pid, code);
	detach(s);
	return -ESRCH;
}

/* The call is over (or cannot be made): the guest is as it was, but for the result. */
static void put_back(struct seizure *s, int64_t result, bool again)
{
	struct user_regs_struct regs = s->regs;

	restore_memory(s);
	arch_set_result(&regs, result);
	if (!again)
		arch_set_no_restart(&regs);
	(void)ptrace(PTRACE_SETREGS, s->pid, 0, &regs);
	set_mask(s, s->mask);
	detach(s);
}

/* In the stop at a call's exit: makes the guest go back and run close(2). */
static int close_next(struct seizure *s, struct user_regs_struct *regs)
{
	const uint64_t args[6] = { (uint64_t)s->a->close_fd };

	arch_set_again(regs, call_number(s, __NR_close), args);
	return ptrace(PTRACE_SETREGS, s->pid, 0, regs) < 0 ? -ESRCH : 0;
}

/* Has the call a child that we trace from its beginning? */
static bool makes_child(const struct seizure *s)
{
	return s->a->made && s->a->nr == __NR_clone;
}

/* A child stops before it begins, with the arguments and the mask of the call that was made: it is
 * given those of its parent's. */
static void begin_child(struct seizure *s, pid_t pid)
{
	struct user_regs_struct regs;
	int code;

	if (look(s, pid, true, &code) != 1)
		return;
	if (ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0) {
		arch_set_arg0(&regs, arch_arg0(&s->regs));
		(void)ptrace(PTRACE_SETREGS, pid, 0, &regs);
	}
	(void)ptrace(PTRACE_SETSIGMASK, pid, sizeof(s->mask), &s->mask);
	s->a->made(pid, s->a->made_arg);
	(void)ptrace(PTRACE_DETACH, pid, 0, 0L);
}

/* The guest is in the stop of an event that tells of a child. */
static void begin_told(struct seizure *s)
{
	unsigned long pid;

	if (ptrace(PTRACE_GETEVENTMSG, s->pid, 0, &pid) == 0)
		begin_child(s, (pid_t)pid);
}

/* The guest was killed in the call, perhaps after it had a child: the news of that went with it,
 * and the child, which is traced by this thread, would stand for ever. */
static void begin_untold(struct seizure *s)
{
	DIR *dir = opendir("/proc");
	struct dirent *de;

	while (dir && (de = readdir(dir))) {
		char status[STATUS_MAX];
		pid_t pid = atoi(de->d_name);

		if (pid > 0 && pid != s->pid && pid != s->tgid &&
			status_read(pid, status, sizeof(status)) > 0 &&
			status_number(status, "\nTracerPid:", 10) == (uint64_t)gettid())
			begin_child(s, pid);
	}
	if (dir)
		closedir(dir);
}

static bool is_child_event(int code)
{
	return code >> 8 == PTRACE_EVENT_FORK || code >> 8 == PTRACE_EVENT_VFORK ||
	       code >> 8 == PTRACE_EVENT_CLONE;
}

/* Lets the guest run the call and returns its result; detached then. */
static int64_t run_call(struct seizure *s)
{
	struct user_regs_struct regs;
	bool entered = false, closing = s->a->close_fd <= 0, have = false;
	int64_t result = 0;
	int r = resume(s, 0);

	for (;;) {
		int code = next_stop(s), sig = 0;

		if (code < 0 || r < 0)
			return -ESRCH;
		if (code >> 8 == PTRACE_EVENT_EXEC) {
			set_mask(s, s->mask);
			patch_execfn(s);
			detach(s);
			return 0;
		}
		s->heeds = s->heeds && code != SYSCALL_STOP;
		if (code == SYSCALL_STOP && entered) {
			if (ptrace(PTRACE_GETREGS, s->pid, 0, &regs) < 0)
				return next_stop(s) < 0 ? -ESRCH : -EPERM;
			if (!have)
				result = s->a->error ? s->a->error : arch_result(&regs);
			if (!have && result == 0 && s->a->made && s->a->nr != __NR_clone)
				s->a->made(s->pid, s->a->made_arg);
			have = true;
			if (closing || close_next(s, &regs) < 0) {
				put_back(s, result, true);
				return result;
			}
			closing = true;
			entered = false;
		} else if (code == SYSCALL_STOP) {
			entered = true;
			s->heeds = s->a->waits && !have;
		} else if (is_child_event(code)) {
			begin_told(s);
		} else if (code == SIGSTOP) {
			s->held_stop = true;
		} else if (code >> 8 == 0) {
			sig = code; /* a fault of its own: nothing that could be held back */
		}
		r = resume(s, sig);
	}
}

static int seize(struct seizure *s)
{
	const long children =
		makes_child(s) ? PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE : 0;
	char path[64], status[STATUS_MAX];

	if (ptrace(PTRACE_SEIZE, s->pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | children) <
		0)
		return errno == ESRCH ? -ESRCH : -EPERM;
	/* from here on the id cannot go to another task; was it still our guest when seized? */
	if (status_read(s->pid, status, sizeof(status)) > 0) {
		s->alone = s->pid == s->tgid && status_number(status, "\nThreads:", 10) == 1;
		s->own = status_number(status, "\nPPid:", 10) == (uint64_t)getpid();
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", s->pid);
	s->mem = open(path, O_RDWR | O_CLOEXEC);
	(void)ptrace(PTRACE_INTERRUPT, s->pid, 0, 0);
	return 0;
}

static enum verdict inject_seized(struct seizure *s)
{
	struct call *c = s->c;
	uint64_t args[6], all = ~0ull;
	int r;

	claim_add(c->engine, &s->claim, CLAIM_NEXT, c->tid);
	s->claimed = true;
	/* a guest that does not wait any more (killed, or not ours) stops or ends all the same */
	(void)notify_answer(c, RESTART_NOINTR, 0);
	r = first_stop(s);
	if (r < 0)
		goto out;
	r = -EPERM;
	if (s->mem < 0 || (s->foreign && !s->vdso) ||
		ptrace(PTRACE_GETSIGMASK, s->pid, sizeof(s->mask), &s->mask) < 0) {
		detach(s);
		goto out;
	}
	set_mask(s, all);
	memcpy(args, s->a->args, sizeof(args));
	r = write_memory(s, args);
	if (r < 0) {
		put_back(s, r, false);
	} else {
		struct user_regs_struct regs = s->regs;

		set_call(s, &regs, args);
		(void)ptrace(PTRACE_SETREGS, s->pid, 0, &regs);
		r = (int)run_call(s);
		if (r == -ESRCH && makes_child(s))
			begin_untold(s);
	}
out:
	unclaim(s);
	c->ret = r;
	return ANSWERED;
}

enum verdict inject_call(struct call *c, const struct inject_args *a)
{
	struct seizure s = { .c = c, .a = a, .pid = c->tid, .tgid = call_tgid(c), .mem = -1 };
	enum verdict v = DONE;
	int r = s.tgid < 0 ? -ESRCH : 0;

	call_waits();
	if (r == 0)
		r = read_arrays(&s);
	if (r == 0)
		r = allocate(&s);
	if (r == 0 && !call_alive(c))
		r = -ESRCH;
	if (r == 0)
		r = seize(&s);
	if (r == 0)
		v = inject_seized(&s);
	else
		c->ret = r;
	if (s.mem >= 0)
		close(s.mem);
	free(s.argv.v);
	free(s.envp.v);
	free(s.new_);
	free(s.old);
	return v;
}
