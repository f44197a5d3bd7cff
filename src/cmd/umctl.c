/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl: asks a running view over its control socket (ctl/ctl.h). */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/json.h"
#include "base/rundir.h"
#include "ctl/ctl.h"

static const char usage_text[] =
	"Usage: umctl [-n NAME] [--json] COMMAND\n"
	"\n"
	"Commands:\n"
	"  ls                                   the mounts of the view\n"
	"  ps                                   its processes\n"
	"  mount [-t TYPE] [-o OPTIONS] SOURCE TARGET\n"
	"  umount [-l] TARGET\n"
	"  stat [--profile[=SECONDS]]           calls that were caught, and their times; on what they\n"
	"                                       are spent from now on, for 1 second\n"
	"  trace                                one line a decision, until interrupted\n"
	"  log-level [error|warn|info|debug]    show or set it\n"
	"\n"
	"  -n, --name NAME   the view (umview --list shows them); inside a view: that one\n"
	"  --json            answers, and what fails, as JSON on standard output\n"
	"  -h, --help        this text\n"
	"  -V, --version\n";

struct options {
	const char *name;
	bool json;
	const char *type, *mount_options;
	bool lazy;
	long profile_ms; /* 0: no */
	char *words[3]; /* the command's arguments */
	int nwords;
};

static void put(struct json_object *o, const char *key, const char *value)
{
	if (value)
		json_object_object_add(o, key, json_text(value));
}

/* What fails before the view is asked. With --json as the view would tell it. */
static int PRINTF(3, 4) complain(const struct options *o, int err, const char *fmt, ...)
{
	struct json_object *answer;
	char text[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!o->json) {
		fprintf(stderr, "umctl: %s\n", text);
		return 125;
	}
	answer = json_object_new_object();
	json_object_object_add(answer, "ok", json_object_new_boolean(false));
	put(answer, "error", text);
	put(answer, "errno", strerrorname_np(-err));
	printf("%s\n", json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	json_object_put(answer);
	return 125;
}

static const char *get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) && v ? json_object_get_string(v) : "";
}

static struct json_object *list_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_array) ?
		v :
		NULL;
}

static bool truth_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, key, &v) && json_object_get_boolean(v);
}

static void show_ls(struct json_object *answer)
{
	struct json_object *list = list_of(answer, "mounts");

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *m = json_object_array_get_idx(list, i);
		const char *options = get(m, "options");

		printf("%s on %s type %s (%s%s%s)\n", get(m, "source"), get(m, "target"),
			get(m, "type"), truth_of(m, "readonly") ? "ro" : "rw", *options ? "," : "",
			options);
	}
}

static void show_ps(struct json_object *answer)
{
	struct json_object *list = list_of(answer, "processes");

	printf("%7s %7s S %s\n", "PID", "PPID", "COMMAND");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *p = json_object_array_get_idx(list, i);

		printf("%7s %7s %s %s%s\n", get(p, "pid"), get(p, "ppid"), get(p, "state"),
			get(p, "command"), truth_of(p, "service") ? "  (server)" : "");
	}
}

static double number_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return json_object_get_double(v);
}

static void show_mount_stat(struct json_object *m)
{
	struct json_object *list = list_of(m, "requests");

	printf("\n%s: FUSE 7.%s, in flight: %s\n", get(m, "target"), get(m, "protocol_minor"),
		get(m, "in_flight"));
	printf("%-20s %10s %10s %10s %10s\n", "REQUEST", "COUNT", "FAILED", "AVG us", "MAX us");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *r = json_object_array_get_idx(list, i);

		printf("%-20s %10s %10s %10.1f %10.1f\n", get(r, "request"), get(r, "count"),
			get(r, "failed"), number_of(r, "average_us"), number_of(r, "max_us"));
	}
}

static void show_profile(struct json_object *p)
{
	static const char *const parts[] = { "receive", "memory", "resolve", "answer", "other",
		"total" };

	printf("\n%-20s %10s\n", "PART OF A CALL", "AVG us");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_free_ char *key = str_printf("%s_us", parts[i]);

		printf("%-20s %10.2f\n", parts[i], key ? number_of(p, key) : 0);
	}
	printf("calls: %s\n", get(p, "calls"));
}

static void show_stat(struct json_object *answer)
{
	struct json_object *profile = NULL;
	struct json_object *list = list_of(answer, "calls");

	printf("%-20s %10s %10s %10s %10s %10s\n", "CALL", "CALLS", "CONTINUED", "FAILED", "AVG us",
		"MAX us");
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *s = json_object_array_get_idx(list, i);

		printf("%-20s %10s %10s %10s %10.1f %10.1f\n", get(s, "call"), get(s, "calls"),
			get(s, "continued"), get(s, "failed"), number_of(s, "average_us"),
			number_of(s, "max_us"));
	}
	printf("workers: %s, idle: %s\n", get(answer, "workers"), get(answer, "idle"));
	list = list_of(answer, "mounts");
	for (size_t i = 0; list && i < json_object_array_length(list); i++)
		show_mount_stat(json_object_array_get_idx(list, i));
	if (json_object_object_get_ex(answer, "profile", &profile) && number_of(profile, "calls") > 0)
		show_profile(profile);
}

static void show_level(struct json_object *answer)
{
	printf("%s\n", get(answer, "level"));
}

static struct json_object *ask_mount(const struct options *o)
{
	struct json_object *rq = json_object_new_object();
	_cleanup_free_ char *cwd = getcwd(NULL, 0);

	put(rq, "source", o->words[0]);
	put(rq, "target", o->words[1]);
	put(rq, "type", o->type);
	put(rq, "options", o->mount_options);
	put(rq, "cwd", cwd);
	return rq;
}

static struct json_object *ask_umount(const struct options *o)
{
	struct json_object *rq = json_object_new_object();
	_cleanup_free_ char *cwd = getcwd(NULL, 0);

	put(rq, "target", o->words[0]);
	put(rq, "cwd", cwd);
	json_object_object_add(rq, "lazy", json_object_new_boolean(o->lazy));
	return rq;
}

static struct json_object *ask_level(const struct options *o)
{
	struct json_object *rq = json_object_new_object();

	put(rq, "level", o->words[0]);
	return rq;
}

static const struct command {
	const char *name;
	int min, max; /* arguments */
	struct json_object *(*ask)(const struct options *o);
	void (*show)(struct json_object *answer);
	bool quiet; /* its answer is shown when it is a refusal alone */
} commands[] = {
	{ "ls", 0, 0, NULL, show_ls },
	{ "ps", 0, 0, NULL, show_ps },
	{ "mount", 2, 2, ask_mount, NULL },
	{ "umount", 1, 1, ask_umount, NULL },
	{ "stat", 0, 0, NULL, show_stat },
	{ "trace", 0, 0, NULL, NULL },
	{ "log-level", 0, 1, ask_level, show_level },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* The run directory of the view that is meant, malloc'ed, or NULL after a message. */
static char *find_view(const struct options *o)
{
	const char *env = getenv("UMVIEW_CTL");
	char *path = NULL;

	if (o->name) {
		if (rundir_find(o->name, &path) < 0)
			complain(o, -ENOENT,
				"no view %s runs here as this user; umview --list shows them", o->name);
		return path;
	}
	if (env && env[0] == '/')
		return strdup(env);
	if (rundir_find_own(&path) < 0)
		complain(o, -ENOENT,
			"this process is in no view: name one with -n (umview --list shows them)");
	return path;
}

static int connect_to(const char *rundir)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_cleanup_fd_ int dir = open(rundir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (dir < 0 || fd < 0)
		return -errno;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/" CTL_SOCKET, dir);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return take_fd(&fd);
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

/* A view that refuses the connection has closed it: that it says nothing tells. */
static void send_request(int fd, struct json_object *rq)
{
	const char *text = json_object_to_json_string_ext(rq, JSON_C_TO_STRING_PLAIN);
	struct iovec iov[] = { { (void *)(uintptr_t)text, strlen(text) }, { (void *)"\n", 1 } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };

	(void)!sendmsg(fd, &mh, MSG_NOSIGNAL); /* it blocks until all of it is on its way */
}

/* Sends a request (taken), and shows the answer. */
static int ask(const struct command *cmd, const struct options *o, const char *rundir,
	struct json_object *rq)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	FILE *in;
	int fd, status = 0;

	fd = connect_to(rundir);
	if (fd < 0) {
		json_object_put(rq);
		return complain(o, fd,
			"%s/" CTL_SOCKET ": %s: the view has ended, or is another user's", rundir,
			strerror(-fd));
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

/* Has the view time its calls for a while: waits until it has, or says why it does not. */
static int profile(const struct options *o, const char *rundir)
{
	struct timespec ts = { o->profile_ms / 1000, o->profile_ms % 1000 * 1000000 };
	const struct command start = { .name = "profile", .quiet = true };
	struct json_object *rq = json_object_new_object();
	int status;

	json_object_object_add(rq, "ms", json_object_new_int64(o->profile_ms));
	status = ask(&start, o, rundir, rq);
	while (status == 0 && nanosleep(&ts, &ts) < 0)
		;
	return status;
}

static int run(const struct command *cmd, const struct options *o)
{
	_cleanup_free_ char *rundir = find_view(o);
	int status = 0;

	if (!rundir)
		return 125;
	if (o->profile_ms)
		status = profile(o, rundir);
	if (status)
		return status;
	return ask(cmd, o, rundir, cmd->ask ? cmd->ask(o) : json_object_new_object());
}

/* "-x VALUE", "-xVALUE", "--long VALUE", "--long=VALUE": the value, or NULL if it is not this
 * option; "" when the value is missing. */
static const char *value_of(char **argv, int *i, const char *brief, const char *full)
{
	size_t len = full ? strlen(full) : 0;

	if (strcmp(argv[*i], brief) == 0 || (full && strcmp(argv[*i], full) == 0))
		return argv[*i + 1] ? argv[++*i] : "";
	if (full && strncmp(argv[*i], full, len) == 0 && argv[*i][len] == '=')
		return argv[*i] + len + 1;
	if (strncmp(argv[*i], brief, 2) == 0 && argv[*i][1] != '-')
		return argv[*i] + 2;
	return NULL;
}

static long profile_ms(const char *seconds)
{
	char *end;
	double s = strtod(seconds, &end);

	return end == seconds || *end || !(s > 0 && s <= 3600) ? -1 : (long)(s * 1000);
}

int main(int argc, char **argv)
{
	const struct command *cmd = NULL;
	struct options o = { 0 };
	const char *value;

	/* before all else: it holds for what is wrong with the others */
	for (int i = 1; i < argc; i++)
		o.json = o.json || strcmp(argv[i], "--json") == 0;
	for (int i = 1; i < argc; i++) {
		char *word = argv[i];

		if (word[0] != '-' || !word[1]) {
			if (!cmd) {
				cmd = find_command(word);
				if (!cmd)
					return complain(&o, -EINVAL,
						"no command %s; umctl --help lists them", word);
			} else if (o.nwords < cmd->max) {
				o.words[o.nwords++] = word;
			} else {
				return complain(&o, -EINVAL,
					"too many arguments, at %s; see umctl --help", word);
			}
		} else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
			fputs(usage_text, stdout);
			return 0;
		} else if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0) {
			printf("umctl %s\n", UM_VERSION);
			return 0;
		} else if (strcmp(word, "--json") == 0) {
			continue;
		} else if (cmd && strcmp(cmd->name, "umount") == 0 &&
			(strcmp(word, "-l") == 0 || strcmp(word, "--lazy") == 0)) {
			o.lazy = true;
		} else if (cmd && strcmp(cmd->name, "stat") == 0 &&
			(strcmp(word, "--profile") == 0 || strncmp(word, "--profile=", 10) == 0)) {
			o.profile_ms = profile_ms(word[9] ? word + 10 : "1");
			if (o.profile_ms <= 0)
				return complain(&o, -EINVAL, "%s: not a number of seconds", word);
		} else if ((value = value_of(argv, &i, "-n", "--name"))) {
			o.name = value;
		} else if (cmd && strcmp(cmd->name, "mount") == 0 &&
			(value = value_of(argv, &i, "-t", "--types"))) {
			o.type = value;
		} else if (cmd && strcmp(cmd->name, "mount") == 0 &&
			(value = value_of(argv, &i, "-o", "--options"))) {
			o.mount_options = value;
		} else {
			return complain(&o, -EINVAL, "no option %s here; see umctl --help", word);
		}
	}
	if (!cmd && o.json)
		return complain(&o, -EINVAL, "no command is given; umctl --help lists them");
	if (!cmd) {
		fputs(usage_text, stderr);
		return 125;
	}
	if (o.nwords < cmd->min)
		return complain(
			&o, -EINVAL, "%s needs more arguments; see umctl --help", cmd->name);
	return run(cmd, &o);
}
