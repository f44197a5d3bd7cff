/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Service tasks: file-system servers that run inside the view, but do not keep it alive. */
#ifndef UM_SYS_MOUNT_SERVICE_H
#define UM_SYS_MOUNT_SERVICE_H

#include "sys/um.h"

/* A service that was started: a child of the supervisor. */
struct service {
	pid_t pid;
	int pidfd;  /* readable when it has ended */
	int output; /* what it writes to stdout and stderr, to be read; -1 when read to its end */
	char said[2048]; /* the beginning of that, NUL-terminated */
	size_t said_len;
};

#define SERVICE_INIT                                                                               \
	{                                                                                          \
		.pidfd = -1, .output = -1                                                          \
	}

/* Starts argv in the view (cwd may be NULL). 0 or -errno. */
int MUST_CHECK service_start(
	struct um *um, char *const argv[], const char *cwd, struct service *ret);
/* Takes in what it has said so far, without waiting. */
void service_listen(struct service *s);
/* The same, as one line, or that there was nothing. */
const char *service_last_words(struct service *s);
/* Has it ended? Waits at most until deadline_ns. */
bool service_ended(struct service *s, uint64_t deadline_ns);
/* Once it has ended: have the processes that it started, too, but for daemons? */
bool service_helpers_ended(const struct service *s, uint64_t deadline_ns);
/* SIGTERM, then SIGKILL; waits for its end. */
void service_stop(struct service *s, uint64_t grace_ns);
void service_release(struct service *s);

#endif
