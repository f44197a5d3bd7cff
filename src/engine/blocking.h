/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Around calls of ours that may block for long on behalf of a guest (an open of a fifo, a connect):
 * between begin and end they fail with EINTR every 50 ms; ask blocking_again() then. Made again, a
 * call on a socket would wait anew for as long as its SO_RCVTIMEO or SO_SNDTIMEO says: so these are
 * looked at here.
 */
#ifndef UM_ENGINE_BLOCKING_H
#define UM_ENGINE_BLOCKING_H

#include <poll.h>
#include <time.h>

#include "engine/call.h"

/* Waits for a moment until one of these (two at most) is ready. Nobody else need receive calls
 * meanwhile, since it ends as soon as there is one. False: none is, and it is to be waited for. */
bool MUST_CHECK blocking_moment(const struct call *c, const struct pollfd of[], size_t n);

struct blocking {
	timer_t timer;
	uint64_t deadline; /* on the clock of now_ns(); 0: none */
};
int MUST_CHECK blocking_begin(struct blocking *b);
/* The same of a call on a socket, which waits for no longer than this option of it says. */
int MUST_CHECK blocking_begin_socket(struct blocking *b, int fd, int option);
/* The same where it is not likely to wait. */
int MUST_CHECK blocking_begin_ready(struct blocking *b, int fd, int option);
/* Should a call that failed with this (negative) error be made again? */
bool blocking_again(const struct blocking *b, struct call *c, long err);
/* What the call answers: err, or -EAGAIN where its time is over. */
long blocking_end(struct blocking *b, long err);
/*
 * An open, which waits for a fifo's other end, and where somebody has a lease of a file. type: what
 * it is of, as S_IFIFO; once: makes it with these flags, -errno. c may be NULL.
 */
int MUST_CHECK blocking_open(
	struct call *c, mode_t type, int flags, int (*once)(void *arg, int flags), void *arg);

#endif
