/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of i386 in terms of x86_64's. */
#ifndef UM_ENGINE_COMPAT_H
#define UM_ENGINE_COMPAT_H

#include "engine/call.h"

/* c->args, as the registers of a 32-bit guest have them, become those of the row's base. */
void compat_args(struct call *c, const struct sysrow32 *row);

/* i386's number for a call of x86_64 with the same arguments; -1: none. */
int compat_nr(const struct engine *e, int nr);

/* What a call returns to a guest whose ids have 16 bits. */
int64_t compat_result(const struct call *c, int64_t ret);

#endif
