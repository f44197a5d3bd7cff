/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Workers count into atomics of their row, without a lock. Where nobody
 * listens that is all. Listeners are few and are walked under a lock that no request to a server
 * and no access to a guest ever happens under; a file or terminal may make us wait, a control
 * socket never does.
 */
#include "sys/trace.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/guestmem.h"
#include "engine/nr.h"
#include "engine/engine.h"
#include "sys/um.h"

#define LISTENERS_MAX 16

struct row {
	_Atomic uint64_t calls, continued, failed, total_ns, max_ns;
};

struct listener {
	int fd;
	bool lossy;
};

struct trace {
	const struct sysrow *rows;
	size_t nrows;
	struct row *stats;
	_Atomic uint64_t profile_until; /* now_ns(); 0: not on */
	_Atomic uint64_t profile_calls, profile_ns, part_ns[CALL_PARTS];
	atomic_int nlisteners;
	pthread_mutex_t lock; /* listeners[]; a leaf */
	struct listener listeners[LISTENERS_MAX];
};

int trace_new(const struct sysrow *rows, size_t nrows, struct trace **ret)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->stats = calloc(nrows, sizeof(*t->stats));
	if (!t->stats) {
		free(t);
		return -ENOMEM;
	}
	t->rows = rows;
	t->nrows = nrows;
	pthread_mutex_init(&t->lock, NULL);
	*ret = t;
	return 0;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	free(t->stats);
	free(t);
}

/* What a guest made up must not look like a line of its own. */
static void put_plain(const char *s, size_t max, char *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < max && s[i] && n + 5 < size; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 127)
			n += (size_t)snprintf(buf + n, size - n, "\\%03o", (unsigned char)s[i]);
		else
			buf[n++] = s[i];
	}
	buf[n] = '\0';
}

size_t trace_format(const struct call *c, enum verdict v, uint64_t ns, char *buf, size_t size)
{
	char result[32], newer[32], what[sizeof(c->what) * 2];
	const char *name = call_name(c);
	int n;

	if (!name) { /* beyond the tables */
		snprintf(newer, sizeof(newer), "syscall_%d", c->raw_nr);
		name = newer;
	}
	put_plain(c->what, sizeof(c->what), what, sizeof(what));
	if (v == CONTINUE)
		snprintf(result, sizeof(result), "continue");
	else if (c->ret < 0 && c->ret > -4096 && strerrorname_np((int)-c->ret))
		snprintf(result, sizeof(result), "%s", strerrorname_np((int)-c->ret));
	else
		snprintf(result, sizeof(result), "%s%lld",
			v == ANSWERED && !c->what[0] ? "fd " : "", (long long)c->ret);
	n = snprintf(buf, size, "%d %s%s%s = %s (%llu.%llu us)\n", (int)c->tid, name,
		what[0] ? " " : "", what, result, (unsigned long long)(ns / 1000),
		(unsigned long long)(ns / 100 % 10));
	if (n < 0)
		return 0;
	return (size_t)n < size ? (size_t)n : size - 1;
}

/* The arguments that are paths, of calls by x86_64's numbers: what a line is about, where nothing
 * better is known. */
static const struct {
	int nr;
	int arg;
	int second; /* 0: none */
} paths[] = {
	{ __NR_open, 0 },
	{ __NR_creat, 0 },
	{ __NR_openat, 1 },
	{ __NR_openat2, 1 },
	{ __NR_stat, 0 },
	{ __NR_lstat, 0 },
	{ __NR_newfstatat, 1 },
	{ __NR_statx, 1 },
	{ __NR_access, 0 },
	{ __NR_faccessat, 1 },
	{ __NR_faccessat2, 1 },
	{ __NR_readlink, 0 },
	{ __NR_readlinkat, 1 },
	{ __NR_statfs, 0 },
	{ __NR_chmod, 0 },
	{ __NR_fchmodat, 1 },
	{ __NR_fchmodat2, 1 },
	{ __NR_chown, 0 },
	{ __NR_lchown, 0 },
	{ __NR_fchownat, 1 },
	{ __NR_utime, 0 },
	{ __NR_utimes, 0 },
	{ __NR_futimesat, 1 },
	{ __NR_utimensat, 1 },
	{ __NR_truncate, 0 },
	{ __NR_mkdir, 0 },
	{ __NR_mkdirat, 1 },
	{ __NR_mknod, 0 },
	{ __NR_mknodat, 1 },
	{ __NR_unlink, 0 },
	{ __NR_unlinkat, 1 },
	{ __NR_rmdir, 0 },
	{ __NR_symlink, 0, 1 },
	{ __NR_symlinkat, 0, 2 },
	{ __NR_link, 0, 1 },
	{ __NR_linkat, 1, 3 },
	{ __NR_rename, 0, 1 },
	{ __NR_renameat, 1, 3 },
	{ __NR_renameat2, 1, 3 },
	{ __NR_getxattr, 0, 1 },
	{ __NR_lgetxattr, 0, 1 },
	{ __NR_setxattr, 0, 1 },
	{ __NR_lsetxattr, 0, 1 },
	{ __NR_removexattr, 0, 1 },
	{ __NR_lremovexattr, 0, 1 },
	{ __NR_listxattr, 0 },
	{ __NR_llistxattr, 0 },
	{ __NR_chdir, 0 },
	{ __NR_chroot, 0 },
	{ __NR_execve, 0 },
	{ __NR_execveat, 1 },
	{ __NR_mount, 0, 1 },
	{ __NR_umount2, 0 },
	{ __NR_inotify_add_watch, 1 },
	{ __NR_fanotify_mark, 4 },
	{ __NR_name_to_handle_at, 1 },
	{ __NR_swapon, 0 },
	{ __NR_acct, 0 },
	{ __NR_pivot_root, 0, 1 },
	{ __NR_open_tree, 1 },
	{ __NR_move_mount, 1, 3 },
	{ __NR_fspick, 1 },
	{ __NR_mount_setattr, 1 },
};

/* A path of the guest's, quoted, as far as it fits. */
static size_t put_path(struct call *c, int arg, size_t at)
{
	char word[PATH_MAX];

	if (at >= sizeof(c->what) || guest_read_str(c, call_addr(c, arg), word, sizeof(word)) < 0)
		return at;
	return at + (size_t)snprintf(
			    c->what + at, sizeof(c->what) - at, "%s\"%s\"", at ? " " : "", word);
}

void trace_before(struct call *c)
{
	struct trace *t = c->um->trace;
	size_t n;

	if (!t || atomic_load_explicit(&t->nlisteners, memory_order_relaxed) == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (paths[i].nr != c->nr)
			continue;
		n = put_path(c, paths[i].arg, 0);
		if (paths[i].second)
			put_path(c, paths[i].second, n);
		return;
	}
}

static void count(struct trace *t, const struct call *c, enum verdict v, uint64_t ns)
{
	struct row *r = &t->stats[c->row - t->rows];
	uint64_t max = atomic_load_explicit(&r->max_ns, memory_order_relaxed);

	atomic_fetch_add_explicit(&r->calls, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->total_ns, ns, memory_order_relaxed);
	if (v == CONTINUE)
		atomic_fetch_add_explicit(&r->continued, 1, memory_order_relaxed);
	else if (c->ret < 0 && c->ret > -4096)
		atomic_fetch_add_explicit(&r->failed, 1, memory_order_relaxed);
	while (ns > max && !atomic_compare_exchange_weak_explicit(&r->max_ns, &max, ns,
				   memory_order_relaxed, memory_order_relaxed))
		;
}

static void profile(struct trace *t, const struct call *c, uint64_t ns)
{
	uint64_t until = atomic_load(&t->profile_until);

	if (c->t_end >= until) {
		/* unless it was started anew meanwhile */
		if (until && atomic_compare_exchange_strong(&t->profile_until, &until, 0))
			engine_set_profile(c->engine, false);
		return;
	}
	atomic_fetch_add(&t->profile_calls, 1);
	atomic_fetch_add(&t->profile_ns, ns + c->part_ns[PART_RECEIVE]);
	for (size_t i = 0; i < CALL_PARTS; i++)
		atomic_fetch_add(&t->part_ns[i], c->part_ns[i]);
}

void trace_profile_start(struct trace *t, struct engine *e, uint64_t ns)
{
	atomic_store(&t->profile_calls, 0);
	atomic_store(&t->profile_ns, 0);
	for (size_t i = 0; i < CALL_PARTS; i++)
		atomic_store(&t->part_ns[i], 0);
	atomic_store(&t->profile_until, now_ns() + ns);
	engine_set_profile(e, true);
}

void trace_profile_get(struct trace *t, struct trace_profile *ret)
{
	ret->calls = atomic_load(&t->profile_calls);
	ret->total_ns = atomic_load(&t->profile_ns);
	for (size_t i = 0; i < CALL_PARTS; i++)
		ret->part_ns[i] = atomic_load(&t->part_ns[i]);
}

static void tell(struct trace *t, const char *line, size_t len)
{
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < LISTENERS_MAX; i++) {
		struct listener *l = &t->listeners[i];
		ssize_t n;

		if (l->fd < 0 || i >= (size_t)atomic_load(&t->nlisteners))
			continue;
		if (l->lossy)
			n = send(l->fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write_all(l->fd, line, len) < 0 ? -1 : 0;
		if (n < 0 && errno != EAGAIN)
			l->fd = -1;
	}
	pthread_mutex_unlock(&t->lock);
}

void trace_observe(struct call *c, enum verdict v)
{
	struct trace *t = c->um->trace;
	uint64_t ns = c->t_end - c->t_recv;
	char line[512];

	if (!t || (c->row && (c->row < t->rows || c->row >= t->rows + t->nrows)))
		return;
	if (c->row)
		count(t, c, v, ns);
	if (c->profiled)
		profile(t, c, ns);
	if (atomic_load_explicit(&t->nlisteners, memory_order_relaxed) > 0)
		tell(t, line, trace_format(c, v, ns, line, sizeof(line)));
}

int trace_add(struct trace *t, int fd, bool lossy)
{
	int ret = -ENOMEM, n;

	pthread_mutex_lock(&t->lock);
	n = atomic_load(&t->nlisteners);
	for (int i = 0; i < LISTENERS_MAX; i++) {
		if (i < n && t->listeners[i].fd >= 0)
			continue;
		t->listeners[i] = (struct listener){ .fd = fd, .lossy = lossy };
		if (i == n)
			atomic_store(&t->nlisteners, n + 1);
		ret = 0;
		break;
	}
	pthread_mutex_unlock(&t->lock);
	return ret;
}

void trace_remove(struct trace *t, int fd)
{
	int last = 0;

	pthread_mutex_lock(&t->lock);
	for (int i = 0; i < atomic_load(&t->nlisteners); i++) {
		if (t->listeners[i].fd == fd)
			t->listeners[i].fd = -1;
		if (t->listeners[i].fd >= 0)
			last = i + 1;
	}
	atomic_store(&t->nlisteners, last);
	pthread_mutex_unlock(&t->lock);
}

void trace_each(struct trace *t, void (*fn)(const struct trace_stat *s, void *arg), void *arg)
{
	for (size_t i = 0; i < t->nrows; i++) {
		struct row *r = &t->stats[i];
		struct trace_stat s = {
			.name = t->rows[i].name,
			.calls = atomic_load(&r->calls),
			.continued = atomic_load(&r->continued),
			.failed = atomic_load(&r->failed),
			.total_ns = atomic_load(&r->total_ns),
			.max_ns = atomic_load(&r->max_ns),
		};

		if (s.calls > 0)
			fn(&s, arg);
	}
}
