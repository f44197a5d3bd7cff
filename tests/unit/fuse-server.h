/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A FUSE server for tests: a thread at the other end of a pair, with the manners it is told. */
#ifndef UM_TESTS_FUSE_SERVER_H
#define UM_TESTS_FUSE_SERVER_H

#include <linux/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define SRV_FILE_SIZE (3u << 20)
#define SRV_ENTRIES 1000

enum srv_manner {
	SRV_GOOD,
	SRV_REORDER, /* gathers some requests and answers the last first */
	SRV_MUTE,    /* reads, and answers nothing but INIT and what it is interrupted in */
	SRV_ENOSYS,  /* ENOSYS to all but INIT, LOOKUP, GETATTR */
	SRV_MANNERS,
};

struct srv {
	int sock;
	enum srv_manner manner;
	unsigned minor;
	size_t init_size;
	unsigned init_flags;
	unsigned max_write;
	int init_delay_ms;
	pthread_t thread;
	atomic_int count[64]; /* by opcode */
	atomic_ullong forgotten;
	bool hold_release;  /* RELEASE is not answered; */
	atomic_ullong held; /* its unique number */
	atomic_int last_interrupt;
	char *data; /* the content of node 2 */
	/* what it was sent in NOTIFY_REPLY */
	atomic_int retrieved;
	int pending;
	char *queue[4];
};

/* Starts it on sock, which it owns. Fields but sock and thread are set by the caller. */
void srv_start(struct srv *s, int sock);
void srv_join(struct srv *s);
void srv_reply(struct srv *s, uint64_t unique, int error, const void *data, size_t len);
void srv_raw(struct srv *s, const void *msg, size_t len);
void srv_notify(
	struct srv *s, int code, const void *arg, size_t len, const void *more, size_t more_len);
/* The byte at this place of the file. */
static inline char srv_byte(size_t off)
{
	return (char)(off * 2654435761u >> 13);
}

#endif
