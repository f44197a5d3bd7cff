/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A filter can be put on a task by itself alone, and its listener be had only
 * there. So one process of ours, the launcher, is the first inside the view: it shares the
 * supervisor's descriptor table while it loads the filter (thereby the listener is in both, and no
 * message is needed, which the filter would catch), then leaves the table, and from then on starts
 * what the supervisor asks for. Its children are made with CLONE_PARENT: they are the supervisor's.
 */
#include "engine/internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fdmsg.h"
#include "base/log.h"
#include "engine/filter.h"
#include "engine/front.h"
#include "engine/nr.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define LAUNCH_TIMEOUT_MS 30000
#define PIECE 32768 /* what a socket's buffer always has room for */

/* Shared by both while the launcher starts. */
struct boot {
	atomic_int listener; /* 0: not yet; else the descriptor + 1, or -errno */
	atomic_int left;     /* the launcher has a descriptor table of its own */
};

enum request { REQ_SPAWN, REQ_SETTLE };

/* A request: this, with up to 3 descriptors; then the strings (argv, then envp, then cwd), in
 * pieces. Not in a file, which RLIMIT_FSIZE would bound. */
struct request_msg {
	int kind;
	uint32_t argc, envc;
	size_t len; /* of the strings */
	bool has_fd[3];
	bool service, has_cwd, has_ids;
	struct spawn_ids ids;
	pid_t pgid;
	uint32_t serial;
};

struct answer_msg {
	uint32_t serial; /* of the request: an answer may come when nobody waits for it any more */
	int result;
};

/* ---- in the launcher ---- */

static int load_filter(const struct engine *e)
{
	struct filter_options fo = { .rows = e->o.rows,
		.nrows = e->o.nrows,
		.rows32 = e->o.rows32,
		.nrows32 = e->o.nrows32,
		.all_fstat = e->o.all_fstat,
		.stack = e->o.stack,
		.identity = e->o.identity };
	struct sock_fprog prog = { 0 };
	unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	int fd, r = filter_build(&fo, &prog);

	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &prog);
	if (fd < 0 && errno == EINVAL) /* before Linux 5.19 */
		fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	r = fd < 0 ? -errno : fd;
	free(prog.filter);
	return r;
}

static const char *exec_error(int err, int *ret_status)
{
	*ret_status = err == ENOENT ? 127 : 126;
	return err == ENOENT ? "not found" : strerror(err);
}

/* Where the kernel mounts, what a user's files and memory may be concerns no file system: an image
 * is larger than any file in it. Beyond the hard limit a write fails, and ends no server. */
static void loosen_limits(void)
{
	static const int resources[] = { RLIMIT_FSIZE, RLIMIT_AS };
	struct rlimit rl;

	for (size_t i = 0; i < ARRAY_SIZE(resources); i++) {
		if (getrlimit(resources[i], &rl) == 0) {
			rl.rlim_cur = rl.rlim_max;
			(void)setrlimit(resources[i], &rl); /* always allowed */
		}
	}
	signal(SIGXFSZ, SIG_IGN);
}

/* By its own calls, which the view answers. */
static int take_ids(const struct spawn_ids *ids)
{
	return syscall(SYS_setgroups, 1, &ids->gid) < 0 ||
			       syscall(SYS_setresgid, ids->gid, ids->gid, ids->gid) < 0 ||
			       syscall(SYS_setresuid, ids->uid, ids->uid, ids->uid) < 0
		       ? -errno
		       : 0;
}

/* In the new process: becomes the program, or says why not. */
static _Noreturn void become(const struct engine *e, const struct request_msg *rq, char **argv,
	char **envp, const char *cwd, int fds[3])
{
	sigset_t none;
	int status;
	const char *why;

	prctl(PR_SET_PDEATHSIG, 0);
	for (int i = 0; i < 3; i++) {
		int fd = fds[i];

		if (fd < 0 && rq->service)
			fd = open("/dev/null", i == 0 ? O_RDONLY : O_WRONLY);
		if (fd >= 0 && fd != i)
			dup2(fd, i);
	}
	if (rq->service) {
		close_range(3, ~0u, 0);
		setsid();
	} else if (rq->pgid) {
		setpgid(0, rq->pgid);
	}
	for (int s = 1; s < NSIG; s++)
		signal(s, !rq->service && (e->o.ignored >> (s - 1) & 1) ? SIG_IGN : SIG_DFL);
	if (rq->service)
		loosen_limits();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (cwd && chdir(cwd) < 0) {
		dprintf(2, "umview: cannot enter %s: %s\n", cwd, strerror(errno));
		_exit(126);
	}
	if (rq->has_ids && take_ids(&rq->ids) < 0) {
		dprintf(2, "umview: cannot become user %u: %s\n", rq->ids.uid, strerror(errno));
		_exit(126);
	}
	environ = envp;
	execvp(argv[0], argv);
	why = exec_error(errno, &status);
	dprintf(2, "umview: %s: %s\n", argv[0], why);
	_exit(status);
}

static char **split_strings(char **p, const char *end, uint32_t n)
{
	char **v = calloc((size_t)n + 1, sizeof(*v));

	for (uint32_t i = 0; v && i < n; i++) {
		char *nul = *p < end ? memchr(*p, 0, (size_t)(end - *p)) : NULL;

		if (!nul) {
			free(v);
			return NULL;
		}
		v[i] = *p;
		*p = nul + 1;
	}
	return v;
}

/* Signal dispositions of the command are the user's: those that were ignored stay so. */
static pid_t do_spawn(
	const struct engine *e, const struct request_msg *rq, char *strings, int fds[3])
{
	char *p = strings, *end = strings + rq->len;
	char **argv, **envp, **cwd;
	pid_t pid = -ENOMEM;

	argv = split_strings(&p, end, rq->argc);
	envp = argv ? split_strings(&p, end, rq->envc) : NULL;
	cwd = envp ? split_strings(&p, end, rq->has_cwd) : NULL;
	if (cwd) {
		pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
		if (pid == 0)
			become(e, rq, argv, envp, cwd[0], fds);
		if (pid < 0)
			pid = -errno;
	}
	free(cwd);
	free(envp);
	free(argv);
	return pid;
}

/* The strings of a request, which follow it; NULL: the end. */
static char *receive_strings(int sock, size_t len)
{
	char *text = malloc(len + 1);

	for (size_t at = 0; text && at < len;) {
		ssize_t n = recv(sock, text + at, len - at, 0);

		if (n <= 0 && errno != EINTR)
			return NULL; /* the process ends */
		at += n > 0 ? (size_t)n : 0;
	}
	return text;
}

/* The user's descriptors are for the command alone. */
static void settle(int sock)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	if (sock > 3)
		close_range(3, (unsigned)sock - 1, 0);
	close_range((unsigned)sock + 1, ~0u, 0);
}

static _Noreturn void launcher_main(const struct engine *e, int sock)
{
	for (;;) {
		_cleanup_free_ char *strings = NULL;
		struct answer_msg answer;
		struct request_msg rq;
		int fds[3], use[3] = { -1, -1, -1 }, r = 0;

		if (fdmsg_recv(sock, &rq, sizeof(rq), fds, ARRAY_SIZE(fds)) != sizeof(rq))
			_exit(0);
		if (rq.kind == REQ_SETTLE) {
			settle(sock);
		} else {
			strings = receive_strings(sock, rq.len);
			if (!strings)
				_exit(1);
			for (int i = 0, at = 0; i < 3; i++)
				if (rq.has_fd[i])
					use[i] = fds[at++];
			r = do_spawn(e, &rq, strings, use);
		}
		for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
			um_cleanup_fd(&fds[i]);
		answer = (struct answer_msg){ rq.serial, r };
		if (write(sock, &answer, sizeof(answer)) != sizeof(answer))
			_exit(0);
	}
}

/* A hard limit below the least size of a core file, and above what programs try the limit itself
 * with. For a program that gets core files there is no limit of size, and none is needed. */
static void forbid_cores(void)
{
	const rlim_t most = 4095;
	struct rlimit rl;
	char first = '\0';
	_cleanup_fd_ int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY | O_CLOEXEC);

	if ((fd >= 0 && read(fd, &first, 1) == 1 && (first == '|' || first == '@')) ||
		getrlimit(RLIMIT_CORE, &rl) < 0)
		return;
	rl.rlim_cur = rl.rlim_cur < most ? rl.rlim_cur : most;
	rl.rlim_max = rl.rlim_max < most ? rl.rlim_max : most;
	if (setrlimit(RLIMIT_CORE, &rl) < 0)
		log_warn("core files cannot be forbidden: %s", strerror(errno));
}

static _Noreturn void launcher_start(struct engine *e, struct boot *boot, int sock)
{
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "umview-launcher");
	setpgid(0, 0);
	if (e->o.no_cores)
		forbid_cores();
	fd = load_filter(e);
	atomic_store(&boot->listener, fd < 0 ? fd : fd + 1);
	if (fd < 0)
		_exit(1);
	if (close_range(0x7fffffff, 0x7fffffff, CLOSE_RANGE_UNSHARE) < 0)
		_exit(1);
	close(fd);
	atomic_store(&boot->left, 1);
	launcher_main(e, sock);
}

/* ---- in the supervisor ---- */

static int wait_listener(struct boot *boot, pid_t pid)
{
	for (int ms = 0; ms < LAUNCH_TIMEOUT_MS; ms++) {
		int got = atomic_load(&boot->listener);

		if (got != 0)
			return got < 0 ? got : got - 1;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return -ECHILD;
		usleep(ms < 20 ? 100 : 1000);
	}
	return -ETIMEDOUT;
}

static int wait_left(struct boot *boot)
{
	for (int ms = 0; ms < LAUNCH_TIMEOUT_MS; ms++) {
		if (atomic_load(&boot->left))
			return 0;
		usleep(ms < 20 ? 100 : 1000);
	}
	return -ETIMEDOUT;
}

/* What came from the user's shell is the command's: we keep 2, for messages. Our own descriptors
 * are all close-on-exec, and what was inherited cannot be. */
static void drop_inherited(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	DIR *d = opendir("/proc/self/fd");
	struct dirent *ent;

	while (d && (ent = readdir(d))) {
		int fd = atoi(ent->d_name);

		if (fd > 2 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			close(fd);
	}
	if (d)
		closedir(d);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		close(null);
	}
}

/* Docker's default profile refuses it. */
static bool probe_getfd(void)
{
	_cleanup_fd_ int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	_cleanup_fd_ int copy = self < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, self, self, 0);

	return copy >= 0;
}

static struct engine *engine_alloc(const struct engine_options *o)
{
	struct engine *e = calloc(1, sizeof(*e));
	struct seccomp_notif_sizes sizes;

	if (!e)
		return NULL;
	e->o = *o;
	e->listener = -1;
	e->lends = probe_getfd();
	own_ids_read(&e->own);
	own_ids_read_groups(&e->own);
	e->launcher_sock = -1;
	pthread_mutex_init(&e->launcher_lock, NULL);
	pthread_mutex_init(&e->inject_lock, NULL);
	pthread_cond_init(&e->inject_gone, NULL);
	CDS_INIT_LIST_HEAD(&e->injecting);
	for (int i = 0; i < FD_LOCKS; i++)
		pthread_mutex_init(&e->fds[i].lock, NULL);
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0) {
		free(e);
		return NULL;
	}
	e->notif_size = sizes.seccomp_notif;
	e->resp_size = sizes.seccomp_notif_resp;
	if (e->notif_size < sizeof(struct seccomp_notif))
		e->notif_size = sizeof(struct seccomp_notif);
	if (e->resp_size < sizeof(struct seccomp_notif_resp))
		e->resp_size = sizeof(struct seccomp_notif_resp);
	return e;
}

static int start_launcher(struct engine *e)
{
	int sv[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return -errno;
	pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		launcher_start(e, e->boot, sv[1]);
	if (pid < 0) {
		close(sv[0]);
		close(sv[1]);
		return -errno;
	}
	e->launcher = pid;
	e->launcher_sock = sv[0];
	e->launcher_end = sv[1];
	e->listener = wait_listener(e->boot, pid);
	return e->listener < 0 ? e->listener : front_leave_session();
}

int engine_new(const struct engine_options *o, struct engine **ret)
{
	struct engine *e = engine_alloc(o);

	if (!e)
		return -EOPNOTSUPP;
	*ret = e; /* also when it fails: for engine_stop() */
	e->boot = mmap(
		NULL, sizeof(*e->boot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (e->boot == MAP_FAILED)
		return -ENOMEM;
	return start_launcher(e);
}

int engine_start(struct engine *e)
{
	int r = notify_start(e);

	if (r == 0)
		r = wait_left(e->boot);
	close(e->launcher_end);
	munmap(e->boot, sizeof(*e->boot));
	if (r < 0)
		return r;
	drop_inherited();
	return 0;
}

void engine_stop(struct engine *e)
{
	if (e->launcher_sock >= 0)
		close(e->launcher_sock);
	e->launcher_sock = -1;
	if (e->launcher > 0)
		kill(e->launcher, SIGKILL);
	pool_stop(e);
}

pid_t engine_launcher_pid(const struct engine *e)
{
	return e->launcher;
}

static void add_strings(FILE *f, char *const *v, uint32_t *ret_n)
{
	for (*ret_n = 0; v[*ret_n]; (*ret_n)++)
		fwrite(v[*ret_n], 1, strlen(v[*ret_n]) + 1, f);
}

/* The launcher waits for all of them: what there is no memory for now is sent in a moment. */
static int send_strings(const struct engine *e, const char *text, size_t len)
{
	const uint64_t deadline = now_ns() + LAUNCH_TIMEOUT_MS * NSEC_PER_MSEC;

	for (size_t at = 0; at < len;) {
		size_t piece = len - at < PIECE ? len - at : PIECE;
		ssize_t n = send(e->launcher_sock, text + at, piece, MSG_NOSIGNAL);
		int err = n < 0 ? errno : 0;

		if (n >= 0)
			at += (size_t)n;
		else if (err == EPIPE || err == ECONNRESET)
			return -err;
		else
			usleep(1000);
		if (n < 0 && now_ns() >= deadline) {
			/* in the middle of a request there is no next one */
			(void)shutdown(e->launcher_sock, SHUT_RDWR);
			return -err;
		}
	}
	return 0;
}

/* Waits for the answer to a request: what came late of an earlier one is dropped. */
static int await_answer(struct engine *e, uint32_t serial)
{
	struct pollfd p = { .fd = e->launcher_sock, .events = POLLIN };
	struct answer_msg answer;

	do {
		if (poll_until(&p, 1, LAUNCH_TIMEOUT_MS) != 1)
			return -ETIMEDOUT;
		if (read(e->launcher_sock, &answer, sizeof(answer)) != sizeof(answer))
			return -ECONNRESET;
	} while (answer.serial != serial);
	return answer.result;
}

static int transact(
	struct engine *e, struct request_msg *rq, const char *strings, const int *fds, size_t nfds)
{
	const struct task_mark mark = { .service = rq->service };
	int answer;

	call_waits();
	pthread_mutex_lock(&e->launcher_lock);
	/* What it starts inherits its mark. Not set in the child itself, whose prlimit(2) is
	 * answered by the view like any guest's. */
	if (task_mark_set(e->launcher, &mark) < 0)
		log_warn("the launcher cannot be marked");
	rq->serial = ++e->launcher_serial;
	answer = fdmsg_send(e->launcher_sock, rq, sizeof(*rq), fds, nfds);
	if (answer == 0)
		answer = send_strings(e, strings, rq->len);
	if (answer == 0)
		answer = await_answer(e, rq->serial);
	pthread_mutex_unlock(&e->launcher_lock);
	return answer;
}

int engine_spawn(struct engine *e, const struct spawn *s, pid_t *ret)
{
	_cleanup_free_ char *strings = NULL;
	struct request_msg rq = {
		.kind = REQ_SPAWN, .service = s->service, .pgid = s->pgid, .has_cwd = s->cwd != NULL
	};
	FILE *f = open_memstream(&strings, &rq.len);
	int fds[3], r;
	size_t n = 0;

	if (!f)
		return -ENOMEM;
	if (s->ids) {
		rq.has_ids = true;
		rq.ids = *s->ids;
	}
	add_strings(f, s->argv, &rq.argc);
	add_strings(f, s->envp, &rq.envc);
	if (s->cwd)
		fwrite(s->cwd, 1, strlen(s->cwd) + 1, f);
	if (fclose(f) != 0)
		return -ENOMEM;
	for (int i = 0; i < 3; i++) {
		rq.has_fd[i] = s->fd[i] >= 0;
		if (rq.has_fd[i])
			fds[n++] = s->fd[i];
	}
	r = transact(e, &rq, strings, fds, n);
	if (r < 0)
		return r;
	*ret = r;
	return 0;
}

int engine_launcher_settle(struct engine *e)
{
	struct request_msg rq = { .kind = REQ_SETTLE };

	return transact(e, &rq, NULL, NULL, 0);
}
