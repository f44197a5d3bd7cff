/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/table.h"

#include "engine/nr.h"

enum verdict sys_continue(UNUSED struct call *c)
{
	return CONTINUE;
}

#define SYS(name_, trap_, handler_, level_, note_)                                                 \
	{ .name = #name_, .nr = __NR_##name_, .trap = trap_, .level = level_, .handler = handler_, \
		.note = note_ },
const struct sysrow sys_table[] = {
#include "sys/syscalls.def"
};
#undef SYS

const size_t sys_table_len = ARRAY_SIZE(sys_table);
