/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. One filter for the whole view, installed once and inherited. It decides by
 * number, and by descriptor arguments: virtual files lie at VFD_BASE and up, so that calls on
 * ordinary descriptors never leave the kernel. libseccomp makes a binary tree of the numbers.
 *
 * Calls of i386 are caught by the rules of the x86_64 calls that they stand for, in a part of the
 * program of their own behind x86_64's. Those of x32 are refused with ENOSYS, as a kernel without
 * x32 does: else they would be a way around the table. Numbers beyond the table's are caught too:
 * what a newer kernel does there is not known. That costs an instruction, of which the kernel skips
 * the run where the number alone lets the call pass.
 */
#include "engine/filter.h"

#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/loop.h>
#include <linux/net.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "engine/guestfd.h"
#include "engine/nr.h"

#define RLIMIT_LOCKS_ 10 /* hidden by some libc headers */

#define SIOC_FIRST 0x8900 /* linux/sockios.h: up to 0x89ff */

#define X32_BIT 0x40000000u

/* When one call is caught. */
struct rule {
	int nr;	  /* as libseccomp has it, which calls what x86_64 lacks by numbers of its own */
	int base; /* x86_64's for the same */
	enum trap_rule trap;
	bool in_memory; /* its rule is one for socketcall(2) as well */
};

static int notify(scmp_filter_ctx ctx, int nr, unsigned n, const struct scmp_arg_cmp *cmp)
{
	int r = seccomp_rule_add_exact_array(ctx, SCMP_ACT_NOTIFY, nr, n, cmp);

	return r == -EEXIST ? 0 : r; /* one that says more is there */
}

static int notify_if(scmp_filter_ctx ctx, int nr, struct scmp_arg_cmp cmp)
{
	return notify(ctx, nr, 1, &cmp);
}

/* prctl(2): what concerns identity, and what would blind us. */
static int notify_prctl(scmp_filter_ctx ctx, int nr, bool identity)
{
	static const int always[] = { PR_SET_DUMPABLE, PR_GET_DUMPABLE };
	static const int ids[] = { PR_GET_KEEPCAPS, PR_SET_KEEPCAPS, PR_CAPBSET_READ,
		PR_CAPBSET_DROP, PR_GET_SECUREBITS, PR_SET_SECUREBITS, PR_CAP_AMBIENT };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(always) && r == 0; i++)
		r = notify_if(ctx, nr, SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)always[i]));
	for (size_t i = 0; identity && i < ARRAY_SIZE(ids) && r == 0; i++)
		r = notify_if(ctx, nr, SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)ids[i]));
	return r;
}

/* clone(2) is looked at for what changes the name space of files, and for what takes a root. */
static int notify_clone(scmp_filter_ctx ctx, int nr, bool identity)
{
	static const unsigned flags[] = { CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWIPC,
		CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWNET };
	const size_t n = identity ? ARRAY_SIZE(flags) : 2;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = notify_if(ctx, nr, SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
	return r;
}

/* The calls that give the kernel's own loop device a file, which may be virtual, those that change
 * a file by any descriptor (which may be one of the host's that a layer lies over), and those that
 * ask what namespace a file is, which may be a stack of ours. */
static int notify_commands(scmp_filter_ctx ctx, int nr)
{
	const unsigned cmds[] = { LOOP_SET_FD, LOOP_CHANGE_FD, LOOP_CONFIGURE, FS_IOC_SETFLAGS,
		FS_IOC32_SETFLAGS, FS_IOC_SETVERSION, FS_IOC32_SETVERSION, FS_IOC_FSSETXATTR,
		FS_IOC_ENABLE_VERITY, NS_GET_NSTYPE, NS_GET_USERNS };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cmds) && r == 0; i++)
		r = notify_if(ctx, nr, SCMP_A1_32(SCMP_CMP_EQ, cmds[i]));
	return r;
}

/* SIOC*: of interfaces, which the view may have its own of; and how much the next datagram is. */
static int notify_sockets(scmp_filter_ctx ctx, int nr, bool stack)
{
	int r = notify_if(ctx, nr, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffff00, SIOC_FIRST));

	return r < 0 || !stack ? r : notify_if(ctx, nr, SCMP_A1_32(SCMP_CMP_EQ, FIONREAD));
}

/* i386's one call for all of sockets, by which of them it is. */
static int notify_socketcall(scmp_filter_ctx ctx, int nr, const struct filter_options *o)
{
	static const unsigned calls[] = { SYS_SOCKET, SYS_SOCKETPAIR, SYS_BIND, SYS_CONNECT,
		SYS_GETSOCKNAME, SYS_GETPEERNAME, SYS_SENDTO, SYS_SENDMSG, SYS_SENDMMSG };
	int r = 0;

	if (o->stack)
		return notify(ctx, nr, 0, NULL);
	if (o->identity)
		r = notify_if(ctx, nr, SCMP_A0_32(SCMP_CMP_EQ, SYS_GETSOCKOPT));
	for (size_t i = 0; i < ARRAY_SIZE(calls) && r == 0; i++)
		r = notify_if(ctx, nr, SCMP_A0_32(SCMP_CMP_EQ, calls[i]));
	return r;
}

static int add_special(scmp_filter_ctx ctx, const struct rule *t, const struct filter_options *o)
{
	switch (t->base) {
	case __NR_prctl:
		return notify_prctl(ctx, t->nr, o->identity);
	case __NR_clone:
		return notify_clone(ctx, t->nr, o->identity);
	case __NR_sendmsg:
		return notify_socketcall(ctx, t->nr, o);
	default:
		return o->identity ? notify(ctx, t->nr, 0, NULL) : 0;
	}
}

/* Argument 0 or another is a virtual descriptor. */
static int notify_either(scmp_filter_ctx ctx, int nr, struct scmp_arg_cmp other)
{
	int r = notify_if(ctx, nr, SCMP_A0_32(SCMP_CMP_GE, VFD_BASE));

	return r < 0 ? r : notify_if(ctx, nr, other);
}

static int add_low(scmp_filter_ctx ctx, const struct rule *t, const struct filter_options *o)
{
	int r;

	/* the virtual root's chown of what is real, and what he then sees of it */
	if (o->identity && (t->base == __NR_fchown || t->base == __NR_fstat))
		return notify(ctx, t->nr, 0, NULL);
	if (t->base == __NR_fstat && o->all_fstat)
		return notify(ctx, t->nr, 0, NULL);
	r = notify_if(ctx, t->nr, SCMP_A0_32(SCMP_CMP_LE, 2));
	if (r == 0 && t->base == __NR_ioctl)
		r = notify_commands(ctx, t->nr);
	if (r == 0 && t->base == __NR_ioctl)
		r = notify_sockets(ctx, t->nr, o->stack);
	return r < 0 ? r : notify_if(ctx, t->nr, SCMP_A0_32(SCMP_CMP_GE, VFD_BASE));
}

/* A file that is mapped shared may be written to by that, whatever its number. */
static int add_mmap(scmp_filter_ctx ctx, int nr)
{
	const struct scmp_arg_cmp hot[] = {
		SCMP_A3_32(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0),
		SCMP_A4_32(SCMP_CMP_GE, VFD_HOT),
	};
	int r = notify(ctx, nr, ARRAY_SIZE(hot), hot);

	return r < 0 ? r
		     : notify_if(ctx, nr,
			       SCMP_A3_32(
				       SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS | MAP_SHARED, MAP_SHARED));
}

/* getsockopt(2) that tells who is at the other end. */
static int notify_peer(scmp_filter_ctx ctx, const struct rule *t)
{
	static const uint32_t options[] = { SO_PEERCRED, SO_PEERGROUPS };
	int r = 0;

	if (t->in_memory)
		return notify(ctx, t->nr, 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(options) && r == 0; i++) {
		const struct scmp_arg_cmp both[] = { SCMP_A1_32(SCMP_CMP_EQ, SOL_SOCKET),
			SCMP_A2_32(SCMP_CMP_EQ, options[i]) };

		r = notify(ctx, t->nr, 2, both);
	}
	return r;
}

/* Calls on sockets of a stack of the view's own: of one that was added later they are on numbers
 * where virtual files are. */
static int add_stack(scmp_filter_ctx ctx, const struct rule *t, const struct filter_options *o)
{
	if (o->stack)
		return notify(ctx, t->nr, 0, NULL);
	if (o->identity && t->base == __NR_getsockopt) {
		int r = notify_peer(ctx, t);

		if (r < 0)
			return r;
	}
	if (t->in_memory) /* the descriptor cannot be seen */
		return 0;
	return notify_either(ctx, t->nr, SCMP_A0_32(SCMP_CMP_LE, 2));
}

/* Of those the ones for which there is more to do than for a pair of the kernel's: an address is
 * told, or a flag of that stack's is set. */
static int add_stack_message(
	scmp_filter_ctx ctx, const struct rule *t, const struct filter_options *o)
{
	const struct scmp_arg_cmp fds[] = {
		SCMP_A0_32(SCMP_CMP_GE, VFD_BASE),
		SCMP_A0_32(SCMP_CMP_LE, 2),
	};
	const struct scmp_arg_cmp what[] = {
		SCMP_A4(SCMP_CMP_NE, 0),
		SCMP_A3_32(SCMP_CMP_MASKED_EQ, MSG_ERRQUEUE, MSG_ERRQUEUE),
		SCMP_A3_32(SCMP_CMP_MASKED_EQ, MSG_MORE, MSG_MORE),
		SCMP_A3_32(SCMP_CMP_MASKED_EQ, MSG_TRUNC, MSG_TRUNC),
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(what) && r == 0; i++) {
		if (o->stack) {
			r = notify_if(ctx, t->nr, what[i]);
			continue;
		}
		for (size_t k = 0; k < ARRAY_SIZE(fds) && r == 0; k++) {
			const struct scmp_arg_cmp both[] = { fds[k], what[i] };

			r = notify(ctx, t->nr, 2, both);
		}
	}
	return r;
}

static int add_rule(scmp_filter_ctx ctx, const struct rule *t, const struct filter_options *o)
{
	int nr = t->nr, r;

	switch (t->trap) {
	case TRAP_NEVER:
		return 0;
	case TRAP_ALWAYS:
		return notify(ctx, nr, 0, NULL);
	case TRAP_FD0_LOW:
		return add_low(ctx, t, o);
	case TRAP_FD0:
		return notify_if(ctx, nr, SCMP_A0_32(SCMP_CMP_GE, VFD_BASE));
	case TRAP_FD0_HOT:
		return notify_if(ctx, nr, SCMP_A0_32(SCMP_CMP_GE, VFD_HOT));
	case TRAP_FD1_ANY:
		return notify_either(ctx, nr, SCMP_A1_32(SCMP_CMP_GE, VFD_BASE));
	case TRAP_FD02:
		return notify_either(ctx, nr, SCMP_A2_32(SCMP_CMP_GE, VFD_BASE));
	case TRAP_FD4_HOT:
		return add_mmap(ctx, nr);
	case TRAP_SENDTO:
		r = notify_if(ctx, nr, SCMP_A4(SCMP_CMP_NE, 0));
		return r < 0 ? r : add_stack_message(ctx, t, o);
	case TRAP_STACK:
		return add_stack(ctx, t, o);
	case TRAP_STACK_MSG:
		return add_stack_message(ctx, t, o);
	case TRAP_PRLIMIT:
		if (t->base == __NR_prlimit64)
			return notify_if(ctx, nr, SCMP_A1_32(SCMP_CMP_EQ, RLIMIT_LOCKS_));
		return notify_if(ctx, nr, SCMP_A0_32(SCMP_CMP_EQ, RLIMIT_LOCKS_));
	case TRAP_SPECIAL:
		return add_special(ctx, t, o);
	}
	return -EINVAL;
}

/*
 * libseccomp knows no ranges of numbers: those that the table lacks are caught by instructions of
 * ours before its own, and so are those of i386 that it has no names for.
 *
 * It writes the program to a descriptor alone, by one write(2): to a socket, since a file may be
 * too large for RLIMIT_FSIZE, and a pipe has but a page when the user has many.
 */
static int export_program(scmp_filter_ctx ctx, int known32, struct sock_fprog *prog)
{
	const struct sock_filter newer[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)known32, 0, 5),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NR_LAST, 2, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	const size_t max = (BPF_MAXINSNS - ARRAY_SIZE(newer)) * sizeof(struct sock_filter);
	_cleanup_free_ struct sock_filter *buf = malloc(sizeof(newer) + max);
	_cleanup_fd_ int in = -1, out = -1;
	ssize_t n;
	int sv[2], r;

	if (!buf)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		return -errno;
	out = sv[0];
	in = sv[1];
	r = seccomp_export_bpf(ctx, out);
	if (r < 0)
		return r;
	memcpy(buf, newer, sizeof(newer));
	n = recv(in, buf + ARRAY_SIZE(newer), max, MSG_TRUNC);
	if (n <= 0 || (size_t)n > max)
		return n < 0 ? -errno : -EIO;
	prog->filter = take_ptr(&buf);
	prog->len = (unsigned short)(ARRAY_SIZE(newer) + (size_t)n / sizeof(struct sock_filter));
	return 0;
}

static int add_rows(scmp_filter_ctx ctx, const struct filter_options *o)
{
	int r = 0;

	for (size_t i = 0; i < o->nrows && r == 0; i++) {
		const struct sysrow *row = &o->rows[i];

		r = add_rule(ctx,
			&(struct rule){ .nr = row->nr, .base = row->nr, .trap = row->trap }, o);
	}
	return r;
}

/* *known is lowered to the last number of i386 before the first that libseccomp has no name for. */
static int add_rows32(scmp_filter_ctx ctx, const struct filter_options *o, int *known)
{
	const struct sysrow *by_nr[NR_LAST + 1] = { 0 };
	int r = 0;

	for (size_t i = 0; i < o->nrows; i++)
		by_nr[o->rows[i].nr] = &o->rows[i];
	for (size_t i = 0; i < o->nrows32 && r == 0; i++) {
		const struct sysrow32 *row = &o->rows32[i];
		struct rule t = { .nr = seccomp_syscall_resolve_name(row->name),
			.base = row->base,
			.trap = row->trap };

		if (row->base < 0)
			continue;
		if (!row->handler)
			t.trap = by_nr[row->base]->trap;
		/* its rule is one for socketcall(2) as well, whose arguments are in memory */
		if (t.trap == TRAP_SENDTO)
			t.trap = TRAP_ALWAYS;
		if (t.trap == TRAP_STACK_MSG)
			t.trap = TRAP_STACK;
		t.in_memory = t.trap == TRAP_STACK;
		if (t.nr != __NR_SCMP_ERROR)
			r = add_rule(ctx, &t, o);
		else if (row->nr <= *known)
			*known = row->nr - 1;
	}
	return r;
}

/* A second architecture in the same program. */
static int add_i386(scmp_filter_ctx ctx, const struct filter_options *o, int *known)
{
	scmp_filter_ctx i386 = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!i386)
		return -ENOMEM;
	(void)seccomp_attr_set(i386, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	r = seccomp_arch_add(i386, SCMP_ARCH_X86);
	if (r == 0)
		r = seccomp_arch_remove(i386, SCMP_ARCH_NATIVE);
	if (r == 0)
		r = add_rows32(i386, o, known);
	if (r == 0)
		r = seccomp_merge(ctx, i386); /* takes i386 over */
	if (r < 0)
		seccomp_release(i386);
	return r;
}

int filter_build(const struct filter_options *o, struct sock_fprog *prog)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r, known32 = NR_LAST;

	if (!ctx)
		return -ENOMEM;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	/* older libraries know no binary tree: slower, not wrong */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_rows(ctx, o);
	if (r == 0)
		r = add_i386(ctx, o, &known32);
	if (r == 0)
		r = export_program(ctx, known32, prog);
	seccomp_release(ctx);
	return r;
}
