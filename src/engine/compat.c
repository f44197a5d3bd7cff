/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A call of i386 is turned into the call of x86_64 that does the same before
 *any handler sees it: number, row and arguments; what lies in memory is read and written by abi.h
 *in the guest's layout. So no handler asks for the architecture.
 *
 * How the registers make the arguments is a word of the row, a letter an argument:
 *	u	a register
 *	s	a register, sign-extended
 *	d	two registers: low half, high half
 *	i	a user or group id of 16 bits, whose -1 is 0xffff
 *	p	a register that counts pages
 *	0	none: zero
 * What the word does not name is 'u'.
 */
#include "engine/compat.h"

#include <string.h>

#include "engine/internal.h"

#define MMAP2_UNIT 4096u
#define NO_ID_16 0xffffu
#define OVERFLOW_ID_16 65534

void compat_args(struct call *c, const struct sysrow32 *row)
{
	const char *how = row->args ? row->args : "";
	uint32_t raw[6];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(raw); i++)
		raw[i] = (uint32_t)c->args[i];
	for (size_t i = 0; i < ARRAY_SIZE(c->args); i++) {
		uint32_t word = n < ARRAY_SIZE(raw) ? raw[n] : 0;
		char letter = *how ? *how++ : 'u';

		n += letter != '0';
		switch (letter) {
		case 's':
			c->args[i] = (uint64_t)(int64_t)(int32_t)word;
			break;
		case 'd':
			c->args[i] = word;
			if (n < ARRAY_SIZE(raw))
				c->args[i] |= (uint64_t)raw[n++] << 32;
			break;
		case 'i':
			word &= NO_ID_16;
			c->args[i] = word == NO_ID_16 ? UINT32_MAX : word;
			break;
		case 'p':
			c->args[i] = (uint64_t)word * MMAP2_UNIT;
			break;
		case '0':
			c->args[i] = 0;
			break;
		default:
			c->args[i] = word;
		}
	}
}

int compat_nr(const struct engine *e, int nr)
{
	for (size_t i = 0; i < e->o.nrows32; i++) {
		const struct sysrow32 *row = &e->o.rows32[i];

		if (row->base == nr && !row->args && !row->handler)
			return row->nr;
	}
	return -1;
}

int64_t compat_result(const struct call *c, int64_t ret)
{
	if (c->row32 && c->row32->form == FORM_16 && ret > NO_ID_16)
		return OVERFLOW_ID_16;
	return ret;
}
