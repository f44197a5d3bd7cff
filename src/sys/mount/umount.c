/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * umount2(2), and the end of mounts. The order: what is dirty goes back to the server; no path
 * leads to the mount any more; the server is told (DESTROY) and waited for; its image is unlocked.
 * A mount taken away lazily (MNT_DETACH) while in use is looked at by a thread of its own until
 * nobody uses it any more.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "fs/fuse/fuse.h"
#include "sys/mount/fsargs.h"
#include "sys/task/ids.h"
#include "sys/mount/leaving.h"
#include "sys/mount/calls.h"
#include "sys/table.h"
#include "view/elsewhere.h"
#include "view/space.h"

#define SERVER_WAIT_NS (120 * NSEC_PER_SEC)
#define LAZY_POLL_NS (NSEC_PER_SEC / 5)
#define UMOUNT_FLAGS (MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)

struct lazy {
	struct mount *m; /* referenced */
	struct cds_list_head node;
};

/* Has the server answered INIT, and is it alive? If not there is nothing to write back. */
static bool is_ready(struct fs *fs)
{
	return !fuse_conn_dead(fs) && fuse_conn_wait_init(fs, NULL, 1) == 0;
}

static void end_whole(struct um *um, struct fs *fs, uint64_t deadline_ns)
{
	files_drop_fs(um->files, fs);
	fs->unmount(fs, deadline_ns);
	mountsrv_fs_ended(um->mountsrv, fs, deadline_ns);
}

void umount_leave(struct um *um, struct fs *fs)
{
	if (atomic_fetch_sub(&fs->mounted, 1) == 1)
		end_whole(um, fs, now_ns() + SERVER_WAIT_NS);
}

/* The mount has no users: ends it, and its file system if it is bound nowhere else. Takes the
 * reference. */
static void end_fs(struct um *um, struct mount *m, uint64_t deadline_ns)
{
	mountsrv_remember_ended(um->mountsrv, m);
	if (mount_ended(m))
		end_whole(um, m->fs, deadline_ns);
	mount_put(m);
}

/* What is dirty goes back. No call is left that could tell of what cannot. */
static void write_back(struct um *um, struct mount *m, uint64_t deadline_ns)
{
	if (!is_ready(m->fs) || files_sync_until(um->files, m->fs, deadline_ns) == 0)
		return;
	log_user("%s: not all could be written back", m->target);
	atomic_store(&um->mountsrv->lost, true);
}

/* A detached mount that has no users: what is dirty goes back, and it ends. Takes the reference. */
static void end_lazy_now(struct um *um, struct mount *m, uint64_t deadline_ns)
{
	write_back(um, m, deadline_ns);
	end_fs(um, m, deadline_ns);
}

/* On behalf of umount(2): its server has done with it when we return. Takes the reference. */
static void end_now(struct um *um, struct call *c, struct mount *m)
{
	struct leaving l = { 0 };

	if (fuse_is(m->fs) && !fuse_conn_dead(m->fs) && atomic_load(&m->fs->mounted) == 1 &&
		!mountsrv_started(um->mountsrv, m->fs))
		leaving_note(&l, c, m->fs);
	end_lazy_now(um, m, now_ns() + SERVER_WAIT_NS);
	leaving_wait(&l, c);
}

static void end_lazy(struct mountsrv *ms, struct lazy *l, uint64_t deadline_ns)
{
	cds_list_del(&l->node);
	end_lazy_now(ms->um, l->m, deadline_ns);
	free(l);
}

/* Waits a moment; false: the view ends, or the list is empty and so does the thread. */
static bool lazy_wait(struct mountsrv *ms, struct cds_list_head *ret)
{
	uint64_t until = now_ns() + LAZY_POLL_NS;
	struct timespec ts = { .tv_sec = (time_t)(until / NSEC_PER_SEC),
		.tv_nsec = (long)(until % NSEC_PER_SEC) };
	bool go;

	pthread_mutex_lock(&ms->lock);
	while (!ms->lazy_stop && now_ns() < until)
		pthread_cond_timedwait(&ms->cond, &ms->lock, &ts);
	go = !ms->lazy_stop;
	if (go) {
		cds_list_splice(&ms->lazy, ret);
		CDS_INIT_LIST_HEAD(&ms->lazy);
	}
	pthread_mutex_unlock(&ms->lock);
	return go;
}

/* The mounts of ms->lazy that nobody uses any more are ended. */
static void *lazy_main(void *arg)
{
	struct mountsrv *ms = arg;
	struct cds_list_head list;

	CDS_INIT_LIST_HEAD(&list);
	while (lazy_wait(ms, &list)) {
		struct lazy *l, *next;

		cds_list_for_each_entry_safe(l, next, &list, node) {
			if (!files_busy(ms->um->files, l->m))
				end_lazy(ms, l, now_ns() + SERVER_WAIT_NS);
		}
		pthread_mutex_lock(&ms->lock);
		cds_list_splice(&list, &ms->lazy);
		CDS_INIT_LIST_HEAD(&list);
		pthread_mutex_unlock(&ms->lock);
	}
	return NULL;
}

static void end_lazily(struct um *um, struct mount *m)
{
	struct mountsrv *ms = um->mountsrv;
	struct lazy *l = malloc(sizeof(*l));

	bool queued = false;

	pthread_mutex_lock(&ms->lock);
	if (l && !ms->lazy_stop) {
		l->m = m;
		cds_list_add_tail(&l->node, &ms->lazy);
		queued = true;
		if (!ms->lazy_started)
			ms->lazy_started =
				pthread_create(&ms->lazy_thread, NULL, lazy_main, ms) == 0;
	}
	pthread_mutex_unlock(&ms->lock);
	if (!queued) {
		free(l);
		end_fs(um, m, now_ns() + SERVER_WAIT_NS);
	}
}

/* The end of the view: in use or not. */
static void end_all_lazy(struct mountsrv *ms, uint64_t deadline_ns,
	void (*progress)(void *arg, struct mount *m), void *arg)
{
	struct lazy *l, *next;

	pthread_mutex_lock(&ms->lock);
	ms->lazy_stop = true;
	pthread_cond_broadcast(&ms->cond);
	pthread_mutex_unlock(&ms->lock);
	if (ms->lazy_started)
		pthread_join(ms->lazy_thread, NULL);
	ms->lazy_started = false;
	cds_list_for_each_entry_safe(l, next, &ms->lazy, node) {
		progress(arg, l->m);
		end_lazy(ms, l, deadline_ns);
	}
}

struct child_search {
	struct mount *of;
	bool found;
};

static void find_child(struct mount *m, void *arg)
{
	struct child_search *s = arg;

	if (m->parent == s->of && !m->detached)
		s->found = true;
}

static bool has_children(struct view *v, struct mount *m)
{
	struct child_search s = { .of = m };

	view_each_mount(v, find_child, &s);
	return s.found;
}

/* MNT_EXPIRE: -EAGAIN marks an unused mount, the next one ends it. */
static int expire(struct mount *m)
{
	return atomic_exchange(&m->expiring, true) ? 0 : -EAGAIN;
}

static int before_detach(struct um *um, struct call *c, struct mount *m, int flags)
{
	struct fs_req req = { 0 };
	int r;

	if (flags & MNT_FORCE)
		fuse_conn_abort(m->fs);
	if (flags & MNT_DETACH)
		return 0;
	if (has_children(&um->view, m) || files_busy(um->files, m))
		return -EBUSY;
	if (flags & MNT_EXPIRE) {
		r = expire(m);
		if (r < 0)
			return r;
	}
	if ((flags & MNT_FORCE) || !is_ready(m->fs))
		return 0;
	if (c)
		fs_req_init(&req, c);
	r = files_sync(um->files, m->fs, &req);
	if (r == 0 || fuse_conn_dead(m->fs))
		return 0;
	/* of what was lost: not to be taken for what umount(2) says itself */
	return r == -ENOSPC || r == -EDQUOT || r == -EFBIG || r == -EINTR ? r : -EIO;
}

/* A mount and those that lie on it, newest first; referenced. */
struct stack {
	struct mount *bottom;
	struct mount **list;
	size_t n, size;
};

static void collect(struct mount *m, void *arg)
{
	struct stack *s = arg;
	struct mount *below = m;

	while (below && below != s->bottom)
		below = below->parent;
	if (below && s->n < s->size)
		s->list[s->n++] = mount_get(m);
}

static void count(UNUSED struct mount *m, void *arg)
{
	(*(size_t *)arg)++;
}

/* umount -l: all are out of the tree at once, and each ends when nobody uses it any more. */
static int take_down_lazily(struct um *um, struct call *c, struct mount *m, int flags)
{
	struct stack s = { .bottom = m };
	int r;

	view_each_mount(&um->view, count, &s.size);
	s.list = calloc(s.size + 1, sizeof(*s.list));
	if (!s.list) {
		mount_put(m);
		return -ENOMEM;
	}
	view_each_mount(&um->view, collect, &s);
	r = view_detach(&um->view, m, flags);
	for (size_t i = s.n; i-- > 0;) {
		if (r < 0)
			mount_put(s.list[i]);
		else if (files_busy(um->files, s.list[i]))
			end_lazily(um, s.list[i]);
		else
			end_now(um, c, s.list[i]);
	}
	free(s.list);
	mount_put(m);
	return r;
}

/* Takes the reference of m, which is in the tree. */
static int take_down(struct um *um, struct call *c, struct mount *m, int flags)
{
	int r;

	if ((m->rule && !m->guests) || m->target_len == 1) { /* it holds as long as the view does */
		r = m->rule && !m->guests ? -EPERM : -EBUSY;
		mount_put(m);
		return r;
	}
	call_waits();
	r = before_detach(um, c, m, flags);
	if (r == 0 && (flags & MNT_DETACH))
		return take_down_lazily(um, c, m, flags);
	if (r == 0)
		r = view_detach(&um->view, m, flags);
	if (r < 0) {
		mount_put(m);
		return r;
	}
	/* opened, or written and closed, since it was looked at: none of it is lost */
	if (!(flags & MNT_FORCE) && files_busy(um->files, m))
		end_lazily(um, m);
	else
		end_now(um, c, m);
	return 0;
}

int um_umount(struct um *um, struct call *c, const char *target, int flags)
{
	struct mount *m = view_mount_at(&um->view, 0, target);

	return m ? take_down(um, c, m, flags) : -EINVAL;
}

struct search {
	ino_t ns;
	struct mount *found;
};

static void find_in(struct mount *m, void *arg)
{
	struct search *s = arg;

	if (!s->found && m->ns == s->ns && !atomic_load(&m->detached))
		s->found = mount_get(m);
}

void um_umount_space(struct um *um, ino_t ns)
{
	for (;;) {
		struct search s = { .ns = ns };

		view_each_mount(&um->view, find_in, &s);
		if (!s.found || take_down(um, NULL, s.found, MNT_DETACH) < 0)
			return;
	}
}

bool um_umount_all(struct um *um, uint64_t deadline_ns,
	void (*progress)(void *arg, struct mount *m), void *arg)
{
	struct mount *m;

	while ((m = view_last_mount(&um->view))) {
		progress(arg, m);
		write_back(um, m, deadline_ns);
		if (view_detach(&um->view, m, MNT_DETACH) < 0)
			log_warn("%s: cannot be detached", m->target);
		end_fs(um, m, deadline_ns);
	}
	end_all_lazy(um->mountsrv, deadline_ns, progress, arg);
	return !atomic_load(&um->mountsrv->lost);
}

/* The words without following the mount's own server, for one that is dead or hangs. */
static struct mount *mount_by_words(struct call *c, const char *word)
{
	size_t n = strlen(word);
	_cleanup_free_ char *trimmed = NULL;

	if (word[0] != '/' || atomic_load(&c->um->view.roots))
		return NULL;
	while (n > 1 && word[n - 1] == '/')
		n--;
	trimmed = strndup(word, n);
	return trimmed ? view_mount_at(&c->um->view, space_of(&c->um->view, c->tid), trimmed)
		       : NULL;
}

/* One of which the way leads on to the host's tree, or that is named from a root of the guest's
 * own. */
static struct mount *mount_by_place(struct call *c, const char *word, unsigned flags)
{
	_cleanup_path_ struct path p = PATH_INIT;

	if (path_resolve(c, &c->um->view, AT_FDCWD, word, flags | PATH_MOUNTPOINT, &p) < 0 ||
		!p.name)
		return NULL;
	return view_mount_at(&c->um->view, space_of(&c->um->view, c->tid), p.name);
}

/* What is no mount of the view. Its root, who has no right over the host's mounts, sees them as a
 * user namespace's root sees those from outside: locked. */
static enum verdict umount_real(struct call *c)
{
	return fs_is_for_view(c) ? call_return(c, -EINVAL) : CONTINUE;
}

enum verdict sys_umount2(struct call *c)
{
	_cleanup_path_ struct path p = PATH_INIT;
	struct um *um = c->um;
	int flags = (int)c->args[1], r;
	const unsigned pflags = PATH_REALIZE | (flags & UMOUNT_NOFOLLOW ? 0 : PATH_FOLLOW);
	char word[PATH_MAX];
	struct mount *m;

	elsewhere_note(&c->um->view, c->tid);
	if (!um->ids && !view_has_mounts(&um->view) && !mountsrv_any_ended(um->mountsrv))
		return CONTINUE;
	if ((flags & ~UMOUNT_FLAGS) || ((flags & MNT_EXPIRE) && (flags & (MNT_FORCE | MNT_DETACH))))
		return call_return(c, -EINVAL);
	if (guest_read_str(c, call_addr(c, 0), word, sizeof(word)) < 0)
		return CONTINUE;
	snprintf(c->what, sizeof(c->what), "%.150s", word);
	m = is_elsewhere(&um->view, c->tid) ? NULL : mount_by_words(c, word);
	if (!m) {
		r = path_resolve(c, &um->view, AT_FDCWD, word, pflags, &p);
		if (r == 0 && ids_mounts_are_others(c))
			r = -EPERM;
		if (r < 0)
			return call_return(c, r);
		if (p.name && mountsrv_is_late(um->mountsrv, p.name, mount_server_of(c),
				      p.kind == PATH_VIRTUAL ? p.mnt : NULL))
			return call_return(c, 0);
		if (p.own.fd >= 0 && path_word_leads(c, AT_FDCWD, word, &p))
			return CONTINUE; /* what the guest mounted in the kernel */
		m = p.kind == PATH_VIRTUAL && path_is_mount_root(&p) ? mount_get(p.mnt)
		    : p.tid					     ? NULL /* by its own names */
			    : mount_by_place(c, word, pflags);
		if (!m)
			return p.kind != PATH_VIRTUAL ? umount_real(c) : call_return(c, -EINVAL);
		path_release(&p);
		p = (struct path)PATH_INIT;
	} else if (mountsrv_is_late(um->mountsrv, m->target, mount_server_of(c), m)) {
		mount_put(m); /* the next server's: not his */
		return call_return(c, 0);
	}
	if (mount_is_foreign(c, m)) {
		mount_put(m);
		return call_return(c, -EINVAL); /* as of one that a new user namespace has locked */
	}
	if ((um->ids && !ids_may_mount(c)) || ids_mounts_are_others(c)) {
		mount_put(m);
		return call_return(c, -EPERM);
	}
	return call_return(c, take_down(um, c, m, flags));
}
