/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of system calls, made of syscalls.def, and the handlers it names. */
#ifndef UM_SYS_TABLE_H
#define UM_SYS_TABLE_H

#include "engine/call.h"

extern const struct sysrow sys_table[];
extern const size_t sys_table_len;

/* The handlers, as the rows name them. */
#define SYS(name, trap, handler, level, note) enum verdict handler(struct call *c);
#include "sys/syscalls.def"
#undef SYS

#endif
