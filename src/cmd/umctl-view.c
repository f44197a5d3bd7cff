/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks a running view over its control socket (ctl/ctl.h). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fdmsg.h"
#include "base/rundir.h"
#include "cmd/umctl.h"
#include "ctl/ctl.h"

static int connect_to(const char *rundir)
{
	_cleanup_fd_ int dir = -1, fd = -1;
	struct sockaddr_un sa;
	int r = rundir_socket(rundir, RUNDIR_CTL, &sa, &dir, &fd);

	if (r < 0)
		return r;
	return connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : take_fd(&fd);
}

/* A view that refuses the connection has closed it: that it says nothing tells. */
static void send_request(int fd, struct json_object *rq)
{
	const char *text = json_object_to_json_string_ext(rq, JSON_C_TO_STRING_PLAIN);
	struct iovec iov[] = { { (void *)(uintptr_t)text, strlen(text) }, { (void *)"\n", 1 } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };

	(void)!sendmsg(fd, &mh, MSG_NOSIGNAL); /* it blocks until all of it is on its way */
}

/* The answer's line, malloc'ed, or NULL; *fd is taken. A descriptor comes with its first byte. */
static char *read_answer(int *fd, int *ret_with)
{
	_cleanup_free_ char *rest = NULL;
	char first[2] = "";
	size_t size = 0;
	FILE *in;
	int r = fdmsg_recv(*fd, first, 1, ret_with, 1);

	in = r == 1 ? fdopen(*fd, "r") : NULL;
	if (!in)
		return NULL;
	*fd = -1;
	r = getline(&rest, &size, in) > 0;
	fclose(in);
	return r ? str_printf("%s%.*s", first, (int)strcspn(rest, "\n"), rest) : NULL;
}

/* A connection to the view that we are in, if it has this name or number. */
static int connect_own_named(const char *name)
{
	struct json_object *rq = json_object_new_object(), *answer;
	_cleanup_fd_ int fd = rundir_connect_own(), with = -1;
	_cleanup_free_ char *text = NULL, *pid = NULL;
	bool is_it;

	put(rq, "do", "hello");
	if (fd >= 0)
		send_request(fd, rq);
	json_object_put(rq);
	text = fd >= 0 ? read_answer(&fd, &with) : NULL;
	answer = text ? json_tokener_parse(text) : NULL;
	pid = str_printf("%d", json_object_get_int(json_object_object_get(answer, "pid")));
	is_it = answer && pid && (strcmp(get(answer, "name"), name) == 0 || strcmp(pid, name) == 0);
	json_object_put(answer);
	return is_it ? rundir_connect_own() : -ENOENT;
}

/* A connection to the view that is meant, or a negative number after a message. */
static int connect_view(const struct options *o)
{
	const char *env = getenv("UMVIEW_CTL");
	_cleanup_free_ char *path = NULL;
	int fd;

	if (o->name && rundir_find(o->name, &path) < 0) {
		/* where a mount of its own covers the run directory */
		fd = connect_own_named(o->name);
		if (fd < 0)
			complain(o, -ENOENT,
				"no view %s runs here as this user; umview --list shows them",
				o->name);
		return fd;
	}
	if (!o->name && env && env[0] == '/')
		path = strdup(env);
	fd = path ? connect_to(path) : rundir_connect_own();
	if (fd < 0 && path)
		complain(o, fd, "%s/" RUNDIR_CTL ": %s: the view has ended, or is another user's",
			path, strerror(-fd));
	else if (fd < 0)
		complain(o, -ENOENT,
			"this process is in no view: name one with -n (umview --list shows them)");
	return fd;
}

static int show_answer(const struct command *cmd, const struct options *o, const char *line)
{
	struct json_object *answer = json_tokener_parse(line);
	int status = 0;

	if (!answer)
		return complain(o, -EPROTO, "the view's answer cannot be read");
	if (o->json && !(cmd->quiet && truth_of(answer, "ok")))
		printf("%s", line);
	if (!truth_of(answer, "ok")) {
		if (!o->json)
			complain(o, -EIO, "%s", get(answer, "error"));
		status = 1;
	} else if (!o->json && cmd->show) {
		cmd->show(answer);
	}
	json_object_put(answer);
	return status;
}

/* "PID CALL [WHAT] = RESULT (N us)" as an object; a line that is not so (it was cut) as its text.
 */
static struct json_object *trace_object(char *line)
{
	struct json_object *o = json_object_new_object();
	char *call, *what, *result, *us, *end;
	long pid = strtol(line, &call, 10);

	line[strcspn(line, "\n")] = 0;
	us = strrchr(line, '(');
	end = us ? strstr(line, " = ") : NULL;
	for (result = NULL; end && end < us; end = strstr(end + 1, " = "))
		result = end;
	if (pid <= 0 || *call != ' ' || !result || us == line || us[-1] != ' ' ||
		us - 1 < result + 3) {
		json_object_object_add(o, "text", json_text(line));
		return o;
	}
	*result = us[-1] = 0;
	call++;
	what = strchr(call, ' ');
	if (what)
		*what++ = 0;
	json_object_object_add(o, "pid", json_object_new_int((int)pid));
	json_object_object_add(o, "call", json_text(call));
	json_object_object_add(o, "what", json_text(what ? what : ""));
	json_object_object_add(o, "result", json_text(result + 3));
	json_object_object_add(o, "us", json_object_new_double(strtod(us + 1, NULL)));
	return o;
}

static int show_trace(const struct options *o, FILE *in)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int r = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (r >= 0 && getline(&line, &size, in) > 0) {
		struct json_object *object = o->json ? trace_object(line) : NULL;

		r = object ? printf("%s\n",
				     json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN))
			   : fputs(line, stdout);
		json_object_put(object);
	}
	return 0;
}

/* Sends a request (taken), and shows the answer. */
static int ask(const struct command *cmd, const struct options *o, struct json_object *rq)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	FILE *in;
	int fd = connect_view(o), status = 0;

	if (fd < 0) {
		json_object_put(rq);
		return 125;
	}
	put(rq, "do", cmd->name);
	send_request(fd, rq);
	json_object_put(rq);
	in = fdopen(fd, "r");
	if (strcmp(cmd->name, "trace") == 0)
		status = show_trace(o, in);
	else if (getline(&line, &size, in) <= 0)
		status = complain(o, -ECONNRESET, "the view ended before it answered");
	else
		status = show_answer(cmd, o, line);
	fclose(in);
	return status;
}

struct json_object *view_ask(const struct options *o, struct json_object *rq, int *ret_fd)
{
	_cleanup_fd_ int fd = connect_view(o), with = -1;
	_cleanup_free_ char *text = NULL;
	struct json_object *answer;

	if (fd >= 0)
		send_request(fd, rq);
	json_object_put(rq);
	if (fd < 0)
		return NULL;
	text = read_answer(&fd, &with);
	answer = text ? json_tokener_parse(text) : NULL;
	if (!answer)
		complain(o, -ECONNRESET, "the view ended before it answered");
	else if (!truth_of(answer, "ok") && o->json)
		printf("%s\n", text);
	else if (!truth_of(answer, "ok"))
		complain(o, -EIO, "%s", get(answer, "error"));
	if (answer && !truth_of(answer, "ok")) {
		json_object_put(answer);
		return NULL;
	}
	if (ret_fd)
		*ret_fd = take_fd(&with);
	return answer;
}

/* Has the view time its calls for a while: waits until it has, or says why it does not. */
static int profile(const struct options *o)
{
	struct timespec ts = { o->profile_ms / 1000, o->profile_ms % 1000 * 1000000 };
	const struct command start = { .name = "profile", .quiet = true };
	struct json_object *rq = json_object_new_object();
	int status;

	json_object_object_add(rq, "ms", json_object_new_int64(o->profile_ms));
	status = ask(&start, o, rq);
	while (status == 0 && nanosleep(&ts, &ts) < 0)
		;
	return status;
}

int view_run(const struct command *cmd, const struct options *o)
{
	int status = o->profile_ms ? profile(o) : 0;

	return status ? status : ask(cmd, o, cmd->ask ? cmd->ask(o) : json_object_new_object());
}
