/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. One filter for the whole view, installed once and inherited. It decides by
 * number, and by descriptor arguments: virtual files lie at VFD_BASE and up, so that calls on
 * ordinary descriptors never leave the kernel. libseccomp makes a binary tree of the numbers.
 *
 * Calls of i386 programs pass (the next layer of the table takes them); those of x32 are refused
 * with ENOSYS, as a kernel without x32 does: else they would be a way around the table.
 */
#include "engine/filter.h"

#include <linux/loop.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "engine/guestfd.h"
#include "engine/nr.h"

#define RLIMIT_LOCKS_ 10 /* hidden by some libc headers */

static int notify(scmp_filter_ctx ctx, int nr, unsigned n, const struct scmp_arg_cmp *cmp)
{
	return seccomp_rule_add_exact_array(ctx, SCMP_ACT_NOTIFY, nr, n, cmp);
}

static int notify_if(scmp_filter_ctx ctx, int nr, struct scmp_arg_cmp cmp)
{
	return notify(ctx, nr, 1, &cmp);
}

/* prctl(2): what concerns identity, and what would blind us. */
static int notify_prctl(scmp_filter_ctx ctx, bool identity)
{
	static const int always[] = { PR_SET_DUMPABLE, PR_GET_DUMPABLE };
	static const int ids[] = { PR_GET_KEEPCAPS, PR_SET_KEEPCAPS, PR_CAPBSET_READ,
		PR_CAPBSET_DROP, PR_GET_SECUREBITS, PR_SET_SECUREBITS, PR_CAP_AMBIENT };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(always) && r == 0; i++)
		r = notify_if(ctx, __NR_prctl, SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)always[i]));
	for (size_t i = 0; identity && i < ARRAY_SIZE(ids) && r == 0; i++)
		r = notify_if(ctx, __NR_prctl, SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)ids[i]));
	return r;
}

/* clone(2) is looked at for what changes the name space of files alone. */
static int notify_clone(scmp_filter_ctx ctx)
{
	static const unsigned flags[] = { CLONE_NEWNS, CLONE_NEWUSER };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flags) && r == 0; i++)
		r = notify_if(ctx, __NR_clone, SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
	return r;
}

/* The calls that give the kernel's own loop device a file, which may be virtual. */
static int notify_loop(scmp_filter_ctx ctx)
{
	const unsigned cmds[] = { LOOP_SET_FD, LOOP_CHANGE_FD, LOOP_CONFIGURE };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cmds) && r == 0; i++)
		r = notify_if(ctx, __NR_ioctl, SCMP_A1_32(SCMP_CMP_EQ, cmds[i]));
	return r;
}

static int add_special(scmp_filter_ctx ctx, int nr, const struct filter_options *o)
{
	switch (nr) {
	case __NR_prctl:
		return notify_prctl(ctx, o->identity);
	case __NR_clone:
		return notify_clone(ctx);
	default:
		return o->identity ? notify(ctx, nr, 0, NULL) : 0;
	}
}

static int add_row(scmp_filter_ctx ctx, const struct sysrow *row, const struct filter_options *o)
{
	int r;

	switch (row->trap) {
	case TRAP_NEVER:
		return 0;
	case TRAP_ALWAYS:
		return notify(ctx, row->nr, 0, NULL);
	case TRAP_FD0_LOW:
		/* the virtual root's chown of what is real */
		if (row->nr == __NR_fchown && o->identity)
			return notify(ctx, row->nr, 0, NULL);
		r = notify_if(ctx, row->nr, SCMP_A0_32(SCMP_CMP_LE, 2));
		if (r == 0 && row->nr == __NR_ioctl)
			r = notify_loop(ctx);
		if (r < 0)
			return r;
		/* fall through */
	case TRAP_FD0:
		return notify_if(ctx, row->nr, SCMP_A0_32(SCMP_CMP_GE, VFD_BASE));
	case TRAP_FD0_HOT:
		return notify_if(ctx, row->nr, SCMP_A0_32(SCMP_CMP_GE, VFD_HOT));
	case TRAP_FD1_ANY:
		r = notify_if(ctx, row->nr, SCMP_A0_32(SCMP_CMP_GE, VFD_BASE));
		return r < 0 ? r : notify_if(ctx, row->nr, SCMP_A1_32(SCMP_CMP_GE, VFD_BASE));
	case TRAP_FD02:
		r = notify_if(ctx, row->nr, SCMP_A0_32(SCMP_CMP_GE, VFD_BASE));
		return r < 0 ? r : notify_if(ctx, row->nr, SCMP_A2_32(SCMP_CMP_GE, VFD_BASE));
	case TRAP_FD4_HOT: {
		struct scmp_arg_cmp cmp[] = {
			SCMP_A3_32(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0),
			SCMP_A4_32(SCMP_CMP_GE, VFD_HOT),
		};

		return notify(ctx, row->nr, 2, cmp);
	}
	case TRAP_PRLIMIT:
		if (row->nr == __NR_prlimit64)
			return notify_if(
				ctx, row->nr, SCMP_A1_32(SCMP_CMP_EQ, RLIMIT_LOCKS_));
		return notify_if(ctx, row->nr, SCMP_A0_32(SCMP_CMP_EQ, RLIMIT_LOCKS_));
	case TRAP_SPECIAL:
		return add_special(ctx, row->nr, o);
	}
	return -EINVAL;
}

/* libseccomp writes the program to a descriptor alone, by one write(2): to a socket, since a file
 * may be too large for RLIMIT_FSIZE, and a pipe has but a page when the user has many. */
static int export_program(scmp_filter_ctx ctx, struct sock_fprog *prog)
{
	const size_t max = BPF_MAXINSNS * sizeof(struct sock_filter);
	_cleanup_free_ void *buf = malloc(max);
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
	n = recv(in, buf, max, MSG_TRUNC);
	if (n <= 0 || (size_t)n > max)
		return n < 0 ? -errno : -EIO;
	prog->filter = take_ptr(&buf);
	prog->len = (unsigned short)((size_t)n / sizeof(struct sock_filter));
	return 0;
}

/* A second architecture in the same program, with nothing trapped. */
static int add_i386(scmp_filter_ctx ctx)
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
		r = seccomp_merge(ctx, i386); /* takes i386 over */
	if (r < 0)
		seccomp_release(i386);
	return r;
}

int filter_build(const struct sysrow *rows, size_t n, const struct filter_options *o,
	struct sock_fprog *prog)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	/* older libraries know no binary tree: slower, not wrong */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_row(ctx, &rows[i], o);
	if (r == 0)
		r = add_i386(ctx);
	if (r == 0)
		r = export_program(ctx, prog);
	seccomp_release(ctx);
	return r;
}
