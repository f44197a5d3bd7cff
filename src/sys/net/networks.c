/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Nothing tells when the last process of a network has ended, and nothing
 * needs to: once in a while, when one more is made, /proc is asked who is in which, and who holds a
 * descriptor of one (so does our own process for a bind mount of it). What nobody was seen to use
 * twice is ended.
 */
#include "sys/net/networks.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "engine/engine.h"
#include "net/proto.h"
#include "sys/net/netdir.h"

#define SWEEP_LEAST 16 /* networks, before it is worth to look */

struct network {
	struct net *net; /* NULL: the place is free */
	char *name;	 /* or NULL */
	bool making;	 /* its first process is not in it yet */
	bool idle;	 /* nobody was seen to use it, once */
	bool used;	 /* of a sweep */
};

struct networks {
	pthread_mutex_t lock; /* guards v, n, sweep_at; never held while a process is asked */
	struct network v[TASK_MARK_SPACE_MAX + 1]; /* 0 is not used */
	struct net *_Atomic base; /* without --net: in whose process new ones are made; set once */
	unsigned n, sweep_at;
	atomic_bool any, any_stack;
	struct netdir *dir; /* NULL until there is one */
};

int networks_new(struct networks **ret)
{
	struct networks *ns = calloc(1, sizeof(*ns));

	if (!ns)
		return -ENOMEM;
	pthread_mutex_init(&ns->lock, NULL);
	ns->sweep_at = SWEEP_LEAST;
	*ret = ns;
	return 0;
}

void networks_free(struct networks *ns)
{
	if (!ns)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(ns->v); i++) {
		net_put(ns->v[i].net);
		free(ns->v[i].name);
	}
	net_put(atomic_load(&ns->base));
	netdir_free(ns->dir);
	pthread_mutex_destroy(&ns->lock);
	free(ns);
}

/* The lock is held. Its folders are led to: those of a namespace, whose files are known by words,
 * where one is stood in alone. */
static int lead_to(struct um *um, const struct net *n)
{
	struct networks *ns = um->networks;
	int r = ns->dir ? 0 : netdir_new(um, &ns->dir);

	if (r == 0 && net_stack(n) == NET_STACK_LWIP)
		atomic_store_explicit(&um->view.leads_all, true, memory_order_release);
	return r;
}

int networks_set_own(struct um *um, struct net *n)
{
	int r;

	pthread_mutex_lock(&um->networks->lock);
	um->net = n;
	r = lead_to(um, n);
	pthread_mutex_unlock(&um->networks->lock);
	return r;
}

bool networks_any(const struct um *um)
{
	return um->net || atomic_load_explicit(&um->networks->any, memory_order_acquire);
}

bool networks_own_stack(const struct um *um)
{
	return um->net && net_stack(um->net) == NET_STACK_LWIP;
}

bool networks_any_stack(const struct um *um)
{
	return networks_own_stack(um) ||
	       atomic_load_explicit(&um->networks->any_stack, memory_order_acquire);
}

int network_of(struct um *um, pid_t pid, struct net **ret)
{
	struct networks *ns = um->networks;
	struct task_mark m = { 0 };
	int r = 0;

	*ret = NULL;
	if (atomic_load_explicit(&ns->any, memory_order_acquire))
		r = task_mark_get(pid, &m);
	if (r < 0)
		return r;
	if (m.network == 0) {
		*ret = um->net ? net_get(um->net) : NULL;
		return 0;
	}
	pthread_mutex_lock(&ns->lock);
	if (ns->v[m.network].net)
		*ret = net_get(ns->v[m.network].net);
	pthread_mutex_unlock(&ns->lock);
	return *ret ? 0 : -ENETDOWN;
}

/* ---- which are in use ---- */

/* The lock is held. */
static struct network *find_file(struct networks *ns, const struct stat *st)
{
	for (unsigned i = 1; i < ARRAY_SIZE(ns->v); i++) {
		if (ns->v[i].net && net_has_file(ns->v[i].net, st))
			return &ns->v[i];
	}
	return NULL;
}

static void note_files(struct networks *ns, pid_t pid)
{
	char path[64], link[64];
	struct dirent *de;
	struct network *w;
	struct stat st;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && (de = readdir(dir))) {
		if (read_link(dirfd(dir), de->d_name, link, sizeof(link)) <= 0 ||
			(strncmp(link, "net:[", 5) != 0 &&
				strncmp(link, "/memfd:" NET_FILE_NAME " ", 11) != 0) ||
			fstatat(dirfd(dir), de->d_name, &st, 0) < 0)
			continue;
		w = find_file(ns, &st);
		if (w)
			w->used = true;
	}
	if (dir)
		closedir(dir);
}

/* The lock is held. */
static bool is_keeper(const struct um *um, pid_t pid)
{
	const struct networks *ns = um->networks;
	const struct net *base = atomic_load(&ns->base);
	bool found = (um->net && net_pid(um->net) == pid) || (base && net_pid(base) == pid);

	for (unsigned i = 1; i < ARRAY_SIZE(ns->v) && ns->n && !found; i++)
		found = ns->v[i].net && net_pid(ns->v[i].net) == pid;
	return found;
}

/* The lock is held. */
static void note_used(pid_t pid, const struct task_mark *m, void *arg)
{
	const struct um *um = arg;

	if (is_keeper(um, pid) || is_keeper(um, process_parent(pid)))
		return;
	um->networks->v[m->network].used = true;
	note_files(um->networks, pid);
}

/* The lock is held. */
static void find_used(struct um *um)
{
	struct networks *ns = um->networks;

	for (unsigned i = 0; i < ARRAY_SIZE(ns->v); i++)
		ns->v[i].used = ns->v[i].making || ns->v[i].name;
	task_mark_each(note_used, um);
}

/* What is to be put once the lock is not held any more: malloc'ed, NULL-terminated. */
static struct net **sweep(struct um *um)
{
	struct networks *ns = um->networks;
	struct net **gone;
	unsigned n = 0;

	if (ns->n < ns->sweep_at)
		return NULL;
	gone = calloc(ns->n + 1, sizeof(*gone));
	if (!gone)
		return NULL;
	find_used(um);
	for (unsigned i = 1; i < ARRAY_SIZE(ns->v); i++) {
		struct network *w = &ns->v[i];

		if (w->net && !w->used && w->idle) {
			gone[n++] = w->net;
			*w = (struct network){ 0 };
			ns->n--;
		} else {
			w->idle = !w->used;
		}
	}
	ns->sweep_at = ns->n + SWEEP_LEAST;
	return gone;
}

/* ---- going there ---- */

static int set_network(pid_t pid, unsigned number)
{
	struct task_mark m;
	int r = task_mark_get(pid, &m);

	m.network = (uint16_t)number;
	return r < 0 ? r : task_mark_set(pid, &m);
}

/* Takes n (and, where it succeeds, name) over: its number, which is to be told by network_made();
 * or -ENOSPC, -ENOMEM. */
static int add_network(struct um *um, struct net *n, char *name)
{
	struct networks *ns = um->networks;
	_cleanup_free_ struct net **gone = NULL;
	int number = -ENOSPC, r;

	pthread_mutex_lock(&ns->lock);
	gone = sweep(um);
	for (unsigned i = 1; i < ARRAY_SIZE(ns->v) && number < 0; i++) {
		if (!ns->v[i].net)
			number = (int)i;
	}
	r = number > 0 ? lead_to(um, n) : 0;
	if (r < 0)
		number = r;
	if (number > 0) {
		ns->v[number] = (struct network){ .net = n, .name = name, .making = true };
		ns->n++;
		if (net_stack(n) == NET_STACK_LWIP)
			atomic_store_explicit(&ns->any_stack, true, memory_order_release);
		atomic_store_explicit(&ns->any, true, memory_order_release);
	}
	pthread_mutex_unlock(&ns->lock);
	for (unsigned i = 0; gone && gone[i]; i++)
		net_put(gone[i]);
	if (number < 0)
		net_put(n);
	return number;
}

/* Its first process is in it. */
static void network_made(struct networks *ns, int number)
{
	pthread_mutex_lock(&ns->lock);
	ns->v[number].making = false;
	pthread_mutex_unlock(&ns->lock);
}

/* In whose process a new one is made: 0 and a reference. */
static int base_of(struct um *um, pid_t pid, struct net **ret)
{
	static char *const none[] = { (char *)"none", NULL };
	struct networks *ns = um->networks;
	_cleanup_free_ char *message = NULL;
	_cleanup_net_ struct net *made = NULL;
	struct net *there;
	int r = network_of(um, pid, ret);

	if (r < 0 || (*ret && net_stack(*ret) == NET_STACK_KERNEL))
		return r;
	net_put(take_ptr(ret)); /* one that is a process makes none */
	there = atomic_load(&ns->base);
	if (!there) {
		r = net_start(none, NET_STACK_KERNEL, &made, &message);
		if (r < 0)
			return r;
		if (atomic_compare_exchange_strong(&ns->base, &there, made))
			there = take_ptr(&made); /* else another thread was first */
	}
	*ret = net_get(there);
	return 0;
}

/* Where the user may have no namespace it is a stack of ours. */
static int new_network(struct um *um, pid_t pid, struct net **ret)
{
	static char *const none[] = { (char *)"none,abstract=private", NULL };
	_cleanup_net_ struct net *base = NULL;
	_cleanup_free_ char *message = NULL;
	int r = base_of(um, pid, &base);

	if (r == 0)
		return net_new_beside(base, ret);
	log_info("a network for a guest: no namespace (%s), so by stack=lwip", strerror(-r));
	return net_start(none, NET_STACK_LWIP, ret, &message);
}

int network_unshare(struct call *c)
{
	struct net *n = NULL;
	int r = new_network(c->um, c->tid, &n), number;

	if (r < 0)
		return r;
	number = add_network(c->um, n, NULL);
	if (number < 0)
		return number;
	r = set_network(c->tid, (unsigned)number);
	network_made(c->um->networks, number);
	return r;
}

int network_enter(struct call *c, const struct stat *st)
{
	struct networks *ns = c->um->networks;
	struct network *w;
	struct stat host;
	int r = -ENOENT;

	if (c->um->net && net_has_file(c->um->net, st))
		return set_network(c->tid, 0);
	/* no sweep between the look and the mark */
	pthread_mutex_lock(&ns->lock);
	w = find_file(ns, st);
	if (w)
		r = set_network(c->tid, (unsigned)(w - ns->v));
	pthread_mutex_unlock(&ns->lock);
	if (w || stat(NET_FILE, &host) < 0 || host.st_ino != st->st_ino ||
		host.st_dev != st->st_dev)
		return r;
	return c->um->net ? -EPERM : set_network(c->tid, 0);
}

struct net *network_by_file(struct um *um, const struct stat *st)
{
	struct networks *ns = um->networks;
	struct net *found = NULL;
	struct network *w;

	if (um->net && net_has_file(um->net, st))
		return net_get(um->net);
	if (!atomic_load_explicit(&ns->any, memory_order_acquire))
		return NULL;
	pthread_mutex_lock(&ns->lock);
	w = find_file(ns, st);
	if (w)
		found = net_get(w->net);
	pthread_mutex_unlock(&ns->lock);
	return found;
}

bool network_knows(struct um *um, const struct stat *st)
{
	_cleanup_net_ struct net *n = network_by_file(um, st);

	return n != NULL;
}

int network_follow(struct call *c, pid_t pid)
{
	struct networks *ns = c->um->networks;
	struct task_mark m;
	int r;

	pthread_mutex_lock(&ns->lock);
	r = task_mark_get(pid, &m);
	if (r == 0)
		r = set_network(c->tid, m.network);
	pthread_mutex_unlock(&ns->lock);
	return r;
}

struct net *network_by_number(struct um *um, ino_t number)
{
	struct networks *ns = um->networks;
	struct net *found = NULL;

	if (um->net && net_ino(um->net) == number)
		return net_get(um->net);
	pthread_mutex_lock(&ns->lock);
	for (unsigned i = 1; i < ARRAY_SIZE(ns->v) && !found; i++) {
		if (ns->v[i].net && net_ino(ns->v[i].net) == number)
			found = net_get(ns->v[i].net);
	}
	pthread_mutex_unlock(&ns->lock);
	return found;
}

struct net *network_by_process(struct um *um, pid_t pid)
{
	struct networks *ns = um->networks;
	struct net *found = NULL;

	if (um->net && net_pid(um->net) == pid)
		return net_get(um->net);
	if (!atomic_load_explicit(&ns->any, memory_order_acquire))
		return NULL;
	pthread_mutex_lock(&ns->lock);
	for (unsigned i = 1; i < ARRAY_SIZE(ns->v) && !found; i++) {
		if (ns->v[i].net && net_pid(ns->v[i].net) == pid)
			found = net_get(ns->v[i].net);
	}
	pthread_mutex_unlock(&ns->lock);
	return found;
}

bool network_process(const struct um *um, pid_t pid)
{
	bool found;

	if (!um->networks)
		return false;
	pthread_mutex_lock(&um->networks->lock);
	found = is_keeper(um, pid);
	pthread_mutex_unlock(&um->networks->lock);
	return found;
}

/* ---- with names ---- */

/* The lock is held. 0: none. */
static unsigned find_name(const struct networks *ns, const char *name)
{
	for (unsigned i = 1; i < ARRAY_SIZE(ns->v); i++) {
		if (ns->v[i].name && strcmp(ns->v[i].name, name) == 0)
			return i;
	}
	return 0;
}

static bool name_taken(struct networks *ns, const char *name)
{
	bool taken;

	pthread_mutex_lock(&ns->lock);
	taken = find_name(ns, name) || strcmp(name, NETWORK_OWN) == 0;
	pthread_mutex_unlock(&ns->lock);
	return taken;
}

int network_add(struct um *um, const char *name, char *const specs[], char **ret_message)
{
	struct networks *ns = um->networks;
	_cleanup_free_ char *copy = strdup(name);
	enum net_stack stack;
	struct net *n = NULL;
	int r;

	*ret_message = NULL;
	if (!copy)
		return -ENOMEM;
	if (name_taken(ns, name))
		return -EEXIST;
	r = net_choose_stack(specs, &stack, ret_message);
	if (r < 0)
		return r;
	free(take_ptr(ret_message));
	r = net_start(specs, stack, &n, ret_message);
	if (r < 0)
		return r;
	r = add_network(um, n, copy);
	if (r < 0)
		return r;
	copy = NULL;
	pthread_mutex_lock(&ns->lock);
	/* two at the same time: the one with the lower number stays */
	if (find_name(ns, name) != (unsigned)r) {
		copy = take_ptr(&ns->v[r].name);
		pthread_mutex_unlock(&ns->lock);
		network_made(ns, r);
		return -EEXIST;
	}
	pthread_mutex_unlock(&ns->lock);
	network_made(ns, r);
	return 0;
}

struct inside {
	unsigned number;
	pid_t pid;
};

static void note_inside(pid_t pid, const struct task_mark *m, void *arg)
{
	struct inside *in = arg;

	if (m->network == in->number)
		in->pid = pid;
}

int network_remove(struct um *um, const char *name, pid_t *ret_pid)
{
	struct networks *ns = um->networks;
	struct inside in = { 0 };
	struct network gone = { 0 };

	pthread_mutex_lock(&ns->lock);
	in.number = find_name(ns, name);
	if (in.number)
		task_mark_each(note_inside, &in);
	if (in.number && !in.pid) {
		gone = ns->v[in.number];
		ns->v[in.number] = (struct network){ 0 };
		ns->n--;
	}
	pthread_mutex_unlock(&ns->lock);
	net_put(gone.net);
	free(gone.name);
	*ret_pid = in.pid;
	return gone.net ? 0 : in.pid ? -EBUSY : -ENOENT;
}

int network_find(struct um *um, const char *name, struct net **ret)
{
	struct networks *ns = um->networks;
	unsigned number;

	*ret = NULL;
	if (strcmp(name, NETWORK_OWN) == 0) {
		*ret = um->net ? net_get(um->net) : NULL;
		return 0;
	}
	pthread_mutex_lock(&ns->lock);
	number = find_name(ns, name);
	if (number)
		*ret = net_get(ns->v[number].net);
	pthread_mutex_unlock(&ns->lock);
	return number ? 0 : -ENOENT;
}

int network_use(struct um *um, const char *name, pid_t pid)
{
	struct networks *ns = um->networks;
	int r = -ENOENT;
	unsigned number;

	pthread_mutex_lock(&ns->lock);
	number = find_name(ns, name);
	if (number || strcmp(name, NETWORK_OWN) == 0)
		r = set_network(pid, number);
	pthread_mutex_unlock(&ns->lock);
	return r;
}

struct counted {
	pid_t self, launcher;
	unsigned inside[TASK_MARK_SPACE_MAX + 1];
};

/* What makes the networks is in none of them. */
static void count_inside(pid_t pid, const struct task_mark *m, void *arg)
{
	struct counted *c = arg;

	if (!m->network_server && pid != c->self && pid != c->launcher)
		c->inside[m->network]++;
}

int networks_each(struct um *um, void (*fn)(const struct network_info *i, void *arg), void *arg)
{
	struct networks *ns = um->networks;
	_cleanup_free_ struct counted *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->self = getpid();
	c->launcher = engine_launcher_pid(um->engine);
	task_mark_each(count_inside, c);
	pthread_mutex_lock(&ns->lock);
	find_used(um);
	pthread_mutex_unlock(&ns->lock);
	if (um->net)
		fn(
			&(struct network_info){
				.name = NETWORK_OWN, .net = um->net, .processes = c->inside[0] },
			arg);
	for (unsigned i = 1; i < ARRAY_SIZE(ns->v); i++) {
		_cleanup_free_ char *name = NULL;
		_cleanup_net_ struct net *n = NULL;

		pthread_mutex_lock(&ns->lock);
		if (ns->v[i].net && ns->v[i].used) {
			n = net_get(ns->v[i].net);
			name = ns->v[i].name ? strdup(ns->v[i].name) : NULL;
		}
		pthread_mutex_unlock(&ns->lock);
		if (n)
			fn(&(struct network_info){ .name = name,
				   .number = i,
				   .net = n,
				   .processes = c->inside[i] },
				arg);
	}
	return 0;
}
