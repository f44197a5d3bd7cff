/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/TID/status: what the kernel says of a task in lines of text (proc_pid_status(5)). */
#ifndef UM_ENGINE_STATUS_H
#define UM_ENGINE_STATUS_H

#include <sys/types.h>

#include "base/util.h"

#define STATUS_MAX 16384 /* a user may have hundreds of groups */

/* The text, NUL-terminated: its length, or -errno (-ESRCH when there is none). That of a task in
 * very many groups is cut after them when buf does not hold it. */
ssize_t MUST_CHECK status_read(pid_t tid, char *buf, size_t size);
/* The two halves: the file, and its text as it is now (-ESRCH: that task has ended, whoever has its
 * number). */
int MUST_CHECK status_open(pid_t tid);
ssize_t MUST_CHECK status_again(int fd, char *buf, size_t size);
/* The number after "\nKey:", in this base; 0 when there is no such line. */
uint64_t status_number(const char *text, const char *key, int base);

/* What follows "\nKey:\t" on its line, or NULL. */
const char *status_field(const char *text, const char *key);
/* "\nUid:\t", "\nGid:\t": the real, effective, saved and file-system id. As many as there are. */
int status_ids(const char *text, const char *key, uint32_t ret[4]);
/* The groups, one by one: *at is status_field(text, "\nGroups:\t") at first. False at their end. */
bool status_next_group(const char **at, gid_t *ret);

#endif
