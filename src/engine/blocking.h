/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Around calls of ours that may block for long on behalf of a guest (an open of a fifo, a connect):
 * between begin and end they fail with EINTR every 50 ms; ask blocking_again() then.
 */
#ifndef UM_ENGINE_BLOCKING_H
#define UM_ENGINE_BLOCKING_H

#include <time.h>

#include "engine/call.h"

struct blocking {
	timer_t timer;
};
int MUST_CHECK blocking_begin(struct blocking *b);
void blocking_end(struct blocking *b);
/* Should a call that failed with this (negative) error be made again? */
bool blocking_again(struct call *c, long err);

#endif
