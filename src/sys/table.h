/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of system calls, made of syscalls.def, and the handlers it names. */
#ifndef UM_SYS_TABLE_H
#define UM_SYS_TABLE_H

#include "engine/call.h"

extern const struct sysrow sys_table[];
extern const size_t sys_table_len;
/* Calls of i386, by rows of the former. */
extern const struct sysrow32 sys_table32[];
extern const size_t sys_table32_len;

/* The handlers, as the rows name them. */
#define SYS(name, trap, handler, level, note) enum verdict handler(struct call *c);
#include "sys/syscalls.def"
#undef SYS
/* compat.c: those of i386 that are more than another layout. */
enum verdict sys32_mmap(struct call *c);
enum verdict sys32_socketcall(struct call *c);
enum verdict sys32_llseek(struct call *c);
enum verdict sys32_readdir(struct call *c);
enum verdict sys32_statfs64(struct call *c);
enum verdict sys32_fstatfs64(struct call *c);
enum verdict sys32_ioctl(struct call *c);
/* A number that is beyond the tables. */
enum verdict sys_unknown(struct call *c);

#endif
