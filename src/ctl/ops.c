/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be asked for over the control socket. doc/internals.md lists requests and answers. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/json.h"
#include "base/log.h"
#include "ctl/ctl.h"
#include "ctl/ops.h"
#include "engine/engine.h"
#include "sys/mount/mountsrv.h"
#include "sys/trace.h"
#include "sys/um.h"
#include "view/path.h"

#define PROFILE_MAX_MS (3600 * 1000)

const char *ops_text(struct json_object *rq, const char *key)
{
	struct json_object *o = NULL;

	if (!json_object_object_get_ex(rq, key, &o) || !json_object_is_type(o, json_type_string))
		return NULL;
	/* A NUL inside would hide what follows it from every check. */
	if (strlen(json_object_get_string(o)) != (size_t)json_object_get_string_len(o))
		return NULL;
	return json_object_get_string(o);
}

static bool flag_of(struct json_object *rq, const char *key)
{
	struct json_object *o = NULL;

	return json_object_object_get_ex(rq, key, &o) && json_object_get_boolean(o);
}

static void add_text(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, value ? json_text(value) : NULL);
}

static void add_number(struct json_object *o, const char *key, int64_t value)
{
	json_object_object_add(o, key, json_object_new_int64(value));
}

struct json_object *ops_success(void)
{
	struct json_object *o = json_object_new_object();

	if (o)
		json_object_object_add(o, "ok", json_object_new_boolean(true));
	return o;
}

static struct json_object *op_hello(struct um *um, UNUSED struct json_object *rq)
{
	struct json_object *o = ops_success();

	add_text(o, "version", UM_VERSION);
	add_text(o, "name", um->name);
	add_text(o, "rundir", um->rundir);
	add_number(o, "pid", getpid());
	add_number(o, "command", um->first);
	add_number(o, "mounts", atomic_load(&um->view.nmounts));
	return o;
}

static void add_mount(struct mount *m, void *arg)
{
	struct json_object *o = json_object_new_object();

	add_number(o, "id", m->id);
	add_text(o, "source", m->source);
	add_text(o, "target", m->target);
	add_text(o, "type", m->type);
	add_text(o, "options", m->options);
	if (atomic_load(&m->table_line))
		add_text(o, "fstab", atomic_load(&m->table_line));
	json_object_object_add(o, "readonly", json_object_new_boolean((m->flags & MS_RDONLY) != 0));
	if (m->server > 0)
		add_number(o, "server", m->server);
	json_object_array_add(arg, o);
}

static struct json_object *op_ls(struct um *um, UNUSED struct json_object *rq)
{
	struct json_object *o = ops_success(), *list = json_object_new_array();

	view_each_mount(&um->view, add_mount, list);
	json_object_object_add(o, "mounts", list);
	return o;
}

/* Besides the mounts what makes them what they are. */
static struct json_object *op_export(struct um *um, struct json_object *rq)
{
	struct json_object *o = op_ls(um, rq), *list = json_object_new_array();

	for (size_t i = 0; um->settings && um->settings[i]; i++)
		json_object_array_add(list, json_text(um->settings[i]));
	json_object_object_add(o, "settings", list);
	return o;
}

struct process {
	pid_t pid, parent;
	char state;
	char comm[32];
};

static int read_process(pid_t pid, struct process *ret)
{
	char path[40];
	_cleanup_free_ char *stat = NULL;
	char *open, *close;
	size_t len;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	err = read_file(path, 4096, &stat, NULL);
	if (err < 0)
		return err;
	open = strchr(stat, '(');
	close = strrchr(stat, ')');
	if (!open || !close || close < open || strlen(close) < 5)
		return -EIO;
	len = (size_t)(close - open - 1);
	if (len >= sizeof(ret->comm))
		len = sizeof(ret->comm) - 1;
	memcpy(ret->comm, open + 1, len);
	ret->comm[len] = '\0';
	ret->pid = pid;
	ret->state = close[2];
	ret->parent = atoi(close + 4);
	return 0;
}

/* All processes of the machine that we may see: malloc'ed, -errno. */
static int read_processes(struct process **ret, size_t *ret_n)
{
	_cleanup_free_ struct process *all = NULL;
	DIR *dir = opendir("/proc");
	size_t n = 0, size = 0;
	struct dirent *de;

	if (!dir)
		return -errno;
	while ((de = readdir(dir))) {
		pid_t pid = atoi(de->d_name);

		if (pid <= 0)
			continue;
		if (n == size) {
			struct process *more =
				reallocarray(all, size ? size * 2 : 256, sizeof(*all));

			if (!more)
				break;
			all = more;
			size = size ? size * 2 : 256;
		}
		if (read_process(pid, &all[n]) == 0)
			n++;
	}
	closedir(dir);
	*ret = take_ptr(&all);
	*ret_n = n;
	return 0;
}

static char *command_line(pid_t pid)
{
	char path[40], *text = NULL;
	size_t len = 0;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (read_file(path, 1 << 16, &text, &len) < 0 || len == 0) {
		free(text);
		return NULL;
	}
	for (size_t i = 0; i + 1 < len; i++) {
		if (text[i] == '\0')
			text[i] = ' ';
	}
	return text;
}

static void add_process(struct um *um, struct json_object *list, const struct process *p)
{
	struct json_object *o = json_object_new_object();
	_cleanup_free_ char *words = command_line(p->pid);
	struct task_mark mark = { 0 };
	char state[2] = { p->state, '\0' };

	if (task_mark_get(p->pid, &mark) < 0)
		mark.service = false;
	add_number(o, "pid", p->pid);
	add_number(o, "ppid", p->parent);
	add_text(o, "state", state);
	add_text(o, "comm", p->comm);
	add_text(o, "command", words ? words : p->comm);
	json_object_object_add(o, "service", json_object_new_boolean(mark.service));
	json_object_object_add(o, "first", json_object_new_boolean(p->pid == um->first));
	json_object_array_add(list, o);
}

/* The processes of the view: all that is below the supervisor, but its launcher. */
static struct json_object *op_ps(struct um *um, UNUSED struct json_object *rq)
{
	_cleanup_free_ struct process *all = NULL;
	_cleanup_free_ bool *in = NULL;
	struct json_object *o, *list;
	size_t n = 0;
	int err = read_processes(&all, &n);
	bool more = true;

	if (err < 0)
		return ctl_failure(err, "cannot read /proc: %s", strerror(-err));
	in = calloc(n + 1, sizeof(*in));
	if (!in)
		return ctl_failure(-ENOMEM, "out of memory");
	while (more) {
		more = false;
		for (size_t i = 0; i < n; i++) {
			bool below = all[i].parent == getpid();

			for (size_t k = 0; !below && !in[i] && k < n; k++)
				below = in[k] && all[k].pid == all[i].parent;
			if (below && !in[i])
				in[i] = more = true;
		}
	}
	o = ops_success();
	list = json_object_new_array();
	for (size_t i = 0; i < n; i++) {
		if (in[i] && all[i].pid != engine_launcher_pid(um->engine))
			add_process(um, list, &all[i]);
	}
	json_object_object_add(o, "processes", list);
	return o;
}

static struct json_object *op_mount(struct um *um, struct json_object *rq)
{
	struct mount_request mr = {
		.source = ops_text(rq, "source"),
		.target = ops_text(rq, "target"),
		.type = ops_text(rq, "type"),
		.options = ops_text(rq, "options"),
		.cwd = ops_text(rq, "cwd"),
	};
	_cleanup_free_ char *message = NULL;
	int err;

	if (!mr.source || !mr.target)
		return ctl_failure(-EINVAL, "mount needs \"source\" and \"target\"");
	err = um_mount(um, NULL, &mr, &message);
	if (err < 0)
		return ctl_failure(err, "%s", message ? message : strerror(-err));
	return ops_success();
}

/* The canonical path of a mount point, malloc'ed. Where a dead server makes it impossible to
 * resolve, the words themselves may be canonical already. */
static char *canonical(struct um *um, const char *cwd, const char *word)
{
	struct fs_req req = { .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	_cleanup_path_ struct path p = PATH_INIT;
	char *joined = word[0] == '/' ? strdup(word) : str_printf("%s/%s", cwd ? cwd : "", word);

	if (!joined || path_resolve_abs(&um->view, &req, joined, PATH_FOLLOW, &p) < 0 || !p.name)
		return joined;
	free(joined);
	return take_ptr(&p.name);
}

static struct json_object *no_mount(const char *target)
{
	return ctl_failure(
		-EINVAL, "%s is not a mount point of this view (umctl ls lists them)", target);
}

static struct json_object *op_umount(struct um *um, struct json_object *rq)
{
	const char *target = ops_text(rq, "target");
	_cleanup_free_ char *path = NULL;
	int err;

	if (!target)
		return ctl_failure(-EINVAL, "umount needs \"target\"");
	path = canonical(um, ops_text(rq, "cwd"), target);
	if (!path)
		return ctl_failure(-ENOMEM, "out of memory");
	err = um_umount(um, NULL, path, flag_of(rq, "lazy") ? MNT_DETACH : 0);
	if (err == -EBUSY)
		return ctl_failure(
			err, "%s is in use: end what uses it, or use umctl umount -l", target);
	if (err == -EINVAL)
		return no_mount(target);
	if (err < 0)
		return ctl_failure(err, "%s: %s", target, strerror(-err));
	return ops_success();
}

static void add_stat(const struct trace_stat *s, void *arg)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "call", s->name);
	add_number(o, "calls", (int64_t)s->calls);
	add_number(o, "continued", (int64_t)s->continued);
	add_number(o, "failed", (int64_t)s->failed);
	json_object_object_add(o, "average_us",
		json_object_new_double((double)s->total_ns / 1e3 / (double)s->calls));
	json_object_object_add(o, "max_us", json_object_new_double((double)s->max_ns / 1e3));
	json_object_array_add(arg, o);
}

static void add_us(struct json_object *o, const char *key, uint64_t ns, uint64_t calls)
{
	json_object_object_add(
		o, key, json_object_new_double((double)ns / 1e3 / (double)(calls ? calls : 1)));
}

/* Averages of a call, since the last "profile". */
static struct json_object *profile_object(struct trace *t)
{
	static const char *const names[] = { "receive_us", "memory_us", "resolve_us", "answer_us" };
	struct json_object *o = json_object_new_object();
	struct trace_profile p;
	uint64_t rest;

	_Static_assert(ARRAY_SIZE(names) == CALL_PARTS, "a part of a call has no name");
	trace_profile_get(t, &p);
	rest = p.total_ns;
	add_number(o, "calls", (int64_t)p.calls);
	for (size_t i = 0; i < CALL_PARTS; i++) {
		add_us(o, names[i], p.part_ns[i], p.calls);
		rest -= p.part_ns[i] < rest ? p.part_ns[i] : rest;
	}
	add_us(o, "other_us", rest, p.calls);
	add_us(o, "total_us", p.total_ns, p.calls);
	return o;
}

static struct json_object *op_profile(struct um *um, struct json_object *rq)
{
	struct json_object *ms = NULL;
	int64_t n = json_object_object_get_ex(rq, "ms", &ms) ? json_object_get_int64(ms) : 0;

	if (n <= 0 || n > PROFILE_MAX_MS || !um->trace)
		return ctl_failure(-EINVAL, "profile needs \"ms\", for how long: an hour at most");
	trace_profile_start(um->trace, um->engine, (uint64_t)n * 1000000);
	return ops_success();
}

static struct json_object *op_df(struct um *um, UNUSED struct json_object *rq)
{
	struct json_object *o = ops_success();

	json_object_object_add(o, "mounts", ctl_df(um));
	return o;
}

static struct json_object *op_cache(struct um *um, struct json_object *rq)
{
	const char *target = ops_text(rq, "target");
	_cleanup_free_ char *path = target ? canonical(um, ops_text(rq, "cwd"), target) : NULL;
	struct json_object *o, *list = NULL;
	int err = ctl_cache(um, path, flag_of(rq, "drop"), &list);

	if (err == -EINVAL && target)
		return no_mount(target);
	if (err < 0)
		return ctl_failure(err, "write-back: %s", strerror(-err));
	o = ops_success();
	json_object_object_add(o, "mounts", list);
	return o;
}

/* One mount's part of the statistics. */
static struct json_object *mount_stat(struct um *um, const char *target, const char *cwd)
{
	_cleanup_free_ char *path = canonical(um, cwd, target);
	struct json_object *o, *all = json_object_new_array(), *list = json_object_new_array();

	view_each_mount(&um->view, ctl_add_mount_stat, all);
	for (size_t i = 0; path && i < json_object_array_length(all); i++) {
		struct json_object *m = json_object_array_get_idx(all, i);

		if (strcmp(ops_text(m, "target"), path) == 0)
			json_object_array_add(list, json_object_get(m));
	}
	json_object_put(all);
	if (json_object_array_length(list) == 0) {
		json_object_put(list);
		return no_mount(target);
	}
	o = ops_success();
	json_object_object_add(o, "mounts", list);
	return o;
}

static struct json_object *op_stat(struct um *um, struct json_object *rq)
{
	struct json_object *o, *list;
	int alive = 0, idle = 0;

	if (ops_text(rq, "mount"))
		return mount_stat(um, ops_text(rq, "mount"), ops_text(rq, "cwd"));
	o = ops_success();
	list = json_object_new_array();
	if (um->trace)
		trace_each(um->trace, add_stat, list);
	engine_workers(um->engine, &alive, &idle);
	json_object_object_add(o, "calls", list);
	list = json_object_new_array();
	view_each_mount(&um->view, ctl_add_mount_stat, list);
	json_object_object_add(o, "mounts", list);
	json_object_object_add(o, "networks", ctl_networks(um));
	add_number(o, "workers", alive);
	add_number(o, "idle", idle);
	if (um->trace)
		json_object_object_add(o, "profile", profile_object(um->trace));
	return o;
}

static struct json_object *op_log_level(UNUSED struct um *um, struct json_object *rq)
{
	const char *name = ops_text(rq, "level");
	enum log_level level;
	struct json_object *o;

	if (name && log_level_parse(name, &level) < 0)
		return ctl_failure(-EINVAL, "no log level %s: error, warn, info or debug", name);
	if (name)
		log_set_level(level);
	o = ops_success();
	add_text(o, "level", log_level_name(log_get_level()));
	return o;
}

static const struct {
	const char *name;
	struct json_object *(*fn)(struct um *um, struct json_object *rq);
} ops[] = {
	{ "cache", op_cache },
	{ "df", op_df },
	{ "export", op_export },
	{ "hello", op_hello },
	{ "log-level", op_log_level },
	{ "ls", op_ls },
	{ "mount", op_mount },
	{ "net-add", op_net_add },
	{ "net-ls", op_net_ls },
	{ "net-rm", op_net_rm },
	{ "net-use", op_net_use },
	{ "profile", op_profile },
	{ "ps", op_ps },
	{ "stat", op_stat },
	{ "umount", op_umount },
};

struct json_object *ctl_answer(struct um *um, struct json_object *request, int *ret_fd)
{
	const char *what = ops_text(request, "do");

	if (what && strcmp(what, "net-capture") == 0)
		return op_net_capture(um, request, ret_fd);
	for (size_t i = 0; what && i < ARRAY_SIZE(ops); i++) {
		if (strcmp(what, ops[i].name) == 0)
			return ops[i].fn(um, request);
	}
	return ctl_failure(-ENOSYS, "no such request: %.64s", what ? what : "(\"do\" is missing)");
}
