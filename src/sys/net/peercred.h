/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is at the other end of an AF_UNIX socket, under a virtual identity (--root): SO_PEERCRED and
 * SO_PEERGROUPS tell that one, SCM_CREDENTIALS may be sent with it.
 */
#ifndef UM_SYS_NET_PEERCRED_H
#define UM_SYS_NET_PEERCRED_H

#include <sys/socket.h>

#include "sys/um.h"

/* The guest is going to send these control messages, which were read from its memory: the ids in an
 * SCM_CREDENTIALS that it may send become those that it has for the kernel, there and in msg.
 * 0; -EFAULT, -ESRCH. */
int MUST_CHECK peercred_send(struct call *c, gaddr_t control, struct msghdr *msg);

#endif
