/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network namespaces that one process keeps; one of its threads is in one of them at a time. */
#ifndef UM_NET_SPACE_H
#define UM_NET_SPACE_H

#include "base/util.h"

#define SPACES_MAX 4096

struct spaces;

/* The caller has all capabilities in its user namespace. -ENOMEM. */
int MUST_CHECK spaces_new(struct spaces **ret);

/* Makes the next one, in which the caller then is: its number; -errno, -ENOSPC. */
int MUST_CHECK space_new(struct spaces *s);
/* Writes a file below /proc/sys/net; a kernel without it is no error. */
void space_write_sysctl(const char *name, const char *value);
/* What guests may do there without being asked for a capability. */
void space_open_sysctls(void);
/* Goes to one of them: 0; -ENOENT, -errno. */
int MUST_CHECK space_enter(struct spaces *s, uint32_t number);
/* Forgets one: it ends with the last socket in it. */
void space_drop(struct spaces *s, uint32_t number);
/* The descriptor of its namespace, or -1. */
int space_fd(const struct spaces *s, uint32_t number);
/* open(2) of a file that each network has its own of, in the one that the caller is in. */
int MUST_CHECK space_open(const struct spaces *s, const char *path, int flags);

#endif
