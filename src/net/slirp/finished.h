/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP connections that libslirp could forget. One whose far side closed first it keeps for ten
 * seconds (TIME_WAIT) with its socket, and at each step it looks through all that it has: after
 * 2,000 connections that was most of what one cost. No frame is lost on the way to the view, so
 * there is nothing to wait for, and a RST as from the view makes libslirp forget it.
 */
#ifndef UM_NET_SLIRP_FINISHED_H
#define UM_NET_SLIRP_FINISHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINISHED_FRAME 128 /* bytes that finished_next() needs, more than enough */

struct finished;

struct finished *finished_new(void);
void finished_free(struct finished *f);

/* What goes by: before libslirp gets it, when it has dealt with that, and when it sends something.
 */
void finished_from_view(struct finished *f, const uint8_t *frame, size_t len);
void finished_taken(struct finished *f);
void finished_to_view(struct finished *f, const uint8_t *frame, size_t len);
/* A socket that libslirp has made for what it was given, or accepted. */
void finished_socket(struct finished *f, int fd);

/*
 * The next frame that is to be given to libslirp: its length; 0: none. One whose socket is_polled()
 * has something to send to the host still, and is kept.
 */
size_t finished_next(struct finished *f, bool (*is_polled)(const void *arg, int fd),
	const void *arg, uint8_t frame[FINISHED_FRAME]);

#endif
