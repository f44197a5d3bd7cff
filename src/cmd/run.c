/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The front (engine/front.h) forks the supervisor, which runs supervise(). It
 * starts the engine, makes the mounts asked for, starts the command, and reaps: it is the
 * subreaper of the view. The view ends when no process is left in it but services.
 */
#include "cmd/run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/limit.h"
#include "base/log.h"
#include "base/rundir.h"
#include "cmd/rootfs.h"
#include "cmd/runint.h"
#include "cmd/settings.h"
#include "ctl/ctl.h"
#include "engine/engine.h"
#include "engine/front.h"
#include "net/net.h"
#include "sys/mount/mountsrv.h"
#include "sys/net/networks.h"
#include "sys/setup.h"
#include "sys/table.h"
#include "sys/trace.h"
#include "sys/um.h"

/* Each virtual directory and mount costs descriptors, each file a placeholder of its size, each
 * call under way a stack; modes are the guests' own business. */
static void prepare_process(void)
{
	raise_limit(RLIMIT_NOFILE);
	raise_limit(RLIMIT_FSIZE);
	raise_limit(RLIMIT_AS);
	umask(0);
}

static int set_up_rundir(struct run *r)
{
	_cleanup_free_ char *where = NULL;
	pid_t other = 0;
	mode_t mask = umask(0);
	int err = rundir_new(r->o->name, &r->um.rundir, &other, &where);

	umask(mask); /* for the guests */

	if (err == -EEXIST && other)
		log_user("a view named %s runs already (process %d): choose another --name",
			r->o->name, (int)other);
	else if (err == -EPERM && where)
		log_user("%s is not a folder that this user alone can write: set XDG_RUNTIME_DIR "
			 "to one",
			where);
	else if (err < 0)
		log_user("%s: %s: set XDG_RUNTIME_DIR to a folder that can be written",
			where ? where : "the run directory", strerror(-err));
	if (err < 0)
		return err;
	r->um.name = r->o->name ? strdup(r->o->name) : str_printf("%d", (int)getpid());
	/* the guests' and the servers' alike; while there is one thread */
	return r->um.name ? 0 : -ENOMEM;
}

static int set_up_trace(struct run *r)
{
	const char *file = r->o->trace;
	int err = trace_new(sys_table, sys_table_len, &r->um.trace);

	if (err < 0 || !file)
		return err;
	r->trace_fd = strcmp(file, "-") == 0
			      ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
			      : open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (r->trace_fd < 0) {
		err = -errno;
		log_user("--trace=%s: %s", file, strerror(-err));
		return err;
	}
	return trace_add(r->um.trace, r->trace_fd, false);
}

/* The supervisor's own standard output is the guests' alone; a plan is ours to print. */
static int set_up_plan(struct run *r)
{
	int fd = r->o->dry_run ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : -1;

	if (!r->o->dry_run)
		return 0;
	r->plan = fd < 0 ? NULL : fdopen(fd, "w");
	r->planned = r->o->json ? json_object_new_array() : NULL;
	if (r->plan)
		return 0;
	log_user("standard output: %s", strerror(errno));
	return -EBADF;
}

/* What a view with one mount has open, and a few guests at once. */
enum { FEWEST_FILES = 32 };

static int check_limits(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_max >= FEWEST_FILES)
		return 0;
	log_user("only %d files may be open at once, and a view needs %d: raise the limit (ulimit "
		 "-n)",
		(int)rl.rlim_max, FEWEST_FILES);
	return -EMFILE;
}

/* Before the filter is built, which it decides about. */
static int choose_stack(struct run *r)
{
	_cleanup_free_ char *message = NULL;
	int err = r->o->nets ? net_choose_stack(r->o->nets, &r->stack, &message) : 0;

	if (message)
		log_user("%s", message);
	return err;
}

static bool has_layers(const struct run_options *o)
{
	return (o->cows && o->cows[0]) || o->image;
}

/* Are there files of the host's that are not to change? */
static bool keeps_files(const struct run_options *o)
{
	for (size_t i = 0; o->mounts && o->mounts[i]; i++) {
		if (strstr(o->mounts[i], ",policy=ro"))
			return true;
	}
	return has_layers(o);
}

static int set_up(struct run *r)
{
	struct engine_options eo = { .rows = sys_table,
		.nrows = sys_table_len,
		.rows32 = sys_table32,
		.nrows32 = sys_table32_len,
		.unknown = sys_unknown,
		.um = &r->um,
		.all_fstat = has_layers(r->o),
		.stack = r->stack == NET_STACK_LWIP,
		.identity = r->o->root,
		.no_cores = keeps_files(r->o),
		.ignored = r->link->ignored,
		.before = trace_before,
		.observe = trace_observe };
	int err = check_limits();

	if (err == 0)
		err = set_up_rundir(r);
	if (err == 0)
		err = set_up_plan(r);
	if (err == 0)
		err = set_up_trace(r);
	if (err == 0)
		err = settings_new(r->o, &r->settings);
	if (err < 0)
		return err;
	r->um.settings = r->settings;
	r->um.servers = r->o->servers;
	r->um.families = r->o->families;
	r->um.cache_size = r->o->cache_size;
	err = engine_new(&eo, &r->um.engine);
	/* The launcher, from which all guests come, has kept the user's limits and umask. */
	prepare_process();
	if (err == 0) {
		err = um_init(&r->um, r->o->root);
		if (err < 0) {
			log_user("cannot set up the view: %s", strerror(-err));
			return err;
		}
		err = engine_start(r->um.engine);
	}
	if (err == -EBUSY)
		log_user("this process is watched by a seccomp listener already, and a process can "
			 "have one only");
	else if (err < 0)
		log_user("system calls cannot be caught here: %s; `umview --check` says more",
			strerror(-err));
	if (err < 0)
		return err;
	err = ctl_start(&r->um, &r->um.ctl);
	if (err < 0)
		log_user("no control socket in %s: %s", r->um.rundir, strerror(-err));
	return err;
}

static void say_mount(struct run *r, const struct mount_request *rq, const char *plan)
{
	struct json_object *o;

	if (!r->planned) {
		fprintf(r->plan, "%s\n", plan);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "source", json_text(rq->source));
	json_object_object_add(o, "target", json_text(rq->target));
	json_object_object_add(o, "plan", json_text(plan));
	json_object_array_add(r->planned, o);
}

static int make_mount(struct run *r, const char *spec, const char *cwd)
{
	_cleanup_free_ char *source = NULL, *target = NULL, *options = NULL, *message = NULL;
	struct mount_request rq;
	int err = mount_spec_parse(spec, &source, &target, &options);

	if (err < 0) {
		log_user("-m %s: it must be SOURCE:TARGET[,OPTIONS]", spec);
		return err;
	}
	rq = (struct mount_request){ .source = source,
		.target = target,
		.options = options,
		.cwd = cwd,
		.flags = cow_covers(&r->cow, target) ? MS_RDONLY : 0, /* nothing comes to it */
		.from_host = true,
		.told = strstr(spec, ",policy=") || (r->o->rootfs && spec == r->o->mounts[0]),
		.dry_run = r->o->dry_run };
	err = um_mount(&r->um, NULL, &rq, &message);
	if (err < 0)
		log_user("%s", message ? message : strerror(-err));
	else if (r->o->dry_run)
		say_mount(r, &rq, message ? message : spec);
	return err;
}

/* What no privilege of ours lifts. */
static void warn_of_file_size(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_FSIZE, &rl) < 0 || rl.rlim_max == RLIM_INFINITY)
		return;
	log_user("files larger than %llu bytes cannot be used on mounts (ulimit -f)",
		(unsigned long long)rl.rlim_max);
}

/* Before the mounts, whose servers may need it. */
static int make_net(struct run *r)
{
	_cleanup_free_ char *message = NULL;
	struct net *n;
	int err;

	if (!r->o->nets)
		return 0;
	if (r->o->dry_run) {
		for (size_t i = 0; r->o->nets[i] && !r->planned; i++)
			fprintf(r->plan, "a network interface: %s\n", r->o->nets[i]);
		return 0;
	}
	err = net_start(r->o->nets, r->stack, &n, &message);
	if (err == 0)
		err = networks_set_own(&r->um, n);
	if (err < 0)
		log_user("%s", message ? message : strerror(-err));
	return err;
}

/* Those of -m, before the command starts. */
static int make_mounts(struct run *r)
{
	_cleanup_free_ char *cwd = getcwd(NULL, 0);
	int err = 0;

	if (r->o->mounts && r->o->mounts[0])
		warn_of_file_size();
	/* rules speak of what the others show */
	for (int rules = 0; rules < 2; rules++) {
		for (size_t i = 0; r->o->mounts && r->o->mounts[i] && err == 0; i++) {
			if ((strstr(r->o->mounts[i], ",policy=") != NULL) == (rules == 1))
				err = make_mount(r, r->o->mounts[i], cwd);
		}
		if (err == 0 && rules == 0 && !r->o->dry_run)
			err = cow_mount(&r->cow, &r->um, true);
		if (err == 0 && rules == 0 && r->o->image && !r->o->dry_run)
			err = rootfs_basics(&r->um);
	}
	return err;
}

static int start_command(struct run *r)
{
	struct rootfs *image = r->o->image;
	_cleanup_free_ char *path =
		!image && (r->o->root || r->o->rootfs) ? path_with_sbin() : NULL;
	_cleanup_free_ char **env = path ? environ_with(path) : NULL;
	struct spawn_ids ids;
	struct spawn s = { .argv = r->o->argv,
		.envp = env ? env : environ,
		.fd = { -1, -1, -1 },
		.pgid = r->link->pgid,
		.cwd = r->o->rootfs ? "/" : NULL };
	pid_t pid = 0;
	int err = image ? rootfs_command(image, &r->um, r->o->argv, &ids) : 0;

	if (err == 0 && image) {
		s.argv = image->argv;
		s.envp = image->env;
		s.cwd = image->cwd;
		s.ids = &ids;
	}
	err = err < 0 ? err : engine_spawn(r->um.engine, &s, &pid);
	r->um.first = pid;
	if (err < 0) {
		log_user("cannot start %s: %s", s.argv[0] ? s.argv[0] : "the command",
			strerror(-err));
		return err;
	}
	front_tell(r->link, FRONT_STARTED, pid);
	/* what a rule hides is hidden from servers, too */
	if (!view_has_rules(&r->um.view))
		front_lend(r->link, engine_listener(r->um.engine));
	return engine_launcher_settle(r->um.engine);
}

static void say_command_json(struct run *r)
{
	struct json_object *o = json_object_new_object(), *words = json_object_new_array();
	struct json_object *nets = json_object_new_array();

	for (size_t i = 0; r->o->argv[i]; i++)
		json_object_array_add(words, json_text(r->o->argv[i]));
	json_object_object_add(o, "ok", json_object_new_boolean(true));
	json_object_object_add(o, "mounts", json_object_get(r->planned));
	for (size_t i = 0; r->o->nets && r->o->nets[i]; i++)
		json_object_array_add(nets, json_text(r->o->nets[i]));
	json_object_object_add(o, "networks", nets);
	json_object_object_add(o, "command", words);
	fprintf(r->plan, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

/* --dry-run: what would run. */
static int say_command(struct run *r)
{
	if (r->planned) {
		say_command_json(r);
	} else {
		fprintf(r->plan, "run");
		for (size_t i = 0; r->o->argv[i]; i++)
			fprintf(r->plan, " %s", r->o->argv[i]);
		fprintf(r->plan, "\n");
	}
	return fflush(r->plan) == 0 ? 0 : 125;
}

static void tear_down(struct run *r)
{
	ctl_stop(r->um.ctl);
	/* what failed before says more */
	if (r->um.mountsrv && !end_mounts(r) && r->status == 0)
		r->status = 125;
	if (r->um.engine) {
		kill_descendants(engine_launcher_pid(r->um.engine));
		engine_stop(r->um.engine);
	}
	net_put(take_ptr(&r->um.net)); /* no worker asks for it any more */
	um_release(&r->um);
	cow_end(&r->cow, r->ran);
	trace_free(r->um.trace);
	if (r->plan)
		fclose(r->plan);
	json_object_put(r->planned);
	if (r->um.rundir)
		rundir_remove(r->um.rundir);
	settings_free(r->settings);
	free(r->um.rundir);
	free(r->um.name);
}

static int supervise(void *arg, const struct front_link *link)
{
	struct run r = { .o = arg, .link = link, .status = 125 };

	hold_sigchld();
	if (choose_stack(&r) == 0 && set_up(&r) == 0 && make_net(&r) == 0 &&
		cow_begin(&r.cow, &r.um, r.o, r.plan) == 0 && make_mounts(&r) == 0) {
		if (r.o->dry_run) {
			r.status = say_command(&r);
		} else if (start_command(&r) == 0) {
			r.ran = true;
			reap(&r);
		}
	}
	tear_down(&r);
	front_tell(link, FRONT_STATUS, r.status);
	return 0;
}

int run_view(const struct run_options *o)
{
	return front_run(supervise, (void *)(uintptr_t)o);
}
