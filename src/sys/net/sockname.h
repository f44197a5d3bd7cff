/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of AF_UNIX sockets, as the guest knows them. */
#ifndef UM_SYS_NET_SOCKNAME_H
#define UM_SYS_NET_SOCKNAME_H

#include "sys/table.h"

struct sockaddr_un;

/* Keeps what the guest called the socket that is bound to a real name of ours. */
void sockname_keep(const struct um *um, const struct sockaddr_un *real, const char *word);

/* What the guest called it. recvfrom(2) is not caught, and tells the real name. False: it is none
 * of ours. */
bool sockname_said(const struct um *um, const char *real, char ret[PATH_MAX]);

/* Binds a socket to a name in a folder of the host; word is what the guest said. -ENAMETOOLONG: it
 * is too long for that; -errno of bind(2). */
int sockname_bind(const struct um *um, int fd, int dirfd, const char *name, const char *word);

#endif
