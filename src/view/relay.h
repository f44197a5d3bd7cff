/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An inotify(7) instance of our own, and the thread that waits for it. */
#ifndef UM_VIEW_RELAY_H
#define UM_VIEW_RELAY_H

struct inotify_event;
struct relay;

/* ready() is called by the thread when there is something to be read, and has to read it. NULL:
 * there can be none. */
struct relay *relay_new(void (*ready)(void *arg), void *arg);
/* For inotify_add_watch(2). */
int relay_fd(const struct relay *r);
/* Calls fn for each event that there is now. */
void relay_read(struct relay *r, void (*fn)(void *arg, const struct inotify_event *ev), void *arg);
/* The thread ends, and is waited for: its ready() may want no lock of the caller's. NULL is fine,
 * as it is for relay_free(). */
void relay_stop(struct relay *r);
void relay_free(struct relay *r);

#endif
