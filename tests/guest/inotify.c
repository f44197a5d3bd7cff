/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inotify(7): what is told of a directory and of a file. */
#include "guest.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/inotify.h>

#define IN_SHOWN                                                                                   \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB |             \
		IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF)

static const char *name_of(uint32_t mask)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = { { IN_CREATE, "CREATE" }, { IN_DELETE, "DELETE" },
		{ IN_MOVED_FROM, "MOVED_FROM" }, { IN_MOVED_TO, "MOVED_TO" },
		{ IN_MODIFY, "MODIFY" }, { IN_ATTRIB, "ATTRIB" }, { IN_CLOSE_WRITE, "CLOSE_WRITE" },
		{ IN_DELETE_SELF, "DELETE_SELF" }, { IN_MOVE_SELF, "MOVE_SELF" },
		{ IN_IGNORED, "IGNORED" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mask & names[i].bit)
			return names[i].name;
	return "?";
}

/* The events up to the one of `last` (which may come a moment later), each different one once. */
static void show_events(int in, const char *after, const char *last)
{
	char buf[4096] __attribute__((aligned(8))), seen[1024] = "";
	struct pollfd p = { .fd = in, .events = POLLIN };

	while (!strstr(seen, last) && poll(&p, 1, 3000) == 1) {
		ssize_t n = read(in, buf, sizeof(buf));

		for (char *at = buf; n > 0 && at < buf + n;) {
			struct inotify_event *ev = (struct inotify_event *)at;
			char one[300];

			snprintf(one, sizeof(one), " %s%s%.100s", name_of(ev->mask),
				ev->len ? ":" : "", ev->len ? ev->name : "");
			if (!strstr(seen, one) && strlen(seen) + strlen(one) < sizeof(seen))
				strcat(seen, one);
			at += sizeof(*ev) + ev->len;
		}
	}
	tap_check(&t, strstr(seen, last) != NULL, "%s:%s", after, seen);
}

/* A directory and what is in it are both watched: who is told what first. */
static void both(void)
{
	char buf[4096] __attribute__((aligned(8)));
	int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), up, file, fd;
	struct pollfd p = { .fd = in, .events = POLLIN };
	bool over = false, looked = false;

	mkdir("both", 0755);
	mkdir("both/dir", 0755);
	fd = open("both/file", O_CREAT | O_RDONLY, 0644);
	up = inotify_add_watch(in, "both", IN_ATTRIB);
	R(inotify_add_watch(in, "both/dir", IN_ALL_EVENTS) > 0);
	file = inotify_add_watch(in, "both/file", IN_ATTRIB);
	R(chmod("both/dir", 0700));
	R(chmod("both/file", 0600));
	R(rmdir("both/dir"));
	while (!over && poll(&p, 1, 3000) == 1) {
		ssize_t n = read(in, buf, sizeof(buf));

		for (char *at = buf; n > 0 && at < buf + n;) {
			struct inotify_event *ev = (struct inotify_event *)at;

			const char *who = ev->wd == up	   ? "above"
					  : ev->wd == file ? "file"
							   : "directory";

			looked |= ev->mask & (IN_OPEN | IN_ACCESS | IN_CLOSE);
			if (!(ev->mask & (IN_OPEN | IN_ACCESS | IN_CLOSE)))
				tap_check(&t, true, "%s: %s%s %s", who, name_of(ev->mask),
					ev->mask & IN_ISDIR ? " of a directory" : "",
					ev->len ? ev->name : "");
			over = ev->mask & IN_IGNORED;
			at += sizeof(*ev) + ev->len;
		}
	}
	tap_check(&t, true, "somebody looked into it: %d", looked);
	close(fd);
	close(in);
}

int main(void)
{
	int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), fd;
	int early = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	mkdir("w", 0755);
	mkdir("other", 0755);
	make("file", "y");
	/* its close may be told late: not to be taken for what happens below */
	R(inotify_add_watch(early, "w", IN_CLOSE_WRITE) > 0);
	make("w/old", "x");
	show_events(early, "the first file", "CLOSE_WRITE:old");
	close(early);
	R(inotify_add_watch(in, "w", IN_SHOWN) > 0);
	make("w/new", "hello");
	show_events(in, "a file is made", "CLOSE_WRITE:new");
	R(mkdir("w/dir", 0755));
	show_events(in, "mkdir", "CREATE:dir");
	R(rename("w/new", "w/newer"));
	show_events(in, "rename", "MOVED_TO:newer");
	R(rename("w/newer", "other/x"));
	show_events(in, "out", "MOVED_FROM:newer");
	R(rename("other/x", "w/back"));
	show_events(in, "in", "MOVED_TO:back");
	R(chmod("w/old", 0600));
	show_events(in, "chmod", "ATTRIB:old");
	R(chmod("w/old", 0600));
	show_events(in, "chmod to what it is", "ATTRIB:old");
	R(chown("w/old", getuid(), getgid()));
	show_events(in, "chown to whom it belongs", "ATTRIB:old");
	R(symlink("old", "w/link"));
	show_events(in, "symlink", "CREATE:link");
	R(link("w/old", "w/hard"));
	show_events(in, "link", "CREATE:hard");
	R(unlink("w/back"));
	show_events(in, "unlink", "DELETE:back");
	R(rmdir("w/dir"));
	show_events(in, "rmdir", "DELETE:dir");
	R(inotify_add_watch(in, "file", IN_SHOWN) > 0);
	fd = open("file", O_WRONLY | O_APPEND);
	R(write(fd, "more", 4));
	show_events(in, "write", "MODIFY");
	R(close(fd));
	show_events(in, "close", "CLOSE_WRITE");
	R(unlink("file"));
	show_events(in, "unlink of a watched file", "IGNORED");
	R(inotify_add_watch(in, "w/old", IN_ONLYDIR | IN_MODIFY));
	R(inotify_add_watch(in, "missing", IN_MODIFY));
	R(inotify_add_watch(-1, "w", IN_MODIFY));
	R(inotify_rm_watch(in, 1));
	both();
	return tap_done(&t);
}
