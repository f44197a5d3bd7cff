/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of inotify(7) that come as fast as they are read. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "tap.h"
#include "view/relay.h"

#define FIRST 4
#define TOO_MANY 10000

struct writer {
	int file[2];
	unsigned written, told;
};

/* To one and the other, so that no two events become one. */
static void write_one(struct writer *w)
{
	if (write(w->file[w->written++ % 2], "x", 1) != 1)
		abort();
}

static void told(void *arg, const struct inotify_event *ev)
{
	struct writer *w = arg;

	if ((ev->mask & IN_MODIFY) && ++w->told < TOO_MANY)
		write_one(w);
}

static void ready(void *arg)
{
	(void)arg;
}

int main(void)
{
	struct writer w = { .file = { -1, -1 } };
	struct relay *r = relay_new(ready, NULL);
	struct tap tap = TAP_INIT;

	if (!r)
		return 1;
	relay_stop(r); /* nobody reads but us */
	for (int i = 0; i < 2; i++) {
		char name[] = "relay-XXXXXX";

		w.file[i] = mkstemp(name);
		if (w.file[i] < 0 || inotify_add_watch(relay_fd(r), name, IN_MODIFY) < 0)
			return 1;
		unlink(name);
	}
	for (int i = 0; i < FIRST; i++)
		write_one(&w);
	relay_read(r, told, &w);
	tap_check(&tap, w.told == FIRST, "what comes while it is read is left (%u)", w.told);
	relay_read(r, told, &w);
	tap_check(&tap, w.told == 2 * FIRST, "and is read the next time (%u)", w.told);
	relay_free(r);
	close(w.file[0]);
	close(w.file[1]);
	return tap_done(&tap);
}
