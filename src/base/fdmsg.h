/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages with descriptors (SCM_RIGHTS) over a SOCK_SEQPACKET socket; see unix(7). */
#ifndef UM_BASE_FDMSG_H
#define UM_BASE_FDMSG_H

#include "base/util.h"

#define FDMSG_MAX_FDS 16

/* 0 or -errno; -EPIPE without a signal. */
int MUST_CHECK fdmsg_send(int sock, const void *buf, size_t len, const int fds[], size_t nfds);
/* The length of the message, 0 at the end, or -errno. All of fds[0..nfds) are set, to -1 where
 * fewer came; they are close-on-exec, and more than nfds are closed. A message that is longer than
 * the buffer: -EMSGSIZE. */
int MUST_CHECK fdmsg_recv(int sock, void *buf, size_t len, int fds[], size_t nfds);
/* The same, but for a signal, which is -EINTR. */
int MUST_CHECK fdmsg_recv_once(int sock, void *buf, size_t len, int fds[], size_t nfds);

#endif
