/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/mount/service.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>

#include "engine/engine.h"
#include "engine/front.h"

#define LISTEN_MAX 128
#define HELPER_NAP_NS 2000000

int service_start(struct um *um, char *const argv[], const char *cwd, struct service *ret)
{
	struct service s = SERVICE_INIT;
	/* messages that can be read back */
	_cleanup_free_ char **env = environ_with("LC_ALL=C.UTF-8");
	/* mount.exfat-fuse, e2fsck */
	_cleanup_free_ char *path = path_with_sbin();
	struct spawn sp = {
		.argv = argv, .envp = env, .fd = { -1, -1, -1 }, .service = true, .cwd = cwd
	};
	int out[2], r;

	if (!env)
		return -ENOMEM;
	for (char **e = env; path && *e; e++) {
		if (strncmp(*e, "PATH=", 5) == 0)
			*e = path;
	}
	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	/* What it says while nobody listens fills the pipe and is then dropped: it must not block.
	 */
	(void)fcntl(out[1], F_SETFL, O_NONBLOCK);
	(void)fcntl(out[0], F_SETFL, O_NONBLOCK);
	sp.fd[1] = sp.fd[2] = out[1];
	r = engine_spawn(um->engine, &sp, &s.pid);
	close(out[1]);
	if (r < 0) {
		close(out[0]);
		return r;
	}
	s.output = out[0];
	s.pidfd = (int)syscall(SYS_pidfd_open, s.pid, 0);
	*ret = s;
	return 0;
}

void service_listen(struct service *s)
{
	char buf[512];

	/* no longer than a full pipe: a server may talk faster than we listen */
	for (int i = 0; s->output >= 0 && i < LISTEN_MAX; i++) {
		ssize_t n = read(s->output, buf, sizeof(buf));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			close(s->output);
			s->output = -1;
			return;
		}
		if ((size_t)n > sizeof(s->said) - 1 - s->said_len)
			n = (ssize_t)(sizeof(s->said) - 1 - s->said_len);
		memcpy(s->said + s->said_len, buf, (size_t)n);
		s->said_len += (size_t)n;
		s->said[s->said_len] = '\0';
	}
}

const char *service_last_words(struct service *s)
{
	char *line;

	service_listen(s);
	while (s->said_len && strchr("\n\r \t", s->said[s->said_len - 1]))
		s->said[--s->said_len] = '\0';
	for (line = s->said; (line = strchr(line, '\n'));)
		*line = ';';
	return s->said_len ? s->said : "it said nothing";
}

bool service_ended(struct service *s, uint64_t deadline_ns)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = s->pidfd, .events = POLLIN },
			{ .fd = s->output, .events = POLLIN },
		};
		uint64_t now = now_ns();
		int ms = deadline_ns > now ? (int)((deadline_ns - now) / 1000000) + 1 : 0;

		if (s->pidfd < 0)
			return true;
		if (poll_until(p, 2, ms) < 0)
			return true;
		service_listen(s);
		if (p[0].revents)
			return true;
		if (now >= deadline_ns)
			return false;
	}
}

struct helpers {
	pid_t group;
	bool alive;
};

static void look_at_helper(pid_t pid, void *arg)
{
	struct helpers *h = arg;
	char state = process_stat(pid, STAT_GROUP) == (uint64_t)h->group ? process_state(pid) : 0;

	if (state && state != 'Z')
		h->alive = true;
}

bool service_helpers_ended(const struct service *s, uint64_t deadline_ns)
{
	const struct timespec nap = { .tv_nsec = HELPER_NAP_NS };
	struct helpers h = { .group = s->pid };

	/* who has lost his parent is a child of ours */
	while (each_child(look_at_helper, &h), h.alive) {
		if (now_ns() >= deadline_ns)
			return false;
		(void)nanosleep(&nap, NULL);
		h.alive = false;
	}
	return true;
}

/* It and what it has started: it leads a session of its own. */
static void signal_all(struct service *s, int sig)
{
	if (kill(-s->pid, sig) < 0)
		(void)syscall(SYS_pidfd_send_signal, s->pidfd, sig, NULL, 0);
}

void service_stop(struct service *s, uint64_t grace_ns)
{
	if (s->pidfd < 0)
		return;
	signal_all(s, SIGTERM);
	signal_all(s, SIGCONT);
	(void)service_ended(s, now_ns() + grace_ns);
	signal_all(s, SIGKILL);
	(void)service_ended(s, now_ns() + 2 * NSEC_PER_SEC);
}

void service_release(struct service *s)
{
	if (s->pidfd >= 0)
		close(s->pidfd);
	if (s->output >= 0)
		close(s->output);
	s->pidfd = s->output = -1;
}
