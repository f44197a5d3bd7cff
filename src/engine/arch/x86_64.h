/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engine must know of the machine's registers: x86_64, and i386 on it. */
#ifndef UM_ENGINE_ARCH_X86_64_H
#define UM_ENGINE_ARCH_X86_64_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

/* The ABI's area below the stack pointer that a leaf function may use. */
#define ARCH_RED_ZONE 128

static inline uint64_t arch_sp(const struct user_regs_struct *r)
{
	return r->rsp;
}

/* In a stop on the way out of a system call: its number, its result. */
static inline int arch_nr(const struct user_regs_struct *r)
{
	return (int)r->orig_rax;
}

static inline int64_t arch_result(const struct user_regs_struct *r)
{
	return (int64_t)r->rax;
}

/* The code that a 32-bit program runs has another segment; a 64-bit one may make 32-bit calls too
 * (int $0x80), so this is not what the call was. */
static inline bool arch_is32(const struct user_regs_struct *r)
{
	return r->cs == 0x23;
}

static inline uint64_t arch_arg0(const struct user_regs_struct *r)
{
	return arch_is32(r) ? r->rbx : r->rdi;
}

static inline void arch_set_arg0(struct user_regs_struct *r, uint64_t v)
{
	if (arch_is32(r))
		r->rbx = v;
	else
		r->rdi = v;
}

static inline void arch_set_result(struct user_regs_struct *r, int64_t v)
{
	r->rax = (uint64_t)v;
}

/* The kernel does not restart a call without a number, whatever its result. */
static inline void arch_set_no_restart(struct user_regs_struct *r)
{
	r->orig_rax = (uint64_t)-1;
}

/* The call that the kernel makes when it restarts with -ERESTARTNOINTR. */
static inline void arch_set_call(struct user_regs_struct *r, int nr, const uint64_t args[6])
{
	r->orig_rax = (uint64_t)nr;
	r->rdi = args[0];
	r->rsi = args[1];
	r->rdx = args[2];
	r->r10 = args[3];
	r->r8 = args[4];
	r->r9 = args[5];
}

static inline void arch_set_call32(struct user_regs_struct *r, int nr, const uint64_t args[6])
{
	r->orig_rax = (uint64_t)nr;
	r->rbx = args[0];
	r->rcx = args[1];
	r->rdx = args[2];
	r->rsi = args[3];
	r->rdi = args[4];
	r->rbp = args[5];
}

/* The call is made again by another instruction, of two bytes, at `ip`. */
static inline void arch_set_ip(struct user_regs_struct *r, uint64_t ip)
{
	r->rip = ip + 2;
}

/* In a stop at a call's exit: the instruction that made it is run once more, for another call. */
static inline void arch_set_again(struct user_regs_struct *r, int nr, const uint64_t args[6])
{
	if (arch_is32(r))
		arch_set_call32(r, nr, args);
	else
		arch_set_call(r, nr, args);
	arch_set_no_restart(r);
	r->rax = (uint64_t)nr;
	r->rip -=
		2; /* syscall: 0f 05; int $0x80: cd 80, which is before where a sysenter returns */
}

/* Where the process's vDSO has a syscall instruction; 0: nowhere. mem: its memory. */
uint64_t arch_find_syscall(pid_t pid, int mem);

#endif
