/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A guest that has a tracer of its own (gdb, strace in the view) cannot be
 * seized. What is left is its memory: the path is written over in place, the call CONTINUEs, and
 * the old string comes back when the call is over. The kernel copies a path before it does anything
 * else, but nothing says when; so the end of the call is polled for, in /proc, and the thread's
 * next call waits until all is put right (claim.h). The memory is held by a descriptor opened
 * before: after an exec it is still the old one, which matters to the parent of a vfork.
 */
#include "engine/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "engine/abi.h"
#include "engine/claim.h"
#include "engine/status.h"

#define WAIT_MAX_NS (5 * NSEC_PER_SEC)
#define FAST_NS (20 * 1000000u)
#define SHORT_SLICE_NS 100000
#define ROOM_MAX 128
#define MAX_STRINGS 4096
#define KCMP_VM_ 1
#define SHOW_MAX (4u << 20)

static int open_mem(pid_t tid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", tid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -EPERM : fd;
}

/* Is the thread still in this call? Its number is the first word; "running" when it is not. */
static bool in_call(pid_t tid, int nr)
{
	char path[64], buf[64];
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	/* "running": on a CPU, perhaps within the call */
	return buf[0] == 'r' || atoi(buf) == nr;
}

/* What was changed in the memory, to be put back. */
struct patch {
	uint64_t at;
	size_t len;
	char *saved, *written; /* one block */
};

#define MAX_PATCHES 16

struct patches {
	int mem;
	size_t n;
	struct patch p[MAX_PATCHES];
};

static int patch(struct patches *s, uint64_t at, const void *data, size_t len)
{
	struct patch *p = &s->p[s->n];

	if (s->n == MAX_PATCHES)
		return -E2BIG;
	p->saved = malloc(2 * len);
	if (!p->saved)
		return -ENOMEM;
	p->written = p->saved + len;
	memcpy(p->written, data, len);
	p->at = at;
	p->len = len;
	s->n++;
	if (pread(s->mem, p->saved, len, (off_t)at) != (ssize_t)len ||
		pwrite(s->mem, data, len, (off_t)at) != (ssize_t)len)
		return -EFAULT;
	return 0;
}

/* Puts back what nobody has changed since. */
static void patches_undo(struct patches *s)
{
	while (s->n) {
		struct patch *p = &s->p[--s->n];
		char *now = malloc(p->len);

		if (now && pread(s->mem, now, p->len, (off_t)p->at) == (ssize_t)p->len &&
			memcmp(now, p->written, p->len) == 0 &&
			pwrite(s->mem, p->saved, p->len, (off_t)p->at) < 0)
			log_debug("the memory to put back is gone");
		free(now);
		free(p->saved);
	}
}

static bool is_there(pid_t tid, const char *link, const struct stat *then)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, link);
	return stat(path, &st) == 0 && st.st_dev == then->st_dev && st.st_ino == then->st_ino;
}

/* Has the exec put a new memory in the place of `mem`? The old one is gone, but after a vfork,
 * when its parent has it; then the program is another, or its arguments lie elsewhere. */
static bool is_replaced(struct call *c, const struct in_place *ip, int mem, uint64_t arg_start)
{
	char byte;

	if (!is_there(c->tid, "exe", &ip->then) || process_stat(c->tid, STAT_ENV_END) == 0)
		return false; /* or not yet: the end of the environment is noted last */
	return pread(mem, &byte, 1, (off_t)ip->at.v) <= 0 ||
	       process_stat(c->tid, STAT_ARG_START) != arg_start;
}

static bool is_on_its_way(const char *link)
{
	struct stat st;

	return link && lstat(link, &st) == 0 && st.st_atime != 1;
}

/*
 * The guest looks at its string as soon as the call is over, and by then the old one must be back.
 * So it is kept on the CPU of this thread, which wakes up often while the guest is on its way, and
 * is then the next to run.
 */
static void share_cpu(pid_t tid, cpu_set_t *ret_was, bool *ret_shared)
{
	cpu_set_t one;
	int cpu = sched_getcpu();

	*ret_shared = false;
	if (cpu < 0 || sched_getaffinity(tid, sizeof(*ret_was), ret_was) < 0)
		return;
	CPU_ZERO(&one);
	CPU_SET((unsigned)cpu, &one);
	*ret_shared = sched_setaffinity(tid, sizeof(one), &one) == 0 &&
		      sched_setaffinity(0, sizeof(one), &one) == 0;
}

/* As the kernel's: of some libc headers it is missing. */
struct sched_attr_ {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/*
 * On a busy CPU the scheduler would let others run first when this thread wakes up. One that asks
 * for short slices (Linux 6.12; older kernels take no notice) is let in at once, before the guest
 * and whoever asks for no such thing. 0: as all others.
 */
static void ask_slice(uint64_t ns)
{
	struct sched_attr_ a = { .size = sizeof(a) };

	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) < 0 || a.policy != SCHED_OTHER)
		return;
	a.size = sizeof(a);
	a.flags = 0;
	a.runtime = ns;
	(void)syscall(SYS_sched_setattr, 0, &a, 0); /* a matter of luck then, as before */
}

static int64_t wait_end(struct call *c, const struct in_place *ip, struct patches *s,
	uint64_t arg_start, const struct claim *next)
{
	uint64_t begin = now_ns(), now = begin;
	struct timespec nap = { .tv_nsec = 30000 };

	for (; now < begin + WAIT_MAX_NS; now = now_ns()) {
		bool over = atomic_load(&next->held);

		if (s->n && is_on_its_way(ip->link)) {
			patches_undo(s);
			if (ip->copied)
				ip->copied(ip->arg);
		}
		if (ip->argv.v ? is_replaced(c, ip, s->mem, arg_start)
			       : is_there(c->tid, "cwd", &ip->then))
			return 0;
		if (over || !in_call(c->tid, c->raw_nr))
			return -ENOEXEC; /* or another error: the guest knows */
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < 2000000 && now > begin + FAST_NS)
			nap.tv_nsec *= 2;
	}
	return -ETIMEDOUT;
}

size_t inject_room(struct call *c, gaddr_t at, const char *old)
{
	size_t n = strlen(old);
	char behind[ROOM_MAX];

	if (guest_read(c, gaddr_add(at, n), behind, sizeof(behind)) < 0)
		return n;
	for (size_t i = 0; i < sizeof(behind) && behind[i] == 0; i++)
		n = strlen(old) + i;
	return n;
}

/* argv often holds the very string that is written over: it gets a copy below *sp. So do the
 * strings behind it, those of the environment as well; the arrays themselves must lie elsewhere. */
static int keep_strings(
	struct call *c, const struct in_place *ip, struct patches *s, gaddr_t array, uint64_t *sp)
{
	uint64_t end = ip->at.v + strlen(ip->path) + 1;
	size_t size = abi_word_size(c);

	for (unsigned i = 0; i < MAX_STRINGS && array.v; i++) {
		gaddr_t slot = gaddr_add(array, i * size), arg;
		char word[PATH_MAX];
		ssize_t n;
		int r = abi_read_ptr(c, array, i, &arg);

		if (r < 0)
			return r;
		if (slot.v < end && slot.v + size > ip->at.v)
			return -E2BIG;
		if (arg.v == 0)
			return 0;
		if (arg.v >= end || arg.v < ip->at.v)
			continue;
		n = guest_read_str(c, arg, word, sizeof(word));
		if (n < 0)
			return (int)n;
		*sp = (*sp - (uint64_t)n - 1) & ~15ull;
		/* int $0x80 in 64-bit code: its stack is out of the call's reach */
		if (call_is32(c) && *sp > UINT32_MAX)
			return -EFAULT;
		r = patch(s, *sp, word, (size_t)n + 1);
		if (r == 0)
			r = patch(s, slot.v, sp, size);
		if (r < 0)
			return r;
	}
	return array.v ? -E2BIG : 0;
}

static int keep_arrays(struct call *c, const struct in_place *ip, struct patches *s)
{
	uint64_t sp = guest_stack(c) - 128;
	int r = keep_strings(c, ip, s, ip->argv, &sp);

	return r < 0 ? r : keep_strings(c, ip, s, ip->envp, &sp);
}

bool inject_sole(struct call *c)
{
	char status[STATUS_MAX];
	pid_t parent;
	long same;

	if (status_read(c->tid, status, sizeof(status)) < 0 ||
		status_number(status, "\nThreads:", 10) != 1)
		return false;
	/* the parent of a vfork sleeps, but not its other threads */
	parent = (pid_t)status_number(status, "\nPPid:", 10);
	same = syscall(SYS_kcmp, c->tid, parent, KCMP_VM_, 0, 0);
	if (same != 0)
		return same > 0;
	return status_read(parent, status, sizeof(status)) > 0 &&
	       status_number(status, "\nThreads:", 10) == 1;
}

/* Writes `word` in the place of all strings of [buf, size), which is at `at`, that read `path`. */
static void show_word(
	int mem, uint64_t at, const char *buf, size_t size, const char *path, const char *word)
{
	size_t len = path ? strlen(path) + 1 : 0;
	char shown[2 * PATH_MAX] = "";

	if (!path || !word || len > sizeof(shown) || strlen(word) >= len)
		return;
	memcpy(shown, word, strlen(word));
	for (size_t i = 0; i + len <= size; i += strnlen(buf + i, size - i) + 1) {
		if (memcmp(buf + i, path, len) == 0 && pwrite(mem, shown, len, (off_t)(at + i)) < 0)
			return;
	}
}

/* The new program has been told the path it was started by: in argv (a script's), in AT_EXECFN
 * behind argv and environment. All lie between arg_start and the end of the stack. */
static void show(struct call *c, const struct in_place *ip)
{
	_cleanup_fd_ int mem = open_mem(c->tid);
	uint64_t at = process_stat(c->tid, STAT_ARG_START),
		 end = process_stat(c->tid, STAT_ENV_END);
	_cleanup_free_ char *buf = NULL;
	size_t size;

	if (mem < 0 || at == 0 || end < at || end - at > SHOW_MAX)
		return;
	size = (size_t)(end - at) + strlen(ip->path) +
	       1; /* AT_EXECFN is right behind the environment */
	buf = malloc(size);
	if (!buf || pread(mem, buf, size, (off_t)at) != (ssize_t)size)
		return;
	show_word(mem, at, buf, size, ip->path, ip->shown);
	show_word(mem, at, buf, size, ip->interp, ip->interp_shown);
}

enum verdict inject_in_place(struct call *c, const struct in_place *ip)
{
	_cleanup_fd_ int mem = open_mem(c->tid);
	struct patches s = { .mem = mem };
	bool shared = false;
	cpu_set_t cpus, ours;
	uint64_t arg_start;
	struct claim next;
	int r = 0;

	call_waits();
	if (mem < 0)
		return call_return(c, mem);
	if (!ip->argv.v && is_there(c->tid, "cwd", &ip->then))
		return call_return(c, 0); /* the wait below would see no change */
	if (strlen(ip->path) > inject_room(c, ip->at, ip->old) && !(ip->over && inject_sole(c)))
		return call_return(c, -ENAMETOOLONG);
	if (ip->argv.v)
		r = keep_arrays(c, ip, &s);
	if (r == 0 && !call_alive(c))
		r = -ESRCH;
	if (r == 0)
		r = patch(&s, ip->at.v, ip->path, strlen(ip->path) + 1);
	if (r < 0) {
		patches_undo(&s);
		return call_return(c, r);
	}
	arg_start = process_stat(c->tid, STAT_ARG_START);
	if (ip->link && sched_getaffinity(0, sizeof(ours), &ours) == 0)
		share_cpu(c->tid, &cpus, &shared);
	ask_slice(SHORT_SLICE_NS);
	(void)prctl(PR_SET_TIMERSLACK, 1000ul, 0, 0, 0); /* naps are short */
	claim_add(c->engine, &next, CLAIM_HOLD, c->tid);
	c->ret = notify_answer(c, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
	if (c->ret == 0)
		c->ret = wait_end(c, ip, &s, arg_start, &next);
	if (shared)
		(void)sched_setaffinity(c->tid, sizeof(cpus), &cpus); /* it may be gone */
	if (shared)
		(void)sched_setaffinity(0, sizeof(ours), &ours);
	ask_slice(0);
	(void)prctl(PR_SET_TIMERSLACK, 0ul, 0, 0, 0); /* the default */
	if (c->ret == 0 && ip->argv.v)
		show(c, ip);
	patches_undo(&s);
	claim_remove(c->engine, &next);
	return ANSWERED;
}
