/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A connection's life: made, INIT, ready, ended. */
#include "fs/fuse/conn.h"

#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/log.h"

#define SOCKET_BUFFER (4 << 20)
#define MESSAGE_SLACK 4096 /* header and arguments beside the payload */
#define KEEPER_STACK (256u << 10)
#define MINOR_MIN 5
#define MAX_READAHEAD (1u << 20)
#define POLL_MS 50
#define READ_TIMEOUT_US 5000
#define SEND_TIMEOUT_S 2 /* of the keeper, to a server that does not read */

/* What we honour; see doc in <linux/fuse.h>. */
#define INIT_FLAGS                                                                                 \
	(FUSE_ASYNC_READ | FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS | FUSE_BIG_WRITES |                 \
		FUSE_DONT_MASK | FUSE_HAS_IOCTL_DIR | FUSE_AUTO_INVAL_DATA | FUSE_DO_READDIRPLUS | \
		FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO | FUSE_WRITEBACK_CACHE |                    \
		FUSE_NO_OPEN_SUPPORT | FUSE_PARALLEL_DIROPS | FUSE_HANDLE_KILLPRIV |               \
		FUSE_CACHE_SYMLINKS | FUSE_NO_OPENDIR_SUPPORT | FUSE_EXPLICIT_INVAL_DATA |         \
		FUSE_POSIX_ACL | FUSE_SETXATTR_EXT | FUSE_INIT_EXT)

int fuse_socket_setup(int sock)
{
	int want = SOCKET_BUFFER, have = 0;
	socklen_t len = sizeof(have);

	/* The kernel caps what is too much; only what it gave counts. */
	setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &want, sizeof(want));
	setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &want, sizeof(want));
	if (getsockopt(sock, SOL_SOCKET, SO_SNDBUF, &have, &len) < 0)
		return -errno;
	if (have < 2 * MESSAGE_SLACK)
		return -ENOBUFS;
	have -= MESSAGE_SLACK;
	return have > (int)FUSE_MAX_DATA ? (int)FUSE_MAX_DATA : have & ~4095;
}

static void conn_unmount(struct fs *fs, uint64_t deadline_ns);
static void conn_free(struct fs *fs);

static int conn_server_pid(struct fs *fs)
{
	return atomic_load(&fuse_conn_of(fs)->server_pid);
}

int fuse_conn_new(const struct fuse_options *o, int sock, const struct fuse_notify_ops *notify,
	struct fs **ret)
{
	_cleanup_fd_ int fd = sock;
	struct timeval tv = { .tv_usec = READ_TIMEOUT_US }, send_tv = { .tv_sec = SEND_TIMEOUT_S };
	int max = fuse_socket_setup(fd);
	struct fuse_conn *fc;

	if (max < 0)
		return max;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_tv, sizeof(send_tv)) < 0)
		return -errno;
	fc = calloc(1, sizeof(*fc));
	if (!fc)
		return -ENOMEM;
	fc->max_data = (uint32_t)max;
	fc->scratch_size = FUSE_MAX_DATA + MESSAGE_SLACK;
	fc->scratch = malloc(fc->scratch_size);
	fc->wake = fc->scratch ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	if (fc->wake < 0) {
		int err = fc->scratch ? -errno : -ENOMEM;

		free(fc->scratch);
		free(fc);
		return err;
	}
	fc->sock = take_fd(&fd);
	fc->opt = *o;
	fc->notify = notify;
	fc->notes_tail = &fc->notes;
	fc->outq_tail = &fc->outq;
	pthread_mutex_init(&fc->lock, NULL);
	pthread_cond_init(&fc->state_cond, NULL);
	pthread_cond_init(&fc->keeper_cond, NULL);
	CDS_INIT_LIST_HEAD(&fc->waiters);
	fc->fs.node = &fuse_node_ops;
	fc->fs.file = &fuse_file_ops;
	fc->fs.unmount = conn_unmount;
	fc->fs.free = conn_free;
	fc->fs.server_pid = conn_server_pid;
	fc->fs.root_node = FUSE_ROOT_ID;
	fc->fs.type = "fuse";
	fc->fs.flags = (o->default_permissions ? FS_DEFAULT_PERMISSIONS : 0) |
		       (o->allow_other ? FS_ALLOW_OTHER : 0);
	fc->fs.max_read = fc->fs.max_write = fc->max_data;
	if (o->max_read)
		fc->fs.max_read = o->max_read < 4096	       ? 4096
				  : o->max_read < fc->max_data ? o->max_read
							       : fc->max_data;
	*ret = &fc->fs;
	return 0;
}

/* ---- INIT ---- */

struct init {
	struct fuse_req r;
	struct fuse_init_in in;
	struct fuse_init_out out;
};

static void take_flags(struct fuse_conn *fc, const struct fuse_init_out *o)
{
	uint32_t flags = o->flags & INIT_FLAGS;
	unsigned fs = 0;

	fc->readdirplus = fc->minor >= 21 && (flags & FUSE_DO_READDIRPLUS);
	fc->readdirplus_auto = flags & FUSE_READDIRPLUS_AUTO;
	fc->setxattr_ext = fc->minor >= 33 && (flags & FUSE_SETXATTR_EXT);
	if (flags & FUSE_DONT_MASK)
		fs |= FS_DONT_MASK;
	if (fc->minor >= 23 && (flags & FUSE_WRITEBACK_CACHE))
		fs |= FS_WRITEBACK_CACHE;
	if (flags & FUSE_AUTO_INVAL_DATA)
		fs |= FS_AUTO_INVAL_DATA;
	else if (flags & FUSE_EXPLICIT_INVAL_DATA)
		fs |= FS_EXPLICIT_INVAL_DATA;
	if (flags & FUSE_POSIX_LOCKS)
		fs |= FS_POSIX_LOCKS;
	if (fc->minor >= 17 && (flags & FUSE_FLOCK_LOCKS))
		fs |= FS_FLOCK_LOCKS;
	/* the server leaves the checks to us then, option or not */
	if (flags & FUSE_POSIX_ACL)
		fs |= FS_ACL | FS_DEFAULT_PERMISSIONS;
	if (flags & FUSE_CACHE_SYMLINKS)
		fs |= FS_CACHE_SYMLINKS;
	atomic_fetch_or(&fc->fs.flags, fs); /* mount(2) sets others meanwhile */
	if (o->max_write < fc->max_data)
		fc->fs.max_write = o->max_write < 4096 ? 4096 : o->max_write;
}

static void init_done(struct fuse_conn *fc, struct fuse_req *r)
{
	struct init *i = container_of_(r, struct init, r);
	const struct fuse_init_out *o = &i->out;
	int err = r->error;

	if (!err && (o->major != FUSE_KERNEL_VERSION || o->minor < MINOR_MIN ||
			    r->out_len < FUSE_COMPAT_22_INIT_OUT_SIZE)) {
		log_warn("fuse: the server speaks version %u.%u; needed is 7.%d or later", o->major,
			o->minor, MINOR_MIN);
		err = -EPROTO;
	}
	if (err) {
		fuse_die(fc, err == -EPROTO ? -EPROTO : -ENOTCONN);
	} else {
		pthread_mutex_lock(&fc->lock);
		fc->minor =
			o->minor < FUSE_KERNEL_MINOR_VERSION ? o->minor : FUSE_KERNEL_MINOR_VERSION;
		fc->stats.minor = fc->minor;
		take_flags(fc, o);
		if (atomic_load(&fc->state) == FUSE_STARTING)
			atomic_store(&fc->state, FUSE_READY);
		pthread_cond_broadcast(&fc->state_cond);
		pthread_mutex_unlock(&fc->lock);
		log_info("fuse: version 7.%u, flags %#x, max_write %u, max_read %u", o->minor,
			o->flags, fc->fs.max_write, fc->fs.max_read);
	}
	free(i);
}

static int start_keeper(struct fuse_conn *fc)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, KEEPER_STACK);
	err = pthread_create(&fc->keeper, &attr, fuse_keeper, fc);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

int fuse_conn_start(struct fs *fs)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct init *i = calloc(1, sizeof(*i));
	int err;

	if (!i)
		return -ENOMEM;
	pthread_mutex_lock(&fc->lock);
	if (atomic_load(&fc->state) == FUSE_NEW)
		atomic_store(&fc->state, FUSE_STARTING);
	pthread_mutex_unlock(&fc->lock);
	err = start_keeper(fc);
	if (err) {
		free(i);
		return err;
	}
	pthread_mutex_lock(&fc->lock);
	fc->keeper_started = true;
	pthread_mutex_unlock(&fc->lock);
	fuse_req_init(&i->r, FUSE_INIT, 0, NULL);
	i->in = (struct fuse_init_in){
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = MAX_READAHEAD,
		.flags = INIT_FLAGS,
	};
	fuse_req_in(&i->r, &i->in, sizeof(i->in));
	fuse_req_out(&i->r, &i->out, FUSE_COMPAT_INIT_OUT_SIZE, sizeof(i->out));
	i->r.done = init_done;
	err = fuse_req_post(fc, &i->r);
	if (err) {
		free(i);
		fuse_die(fc, -ENOTCONN);
	}
	return err;
}

int fuse_wait_ready(struct fuse_conn *fc, const struct fs_req *who, uint64_t deadline)
{
	int state = atomic_load(&fc->state), err = 0;

	if (state == FUSE_READY)
		return 0;
	call_waits();
	pthread_mutex_lock(&fc->lock);
	while ((state = atomic_load(&fc->state)) != FUSE_READY && state != FUSE_DEAD) {
		uint64_t until = now_ns() + POLL_MS * 1000000ull;
		struct timespec ts;

		if (deadline && until > deadline)
			until = deadline;
		ts.tv_sec = (time_t)(until / NSEC_PER_SEC);
		ts.tv_nsec = (long)(until % NSEC_PER_SEC);
		pthread_cond_clockwait(&fc->state_cond, &fc->lock, CLOCK_MONOTONIC, &ts);
		pthread_mutex_unlock(&fc->lock);
		if (deadline && now_ns() >= deadline)
			err = -ETIMEDOUT;
		else if (who && who->call && call_interrupted(who->call))
			err = -EINTR;
		pthread_mutex_lock(&fc->lock);
		if (err && atomic_load(&fc->state) < FUSE_READY)
			break;
		err = 0;
	}
	if (atomic_load(&fc->state) == FUSE_DEAD)
		err = fc->dead_error;
	pthread_mutex_unlock(&fc->lock);
	return err;
}

int fuse_conn_wait_init(struct fs *fs, const struct fs_req *req, uint64_t deadline_ns)
{
	return fuse_is(fs) ? fuse_wait_ready(fuse_conn_of(fs), req, deadline_ns) : 0;
}

/* ---- the end ---- */

/* Releases on their way are waited for, so that the server has seen them before DESTROY. */
static void drain(struct fuse_conn *fc, uint64_t deadline)
{
	for (;;) {
		bool flushed = fuse_flush_queues(fc), idle;

		pthread_mutex_lock(&fc->lock);
		idle = flushed && fc->nasync == 0;
		if (!idle && !fc->reading) {
			fc->reading = true;
			pthread_mutex_unlock(&fc->lock);
			(void)fuse_read_message(fc, POLL_MS); /* the state says what came of it */
			pthread_mutex_lock(&fc->lock);
			fc->reading = false;
			fuse_hand_over(fc);
			pthread_mutex_unlock(&fc->lock);
		} else {
			pthread_mutex_unlock(&fc->lock);
			if (!idle)
				nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		}
		if (idle || now_ns() >= deadline || atomic_load(&fc->state) != FUSE_READY)
			return;
	}
}

static void drop_notes(struct fuse_conn *fc)
{
	while (fc->notes) {
		struct fuse_note *n = fc->notes;

		fc->notes = n->next;
		free(n);
	}
	fc->notes_tail = &fc->notes;
	fc->notes_bytes = 0;
	fc->notes_done = fc->notes_in;
}

/* In FUSE_DEAD: the view's inodes go next, and no notification is to reach them any more. */
static void end_notes(struct fuse_conn *fc)
{
	pthread_mutex_lock(&fc->lock);
	drop_notes(fc);
	while (fc->noting)
		pthread_cond_wait(&fc->state_cond, &fc->lock);
	pthread_mutex_unlock(&fc->lock);
}

static void conn_unmount(struct fs *fs, uint64_t deadline_ns)
{
	struct fuse_conn *fc = fuse_conn_of(fs);

	if (atomic_load(&fc->state) == FUSE_READY) {
		struct fuse_req r;
		int err;

		fuse_end_forgets(fc);
		drain(fc, deadline_ns);
		fuse_req_init(&r, FUSE_DESTROY, 0, NULL);
		r.deadline = deadline_ns;
		err = fuse_call(fc, &r, NULL);
		if (err && err != -ENOSYS && err != -ENOTCONN)
			log_warn("fuse: DESTROY: error %d", err);
	}
	fuse_die(fc, -ENOTCONN);
	end_notes(fc);
}

void fuse_conn_abort(struct fs *fs)
{
	if (fuse_is(fs))
		fuse_die(fuse_conn_of(fs), -ENOTCONN);
}

bool fuse_conn_dead(struct fs *fs)
{
	return fuse_is(fs) && atomic_load(&fuse_conn_of(fs)->state) == FUSE_DEAD;
}

static void conn_free(struct fs *fs)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	bool started;

	fuse_die(fc, -ENOTCONN);
	pthread_mutex_lock(&fc->lock);
	fc->stop = true;
	started = fc->keeper_started;
	fuse_wake_keeper(fc);
	pthread_mutex_unlock(&fc->lock);
	if (started)
		pthread_join(fc->keeper, NULL);
	(void)fuse_flush_queues(fc); /* in FUSE_DEAD: frees what is queued */
	drop_notes(fc);
	close(fc->sock);
	close(fc->wake);
	pthread_cond_destroy(&fc->keeper_cond);
	pthread_cond_destroy(&fc->state_cond);
	pthread_mutex_destroy(&fc->lock);
	free(fc->forgets);
	free(fc->scratch);
	free(fc);
}

/* ---- small things ---- */

void fuse_conn_on_end(struct fs *fs, void (*fn)(void *arg, bool started), void *arg)
{
	struct fuse_conn *fc = fuse_conn_of(fs);

	pthread_mutex_lock(&fc->lock);
	fc->on_end = fn;
	fc->on_end_arg = arg;
	pthread_mutex_unlock(&fc->lock);
}

bool fuse_is(const struct fs *fs)
{
	return fs->node == &fuse_node_ops;
}

void fuse_conn_set_server(struct fs *fs, pid_t pid)
{
	atomic_store(&fuse_conn_of(fs)->server_pid, pid);
}

ino_t fuse_conn_peer(struct fs *fs)
{
	return fuse_conn_of(fs)->peer;
}

void fuse_root_entry(struct fs *fs, struct fs_entry *ret)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	mode_t mode = fc->opt.have_rootmode ? fc->opt.rootmode : S_IFDIR | 0755;

	*ret = (struct fs_entry){ .nodeid = FUSE_ROOT_ID };
	ret->attr.ino = FUSE_ROOT_ID;
	ret->attr.nlink = 1;
	ret->attr.blksize = 4096;
	ret->attr.mode = mode & S_IFMT ? mode : S_IFDIR | mode;
	ret->attr.uid = fc->opt.user_id;
	ret->attr.gid = fc->opt.group_id;
}

const struct fuse_options *fuse_conn_options(struct fs *fs)
{
	return &fuse_conn_of(fs)->opt;
}

void fuse_conn_stats(struct fs *fs, struct fuse_stats *ret)
{
	struct fuse_conn *fc = fuse_conn_of(fs);

	pthread_mutex_lock(&fc->lock);
	*ret = fc->stats;
	ret->in_flight = fc->npending;
	pthread_mutex_unlock(&fc->lock);
}
