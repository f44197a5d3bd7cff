/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Which call it was the registers do not say: the kernel has put the result
 * where the number was. The instructions before it do, where the number is a constant (that is so
 * in nearly all of libc) with at most moves to other registers between the two. The end of a
 * handler, whose instructions may be any, is known by what is on the stack there.
 */
#include "sys/task/sigframe.h"

#include <string.h>

#include "engine/nr.h"

/* where i386's handlers leave the stack pointer, counted from their registers */
#define RT_CONTEXT32 160

#define CODE_BEFORE 40 /* bytes looked at */
#define MOVES 6
#define CALL_LENGTH 2 /* syscall, int $0x80 */
/* within which the end of a handler makes its call */
#define RESTORER_LENGTH 16
#define USER_CS 0x33
#define USER_CS32 0x23
#define USER_DS 0x2b
#define UC_FLAGS 7 /* all that there are */

static bool read32(struct call *c, uint64_t sp, bool rt, struct sigframe *ret)
{
	*ret = (struct sigframe){ .at = { sp + (rt ? RT_CONTEXT32 : 0) }, .is32 = true };
	if (guest_read(c, ret->at, ret->regs.narrow, sizeof(ret->regs.narrow)) < 0)
		return false;
	ret->ip = ret->regs.narrow[REG32_IP];
	ret->sp = ret->regs.narrow[REG32_SP];
	ret->result = (int32_t)ret->regs.narrow[REG32_AX];
	return true;
}

static bool read64(struct call *c, uint64_t sp, struct sigframe *ret)
{
	*ret = (struct sigframe){ .at = { sp + offsetof(ucontext_t, uc_mcontext.gregs) } };
	if (guest_read(c, ret->at, ret->regs.wide, sizeof(ret->regs.wide)) < 0)
		return false;
	ret->ip = (uint64_t)ret->regs.wide[REG_RIP];
	ret->sp = (uint64_t)ret->regs.wide[REG_RSP];
	ret->result = ret->regs.wide[REG_RAX];
	return true;
}

bool sigframe_read(struct call *c, struct sigframe *ret)
{
	uint64_t sp = guest_stack(c);

	if (!sp)
		return false;
	return call_is32(c) ? read32(c, sp, c->raw_nr == NR32_RT_SIGRETURN, ret)
			    : read64(c, sp, ret);
}

/* ---- the instructions before a call ---- */

/* Behind such a prefix %eax may be another register. */
static bool is_rex(unsigned char byte, bool wide)
{
	return wide && (byte & 0xf0) == 0x40;
}

#define REX_R 4 /* the register is another one, */
#define REX_B 1 /* so is the other operand */

/* The length of a move that ends here and leaves %eax alone: of a register to another, of a word at
 * %esp or another register (with a short offset), of a constant. 0: it is none. */
static size_t move_before(const unsigned char *end, bool wide)
{
	unsigned to, high = REX_B;
	size_t n;

	if (end[-4] == 0x8b && (end[-3] & 0xc7) == 0x44 && end[-2] == 0x24) {
		n = 4;
		to = end[-3] >> 3;
		high = REX_R;
	} else if (end[-3] == 0x8b && (end[-2] & 0xc0) == 0x40 && (end[-2] & 7) != 4) {
		n = 3;
		to = end[-2] >> 3;
		high = REX_R;
	} else if (end[-2] == 0x89 && (end[-1] & 0xc0) == 0xc0) {
		n = 2;
		to = end[-1];
	} else if ((end[-5] & 0xf8) == 0xb8) {
		n = 5;
		to = end[-5];
	} else {
		return 0;
	}
	if (is_rex(end[-n - 1], wide))
		return (to & 7) || (end[-n - 1] & high) ? n + 1 : 0;
	return to & 7 ? n : 0;
}

/* mov $nr, %eax or %rax; push $nr and pop of it; xor %eax, %eax. -1: it is none. */
static int number_before(const unsigned char *end, bool wide)
{
	int32_t nr;

	if (end[-2] == 0x31 && end[-1] == 0xc0)
		return is_rex(end[-3], wide) ? -1 : 0;
	if (end[-3] == 0x6a && end[-1] == 0x58)
		return end[-2];
	memcpy(&nr, end - sizeof(nr), sizeof(nr));
	if (wide && end[-7] == 0x48 && end[-6] == 0xc7 && end[-5] == 0xc0)
		return nr;
	return end[-5] == 0xb8 && !is_rex(end[-6], wide) ? nr : -1;
}

static int find_number(const unsigned char *code, size_t len, bool wide)
{
	for (size_t i = 0; i <= MOVES && len >= 7; i++) {
		int nr = number_before(code + len, wide);
		size_t move;

		if (nr >= 0)
			return nr;
		move = move_before(code + len, wide);
		if (move == 0)
			return -1;
		len -= move;
	}
	return -1;
}

/* In the vDSO of i386 the number is loaded before the call of that. */
static int find_number_outside(struct call *c, const struct sigframe *f)
{
	static const unsigned char by_gs[] = { 0x65, 0xff, 0x15, 0x10, 0, 0, 0 };
	unsigned char code[CODE_BEFORE];
	size_t len = sizeof(code);
	uint32_t stack[4]; /* %ebp, %edx, %ecx, where it was called */

	if (guest_read(c, (gaddr_t){ f->sp }, stack, sizeof(stack)) < 0 ||
		guest_read(c, (gaddr_t){ stack[3] - len }, code, len) < 0)
		return -1;
	len -= sizeof(by_gs);
	if (memcmp(code + len, by_gs, sizeof(by_gs)) == 0)
		return find_number(code, len, false);
	len++; /* call *address */
	return code[len] == 0xff && code[len + 1] == 0x15 ? find_number(code, len, false) : -1;
}

/* push %ecx; push %edx; push %ebp; then mov %esp, %ebp; sysenter or mov %ecx, %ebp; syscall */
static bool is_vsyscall(const unsigned char *end)
{
	static const unsigned char pushes[] = { 0x51, 0x52, 0x55 };

	return memcmp(end - 7, pushes, sizeof(pushes)) == 0 && end[-2] == 0x0f &&
	       (end[-1] == 0x34 || end[-1] == 0x05);
}

/* ---- the end of a handler ---- */

/* Was the end of a handler called, as the kernel had put it on the stack, right before? */
static bool returned_to(const struct sigframe *f, uint64_t to)
{
	return to < f->ip && f->ip - to <= RESTORER_LENGTH;
}

static bool ends_handler64(struct call *c, const struct sigframe *f)
{
	ucontext_t uc;
	uint64_t to;

	if (guest_read(c, (gaddr_t){ f->sp - sizeof(to) }, &to, sizeof(to)) < 0 ||
		!returned_to(f, to) || guest_read(c, (gaddr_t){ f->sp }, &uc, sizeof(uc)) < 0)
		return false;
	return uc.uc_flags <= UC_FLAGS && !uc.uc_link &&
	       (uc.uc_mcontext.gregs[REG_CSGSFS] & 0xffff) == USER_CS;
}

/* Which of i386's two ends it is; -1: none. */
static int ends_handler32(struct call *c, const struct sigframe *f)
{
	struct sigframe outer;
	uint32_t to[2]; /* sigreturn(2) has taken the signal's number off the stack */

	if (guest_read(c, (gaddr_t){ f->sp - sizeof(to) }, to, sizeof(to)) < 0)
		return -1;
	for (int rt = 0; rt < 2; rt++) {
		if (returned_to(f, to[rt]) && read32(c, f->sp, rt, &outer) &&
			(outer.regs.narrow[REG32_CS] & 0xffff) == USER_CS32 &&
			(outer.regs.narrow[REG32_SS] & 0xffff) == USER_DS)
			return rt ? NR32_RT_SIGRETURN : NR32_SIGRETURN;
	}
	return -1;
}

/* ---- the call ---- */

static void read_args(const struct sigframe *f, struct sigframe_call *ret)
{
	static const int regs64[] = { REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9 };
	static const int wide32[] = { REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP };
	static const int narrow32[] = { REG32_BX, REG32_CX, REG32_DX, REG32_SI, REG32_DI,
		REG32_BP };

	for (size_t i = 0; i < ARRAY_SIZE(ret->args); i++) {
		if (f->is32)
			ret->args[i] = f->regs.narrow[narrow32[i]];
		else if (ret->is32)
			ret->args[i] = (uint32_t)f->regs.wide[wide32[i]];
		else
			ret->args[i] = (uint64_t)f->regs.wide[regs64[i]];
	}
}

bool sigframe_call(struct call *c, const struct sigframe *f, struct sigframe_call *ret)
{
	unsigned char code[CODE_BEFORE];
	size_t len = sizeof(code) - CALL_LENGTH;
	int nr;

	if (guest_read(c, (gaddr_t){ f->ip - sizeof(code) }, code, sizeof(code)) < 0)
		return false;
	ret->is32 = code[len] == 0xcd && code[len + 1] == 0x80;		/* int $0x80 */
	if (!ret->is32 && (code[len] != 0x0f || code[len + 1] != 0x05)) /* syscall */
		return false;
	if (f->is32 && is_vsyscall(code + len))
		nr = find_number_outside(c, f);
	else
		nr = find_number(code, len, !f->is32);
	if (nr < 0 && f->is32)
		nr = ends_handler32(c, f);
	else if (nr < 0 && ends_handler64(c, f))
		nr = __NR_rt_sigreturn;
	ret->nr = nr;
	read_args(f, ret);
	return nr >= 0;
}

int sigframe_repeat(struct call *c, struct sigframe *f, const struct sigframe_call *call)
{
	if (f->is32) {
		f->regs.narrow[REG32_AX] = (uint32_t)call->nr;
		f->regs.narrow[REG32_IP] -= CALL_LENGTH;
		return guest_write(c, f->at, f->regs.narrow, sizeof(f->regs.narrow));
	}
	f->regs.wide[REG_RAX] = call->nr;
	f->regs.wide[REG_RIP] -= CALL_LENGTH;
	return guest_write(c, f->at, f->regs.wide, sizeof(f->regs.wide));
}
