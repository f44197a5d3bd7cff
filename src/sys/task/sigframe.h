/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel keeps on the stack of a signal's handler: the registers with which the program
 * goes on when it has returned. (Linux: arch/x86/kernel/signal_{32,64}.c)
 */
#ifndef UM_SYS_TASK_SIGFRAME_H
#define UM_SYS_TASK_SIGFRAME_H

#include <ucontext.h>

#include "engine/guestmem.h"

/* the words of i386's struct sigcontext */
enum reg32 {
	REG32_DI = 4,
	REG32_SI,
	REG32_BP,
	REG32_SP,
	REG32_BX,
	REG32_DX,
	REG32_CX,
	REG32_AX,
	REG32_IP = 14,
	REG32_CS,
	REG32_SS = 18,
	REG32_WORDS
};

struct sigframe {
	gaddr_t at; /* of the registers */
	bool is32;  /* of a program of i386 */
	union {
		gregset_t wide;
		uint32_t narrow[REG32_WORDS];
	} regs;
	uint64_t ip, sp;
	int64_t result; /* what the call before it, if there was one, answered */
};

/* A call that is to be made again. */
struct sigframe_call {
	bool is32; /* made by int $0x80, or sysenter: of i386, whatever the program is */
	int nr;
	uint64_t args[6];
};

/* Of a thread that calls rt_sigreturn(2), or i386's sigreturn(2). False: it cannot be read. */
bool sigframe_read(struct call *c, struct sigframe *ret);

/* Which call the program goes on behind: false where that is none, or where what is before it does
 * not say the number, as in syscall(3), where that register is written over. */
bool sigframe_call(struct call *c, const struct sigframe *f, struct sigframe_call *ret);

/* The program goes on with this call, made once more. */
int MUST_CHECK sigframe_repeat(
	struct call *c, struct sigframe *f, const struct sigframe_call *call);

#endif
