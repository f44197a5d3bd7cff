/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. One thread listens, each connection has a thread of its own, so that a
 * mount that takes its time holds up nobody else. What comes in is not trusted: the kernel says
 * which user it is (SO_PEERCRED), lines and nesting are bounded, and connections are counted.
 */
#include "ctl/ctl.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <urcu/list.h>

#include "base/fdmsg.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rundir.h"
#include "sys/trace.h"
#include "sys/um.h"

#define CONNECTIONS_MAX 64
#define JSON_DEPTH_MAX 8
#define AGAIN_US 50000
#define SEND_TIMEOUT_S                                                                             \
	10 /* for who asks and does not read: the end of the view waits for its thread */

struct conn {
	struct ctl *ctl;
	int fd;
	bool ended; /* guarded by ctl->lock */
	pthread_t thread;
	struct cds_list_head node;
};

struct ctl {
	struct um *um;
	int fd;
	int stop[2]; /* a pipe: a byte in it ends the listening thread */
	pthread_t thread;
	pthread_mutex_t lock; /* conns and their `ended`; a leaf */
	struct cds_list_head conns;
	int nconns;
};

struct json_object *ctl_failure(int err, const char *fmt, ...)
{
	struct json_object *o = json_object_new_object();
	const char *name = strerrorname_np(err < 0 ? -err : err);
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_object_add(o, "ok", json_object_new_boolean(false));
	json_object_object_add(o, "error", json_text(text));
	json_object_object_add(o, "errno", json_text(name ? name : "EIO"));
	return o;
}

static int send_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* with: a descriptor that goes with the first byte, or -1. */
static int send_object(int fd, struct json_object *o, int with)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);

	if (with >= 0 && text && fdmsg_send(fd, text, 1, &with, 1) == 0)
		text++;
	else if (with >= 0)
		return -EPIPE;
	if (!text || send_all(fd, text, strlen(text)) < 0)
		return -EPIPE;
	return send_all(fd, "\n", 1);
}

/* Streams decisions until the other side closes. */
static void stream_trace(struct conn *cn)
{
	struct trace *t = cn->ctl->um->trace;
	char byte;

	if (!t || trace_add(t, cn->fd, true) < 0)
		return;
	while (recv(cn->fd, &byte, 1, 0) > 0)
		;
	trace_remove(t, cn->fd);
}

static struct json_object *parse(const char *line, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH_MAX);
	struct json_object *o;

	if (!tok)
		return NULL;
	o = json_tokener_parse_ex(tok, line, (int)len);
	json_tokener_free(tok);
	if (o && !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

/* Answers one line. -EPIPE: the connection is at its end. */
static int serve_line(struct conn *cn, const char *line, size_t len)
{
	struct json_object *rq = parse(line, len), *what = NULL, *answer;
	_cleanup_fd_ int with = -1;
	int ret;

	if (!rq) {
		answer = ctl_failure(-EINVAL, "a request is a JSON object on one line");
		ret = send_object(cn->fd, answer, -1);
		json_object_put(answer);
		return ret;
	}
	if (json_object_object_get_ex(rq, "do", &what) &&
		strcmp(json_object_get_string(what) ? json_object_get_string(what) : "", "trace") ==
			0) {
		json_object_put(rq);
		stream_trace(cn);
		return -EPIPE;
	}
	answer = ctl_answer(cn->ctl->um, rq, &with);
	ret = answer ? send_object(cn->fd, answer, with) : -EPIPE;
	json_object_put(answer);
	json_object_put(rq);
	return ret;
}

static void serve(struct conn *cn)
{
	_cleanup_free_ char *buf = malloc(CTL_LINE_MAX);
	size_t len = 0;

	while (buf && len < CTL_LINE_MAX) {
		ssize_t n = recv(cn->fd, buf + len, CTL_LINE_MAX - len, 0);
		char *end;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		len += (size_t)n;
		while ((end = memchr(buf, '\n', len))) {
			size_t line = (size_t)(end - buf);

			if (serve_line(cn, buf, line) < 0)
				return;
			len -= line + 1;
			memmove(buf, end + 1, len);
		}
	}
}

static void *conn_main(void *arg)
{
	struct conn *cn = arg;

	serve(cn);
	shutdown(cn->fd, SHUT_RDWR);
	pthread_mutex_lock(&cn->ctl->lock);
	cn->ended = true;
	pthread_mutex_unlock(&cn->ctl->lock);
	return NULL;
}

static void conn_free(struct conn *cn)
{
	pthread_join(cn->thread, NULL);
	close(cn->fd);
	free(cn);
}

/* Joins connections that have ended; all of them, if asked. */
static void collect(struct ctl *ctl, bool all)
{
	struct conn *cn, *next;
	CDS_LIST_HEAD(ended);

	pthread_mutex_lock(&ctl->lock);
	cds_list_for_each_entry_safe(cn, next, &ctl->conns, node) {
		if (!all && !cn->ended)
			continue;
		if (all)
			shutdown(cn->fd, SHUT_RD);
		cds_list_del(&cn->node);
		cds_list_add(&cn->node, &ended);
		ctl->nconns--;
	}
	pthread_mutex_unlock(&ctl->lock);
	cds_list_for_each_entry_safe(cn, next, &ended, node)
		conn_free(cn);
}

static bool same_user(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.uid == geteuid();
}

static void accept_one(struct ctl *ctl)
{
	int fd = accept4(ctl->fd, NULL, NULL, SOCK_CLOEXEC);
	const struct timeval patience = { .tv_sec = SEND_TIMEOUT_S };
	struct conn *cn;
	bool full;

	if (fd < 0) {
		/* it stays in the queue, of which poll(2) tells at once */
		if (errno != EINTR && errno != ECONNABORTED)
			usleep(AGAIN_US);
		return;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	collect(ctl, false);
	pthread_mutex_lock(&ctl->lock);
	full = ctl->nconns >= CONNECTIONS_MAX;
	pthread_mutex_unlock(&ctl->lock);
	cn = full || !same_user(fd) ? NULL : calloc(1, sizeof(*cn));
	if (!cn) {
		log_warn("a control connection was refused");
		close(fd);
		return;
	}
	cn->ctl = ctl;
	cn->fd = fd;
	pthread_mutex_lock(&ctl->lock);
	if (pthread_create(&cn->thread, NULL, conn_main, cn) == 0) {
		cds_list_add_tail(&cn->node, &ctl->conns);
		ctl->nconns++;
		cn = NULL;
	}
	pthread_mutex_unlock(&ctl->lock);
	if (cn) {
		close(fd);
		free(cn);
	}
}

static void *listen_main(void *arg)
{
	struct ctl *ctl = arg;
	struct pollfd p[] = { { .fd = ctl->fd, .events = POLLIN },
		{ .fd = ctl->stop[0], .events = POLLIN } };

	for (;;) {
		if (poll_until(p, 2, -1) < 0 || p[1].revents)
			return NULL;
		if (p[0].revents)
			accept_one(ctl);
	}
}

static int bind_in(const char *rundir)
{
	_cleanup_fd_ int dir = -1, fd = -1;
	struct sockaddr_un sa;
	int r = rundir_socket(rundir, RUNDIR_CTL, &sa, &dir, &fd);

	if (r < 0)
		return r;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || chmod(sa.sun_path, 0600) < 0 ||
		listen(fd, 128) < 0)
		return -errno;
	return take_fd(&fd);
}

static void ctl_free(struct ctl *ctl)
{
	if (ctl->fd >= 0)
		close(ctl->fd);
	for (int i = 0; i < 2; i++) {
		if (ctl->stop[i] >= 0)
			close(ctl->stop[i]);
	}
	pthread_mutex_destroy(&ctl->lock);
	free(ctl);
}

int ctl_start(struct um *um, struct ctl **ret)
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int err;

	if (!ctl)
		return -ENOMEM;
	ctl->um = um;
	ctl->stop[0] = ctl->stop[1] = -1;
	CDS_INIT_LIST_HEAD(&ctl->conns);
	pthread_mutex_init(&ctl->lock, NULL);
	ctl->fd = bind_in(um->rundir);
	err = ctl->fd < 0 ? ctl->fd : 0;
	if (err == 0 && pipe2(ctl->stop, O_CLOEXEC) < 0)
		err = -errno;
	if (err == 0)
		err = -pthread_create(&ctl->thread, NULL, listen_main, ctl);
	if (err < 0) {
		ctl_free(ctl);
		return err;
	}
	*ret = ctl;
	return 0;
}

void ctl_stop(struct ctl *ctl)
{
	if (!ctl)
		return;
	(void)!write(ctl->stop[1], "", 1); /* an empty pipe takes a byte */
	pthread_join(ctl->thread, NULL);
	collect(ctl, true);
	ctl_free(ctl);
}
