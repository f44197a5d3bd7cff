/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/table.h"

#include "engine/nr.h"

enum verdict sys_continue(UNUSED struct call *c)
{
	return CONTINUE;
}

#define SYS(name_, trap_, handler_, level_, note_)                                                 \
	{ .name = #name_,                                                                          \
		.nr = __NR_##name_,                                                                \
		.trap = trap_,                                                                     \
		.level = level_,                                                                   \
		.handler = handler_,                                                               \
		.note = note_ },
const struct sysrow sys_table[] = {
#include "sys/syscalls.def"
};
#undef SYS

/* i386.def */
#define SAME(nr_, name_) { .name = #name_, .nr = nr_, .base = __NR_##name_ },
#define I386(nr_, name_, base_, args_, form_)                                                      \
	{ .name = #name_, .nr = nr_, .base = __NR_##base_, .args = args_, .form = form_ },
#define I386_OWN(nr_, name_, base_, trap_, handler_, form_)                                        \
	{ .name = #name_,                                                                          \
		.nr = nr_,                                                                         \
		.base = __NR_##base_,                                                              \
		.handler = handler_,                                                               \
		.trap = trap_,                                                                     \
		.form = form_ },
#define I386_ALONE(nr_, name_, level_, note_) { .name = #name_, .nr = nr_, .base = -1 },
const struct sysrow32 sys_table32[] = {
#include "sys/i386.def"
};
#undef SAME
#undef I386
#undef I386_OWN
#undef I386_ALONE

const size_t sys_table32_len = ARRAY_SIZE(sys_table32);
const size_t sys_table_len = ARRAY_SIZE(sys_table);
