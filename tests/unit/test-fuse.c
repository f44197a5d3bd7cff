/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The FUSE client against a server that behaves, and against servers that do not. */
#include "fs/fuse/fuse.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "fs/fuse/dev-end.h"
#include "tap.h"
#include "unit/fuse-server.h"

static struct tap tap = TAP_INIT;

/* The engine's, which this program does without: what a guest's signals are here. */
static atomic_bool interrupted, killed;

bool call_interrupted(struct call *c)
{
	(void)c;
	return interrupted || killed;
}

void call_waits(void)
{
}

bool call_killed(const struct call *c)
{
	(void)c;
	return killed;
}

/* ---- notifications ---- */

static atomic_int inval_inodes, inval_entries, removed, stored, slow;

static int n_inval_inode(struct fs *fs, uint64_t node, int64_t off, int64_t len)
{
	struct fs_attr a;

	if (node == 7) {
		slow++;
		usleep(20000);
	}
	/* From here requests must work, too. */
	if (node == 2 && off == 10 && len == 20 && fs->node->getattr(fs, NULL, 2, NULL, &a) == 0)
		inval_inodes++;
	return 0;
}

static int n_inval_entry(struct fs *fs, uint64_t parent, const char *name, size_t namelen)
{
	(void)fs;
	inval_entries += parent == 1 && namelen == 3 && !memcmp(name, "abc", 3);
	return 0;
}

static int n_remove(struct fs *fs, uint64_t parent, uint64_t child, const char *name, size_t len)
{
	(void)fs;
	removed += parent == 1 && child == 2 && len == 3 && !memcmp(name, "abc", 3);
	return 0;
}

static atomic_ullong polled;

static int n_store(struct fs *fs, uint64_t node, uint64_t off, const void *buf, size_t len)
{
	(void)fs;
	stored += node == 2 && off == 5 && len == 3 && !memcmp(buf, "xyz", 3);
	return 0;
}

static ssize_t n_retrieve(struct fs *fs, uint64_t node, uint64_t off, void *buf, size_t len)
{
	(void)fs, (void)node, (void)off;
	memset(buf, 'r', len);
	return (ssize_t)len;
}

static void n_poll(struct fs *fs, uint64_t node)
{
	(void)fs;
	polled = node;
}

static const struct fuse_notify_ops notify = { n_inval_inode, n_inval_entry, n_remove, n_store,
	n_retrieve, n_poll };

/* ---- a mount ---- */

static struct srv *new_srv(enum srv_manner manner)
{
	struct srv *s = calloc(1, sizeof(*s));

	s->manner = manner;
	s->minor = 31;
	s->init_size = sizeof(struct fuse_init_out);
	s->max_write = 1 << 20;
	return s;
}

static struct fs *start(struct srv *s)
{
	struct fuse_options o;
	struct fs *fs = NULL;
	int sv[2];

	if (fuse_options_parse("fd=3,rootmode=40000,user_id=0,group_id=0", &o) ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) ||
		fuse_socket_setup(sv[1]) < 0 || fuse_conn_new(&o, sv[0], &notify, &fs))
		abort();
	srv_start(s, sv[1]);
	if (fuse_conn_start(fs))
		abort();
	return fs;
}

static void stop(struct fs *fs, struct srv *s)
{
	fs->unmount(fs, now_ns() + 5 * NSEC_PER_SEC);
	fs->free(fs);
	srv_join(s);
	free(s);
}

static struct call dummy_call;
static const struct fs_req req = {
	.call = &dummy_call, .uid = 1000, .gid = 1000, .pid = 42, .umask = 022
};

#define ok(good, ...) tap_check(&tap, good, __VA_ARGS__)

static void wait_for(const atomic_int *n, int want)
{
	for (int i = 0; i < 1000 && *n < want; i++)
		usleep(5000);
}

/* ---- tests ---- */

static void test_options(void)
{
	struct fuse_options o;

	ok(fuse_options_parse("fd=7,rootmode=100644,user_id=5,group_id=6,max_read=65536,"
			      "blksize=512,allow_other,default_permissions",
		   &o) == 0 &&
			o.fd == 7 && o.rootmode == 0100644 && o.user_id == 5 && o.group_id == 6 &&
			o.max_read == 65536 && o.blksize == 512 && o.allow_other &&
			o.default_permissions,
		"all options");
	ok(fuse_options_parse(NULL, &o) == 0 && o.fd == -1 && !o.have_rootmode, "no options");
	ok(fuse_options_parse("fd=7,nonsense", &o) == -EINVAL, "unknown option");
	ok(fuse_options_parse("fd=x", &o) == -EINVAL, "no number");
	ok(fuse_options_parse("fd=-1", &o) == -EINVAL, "negative number");
	ok(fuse_options_parse("fd=99999999999999999999", &o) == -EINVAL, "too big a number");
	ok(fuse_options_parse("fd", &o) == -EINVAL, "no value");
}

struct list {
	int n, plus;
	uint64_t last;
	int stop_at;
};

static int collect(void *arg, const struct fs_dirent *e)
{
	struct list *l = arg;

	l->n++;
	l->plus += e->entry != NULL;
	l->last = e->off;
	return l->stop_at && l->n == l->stop_at;
}

static void test_names(struct fs *fs)
{
	struct fs_entry e;
	struct fs_attr a;
	struct fs_handle h;
	struct fs_setattr set = { .set = FS_SET_SIZE, .size = 5 };
	struct statfs st;
	char buf[4096];

	ok(fs->node->lookup(fs, &req, 1, "a", &e) == 0 && e.nodeid == 2 &&
			e.attr.size == SRV_FILE_SIZE && e.entry_valid_ns == NSEC_PER_SEC,
		"lookup");
	ok(fs->node->lookup(fs, &req, 1, "none", &e) == -ENOENT, "lookup: ENOENT");
	ok(fs->node->lookup(fs, &req, 1, "neg", &e) == 0 && e.nodeid == 0 &&
			e.entry_valid_ns == 5 * NSEC_PER_SEC,
		"lookup: negative entry");
	ok(fs->node->getattr(fs, &req, 1, NULL, &a) == 0 && S_ISDIR(a.mode) &&
			a.valid_ns == NSEC_PER_SEC + 5,
		"getattr");
	ok(fs->node->setattr(fs, &req, 2, NULL, &set, &a) == 0, "setattr");
	ok(fs->node->readlink(fs, &req, 4, buf) == 0 && !strcmp(buf, "tar"), "readlink");
	ok(fs->node->readlink(fs, &req, 666, buf) == -EIO, "readlink: NUL inside");
	ok(fs->node->mkdir(fs, &req, 1, "m", 0777, &e) == 0 && e.nodeid == 3, "mkdir");
	ok(fs->node->mknod(fs, &req, 1, "m", S_IFREG | 0666, 0, &e) == 0, "mknod");
	ok(fs->node->mknod(fs, &req, 1, "m", S_IFIFO | 0666, 0, &e) == -EIO,
		"mknod: other type than asked for");
	ok(fs->node->symlink(fs, &req, 1, "m", "t", &e) == 0 && e.nodeid == 4, "symlink");
	ok(fs->node->link(fs, &req, 2, 1, "m", &e) == 0, "link");
	ok(fs->node->unlink(fs, &req, 1, "m") == 0 && fs->node->rmdir(fs, &req, 1, "m") == 0 &&
			fs->node->rename(fs, &req, 1, "a", 1, "b", 0) == 0 &&
			fs->node->rename(fs, &req, 1, "a", 1, "b", 2) == 0,
		"unlink, rmdir, rename");
	ok(fs->node->getxattr(fs, &req, 2, "user.a", NULL, 0) == 14 &&
			fs->node->getxattr(fs, &req, 2, "user.a", buf, 100) == 14 &&
			fs->node->listxattr(fs, &req, 2, buf, 100) == 14,
		"getxattr, listxattr");
	ok(fs->node->getxattr(fs, &req, 2, "user.a", buf, 10) == -EIO, "getxattr: too long");
	ok(fs->node->setxattr(fs, &req, 2, "user.a", "v", 1, 0) == 0 &&
			fs->node->removexattr(fs, &req, 2, "user.a") == 0,
		"setxattr, removexattr");
	ok(fs->node->statfs(fs, &req, 1, &st) == 0 && st.f_blocks == 1000 && st.f_frsize == 4096,
		"statfs");
	ok(fs->file->create(fs, &req, 1, "c", 0666, O_RDWR, &e, &h) == 0 && h.fh == 77, "create");
	fs->file->release(fs, e.nodeid, &h);
}

static void test_data(struct fs *fs)
{
	char *buf = malloc(SRV_FILE_SIZE + 100);
	struct fs_handle h;
	size_t bad = 0;

	ok(fs->file->open(fs, &req, 2, O_RDWR, &h) == 0, "open");
	ok(fs->file->read(fs, &req, 2, &h, buf, SRV_FILE_SIZE + 100, 0) == SRV_FILE_SIZE,
		"read all, to the end");
	for (size_t i = 0; i < SRV_FILE_SIZE; i++)
		bad += buf[i] != srv_byte(i);
	ok(bad == 0, "what was read is right");
	ok(fs->file->read(fs, &req, 2, &h, buf, 1000, SRV_FILE_SIZE - 10) == 10 &&
			fs->file->read(fs, &req, 2, &h, buf, 1000, SRV_FILE_SIZE) == 0 &&
			fs->file->read(fs, &req, 2, &h, buf, 0, 0) == 0,
		"read at the end");
	ok(fs->file->read(fs, &req, 666, &h, buf, 1000, 0) == -EIO, "read: longer than asked");
	ok(fs->file->read(fs, &req, 666, &h, buf, 100000, 0) == -EIO,
		"read: longer than asked, in place");
	memset(buf, 'w', SRV_FILE_SIZE);
	ok(fs->file->write(fs, &req, 2, &h, buf, SRV_FILE_SIZE - 7, 7, true) == SRV_FILE_SIZE - 7,
		"write all");
	memset(buf, 0, SRV_FILE_SIZE);
	ok(fs->file->read(fs, &req, 2, &h, buf, SRV_FILE_SIZE, 0) == SRV_FILE_SIZE &&
			buf[6] == srv_byte(6) && buf[7] == 'w' && buf[SRV_FILE_SIZE - 1] == 'w',
		"what was written is there");
	ok(fs->file->write(fs, &req, 2, &h, buf, 10, SRV_FILE_SIZE, false) == -EFBIG,
		"write: an error");
	ok(fs->file->write(fs, &req, 2, &h, buf, 1 << 20, SRV_FILE_SIZE - (1 << 19), false) ==
			1 << 19,
		"write: an error after some");
	ok(fs->file->write(fs, &req, 666, &h, buf, 10, 0, false) == -EIO,
		"write: more than was sent");
	ok(fs->file->flush(fs, &req, 2, &h) == 0 && fs->file->fsync(fs, &req, 2, &h, true) == 0,
		"flush, fsync");
	fs->file->release(fs, 2, &h);
	free(buf);
}

static int list(struct fs *fs, uint64_t fh, struct list *l)
{
	struct fs_handle h = { .fh = fh };
	int r;

	do {
		r = fs->file->readdir(fs, &req, 3, &h, l->last, collect, l);
	} while (r == 0 && !(l->stop_at && l->n >= l->stop_at));
	return r;
}

/* They are sent soon, and not any more once it is unmounted. */
static unsigned long long forgotten(struct srv *s, unsigned long long wanted)
{
	for (int i = 0; i < 1000 && s->forgotten < wanted; i++)
		usleep(5000);
	return s->forgotten;
}

static void test_readdir(bool plus)
{
	struct srv *s = new_srv(SRV_GOOD);
	struct list l = { 0 }, part = { .stop_at = 10 };
	struct fs *fs;
	int r, want;

	if (plus)
		s->init_flags = FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO;
	fs = start(s);
	r = list(fs, 0, &l);
	ok(r == 1 && l.n == SRV_ENTRIES && l.plus == (plus ? SRV_ENTRIES - 2 : 0),
		"readdir%s: %d entries, %d with attributes", plus ? "plus" : "", l.n, l.plus);
	r = list(fs, 0, &part);
	ok(r == 0 && part.n == 10, "readdir%s: stopped", plus ? "plus" : "");
	/* what was not taken is forgotten */
	want = plus ? s->count[FUSE_READDIRPLUS] > 1 : 0;
	for (uint64_t fh = 1; fh <= 5; fh++) {
		struct list bad = { 0 };

		r = list(fs, fh, &bad);
		ok(r == -EIO, "readdir%s: bad name %d", plus ? "plus" : "", (int)fh);
	}
	ok(!want || forgotten(s, 1) > 0, "readdir%s: forgets", plus ? "plus" : "");
	fs->unmount(fs, now_ns() + 5 * NSEC_PER_SEC);
	fs->free(fs);
	srv_join(s);
	free(s);
}

static void test_hostile(void)
{
	struct srv *s = new_srv(SRV_GOOD);
	struct fs *fs = start(s);
	struct fuse_stats stats;
	struct fs_entry e;
	char name[16];

	for (int i = 0; i < 15; i++) {
		int r;

		snprintf(name, sizeof(name), "h-%d", i);
		r = fs->node->lookup(fs, &req, 1, name, &e);
		ok(r == (i == 13 ? 0 : -EIO), "hostile lookup %d: %d", i, r);
	}
	ok(fs->node->lookup(fs, &req, 1, "a", &e) == 0, "and goes on");
	fuse_conn_stats(fs, &stats);
	ok(stats.bad_replies >= 10 && stats.in_flight == 0, "they were counted");
	stop(fs, s);
}

static void test_init(void)
{
	struct srv *s = new_srv(SRV_GOOD);
	struct fs *fs;
	struct fs_attr a;
	struct fs_entry e;
	struct fs_handle h;
	uint64_t t = now_ns();

	s->init_delay_ms = 100;
	s->minor = 19;
	s->init_size = FUSE_COMPAT_22_INIT_OUT_SIZE;
	s->max_write = 65536;
	s->init_flags = FUSE_DONT_MASK;
	fs = start(s);
	ok(fs->node->getattr(fs, &req, 1, NULL, &a) == 0 && now_ns() - t >= 100000000,
		"operations wait for INIT");
	ok(fs->max_write == 65536 && (fs->flags & FS_DONT_MASK), "INIT of 7.19");
	stop(fs, s);

	s = new_srv(SRV_GOOD);
	s->minor = 5;
	s->init_size = FUSE_COMPAT_22_INIT_OUT_SIZE;
	fs = start(s);
	ok(fs->node->lookup(fs, &req, 1, "a", &e) == 0 && e.nodeid == 2 &&
			fs->node->getattr(fs, &req, 2, NULL, &a) == 0 && a.size == e.attr.size,
		"a server of 7.5: entry and attributes");
	ok(fs->file->create(fs, &req, 1, "f", 0644, O_RDWR, &e, &h) == 0 && h.fh == 77, "create");
	ok(fs->file->write(fs, &req, 2, &h, "abc", 3, 0, false) == 3 && !memcmp(s->data, "abc", 3),
		"write");
	stop(fs, s);

	s = new_srv(SRV_GOOD);
	s->minor = 4;
	fs = start(s);
	ok(fuse_conn_wait_init(fs, NULL, now_ns() + 5 * NSEC_PER_SEC) == -EPROTO, "too old");
	ok(fs->node->getattr(fs, &req, 1, NULL, &a) == -EPROTO, "too old: operations");
	stop(fs, s);

	s = new_srv(SRV_GOOD);
	s->init_size = 12;
	fs = start(s);
	ok(fuse_conn_wait_init(fs, NULL, now_ns() + 5 * NSEC_PER_SEC) == -EPROTO, "short INIT");
	stop(fs, s);

	s = new_srv(SRV_GOOD);
	s->init_delay_ms = 300;
	fs = start(s);
	ok(fuse_conn_wait_init(fs, NULL, now_ns() + 20000000) == -ETIMEDOUT, "INIT late");
	interrupted = true;
	ok(fs->node->getattr(fs, &req, 1, NULL, &a) == -EINTR, "interrupted before INIT");
	interrupted = false;
	ok(fuse_conn_wait_init(fs, NULL, 0) == 0, "INIT at last");
	stop(fs, s);
}

static void test_enosys(void)
{
	struct srv *s = new_srv(SRV_ENOSYS);
	struct fs *fs = start(s);
	struct fs_handle h;
	struct fs_entry e;
	char buf[10];

	for (int i = 0; i < 2; i++) {
		ok(fs->file->open(fs, &req, 2, O_RDONLY, &h) == 0 && (h.flags & FS_OPEN_NONE),
			"no open");
		fs->file->release(fs, 2, &h);
		ok(fs->file->opendir(fs, &req, 3, &h) == 0 && (h.flags & FS_OPEN_NONE),
			"no opendir");
		ok(fs->file->create(fs, &req, 1, "x", 0666, O_RDWR, &e, &h) == -ENOSYS,
			"no create");
		ok(fs->file->flush(fs, &req, 2, &h) == 0 &&
				fs->file->fsync(fs, &req, 2, &h, false) == 0 &&
				fs->node->access(fs, &req, 2, 4) == 0,
			"no flush, fsync, access");
		ok(fs->node->getxattr(fs, &req, 2, "user.a", buf, 10) == -EOPNOTSUPP &&
				fs->node->setxattr(fs, &req, 2, "user.a", buf, 1, 0) == -EOPNOTSUPP,
			"no xattr");
		ok(fs->file->fallocate(fs, &req, 2, &h, 0, 0, 1) == -EOPNOTSUPP &&
				fs->file->lseek(fs, &req, 2, &h, 0, SEEK_HOLE) == -ENOSYS,
			"no fallocate, lseek");
		ok(fs->node->rename(fs, &req, 1, "a", 1, "b", 1) == -EINVAL, "no rename2");
	}
	ok(s->count[FUSE_OPEN] == 1 && s->count[FUSE_CREATE] == 1 && s->count[FUSE_FLUSH] == 1 &&
			s->count[FUSE_GETXATTR] == 1 && s->count[FUSE_RENAME2] == 1 &&
			s->count[FUSE_RELEASE] == 0,
		"each was asked once");
	stop(fs, s);
}

/* ---- many at once, and the end ---- */

struct worker {
	pthread_t thread;
	struct fs *fs;
	int n, errors, result;
	uint64_t ns;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	struct fs_handle h = { 0 };
	char name[16], *buf = malloc(600000);

	for (int i = 0; i < w->n; i++) {
		size_t off = (size_t)i * 7919 % (SRV_FILE_SIZE - 600000);
		struct fs_entry e;

		snprintf(name, sizeof(name), "n%d", i);
		if (w->fs->node->lookup(w->fs, &req, 1, name, &e) || e.nodeid != 100 + (uint64_t)i)
			w->errors++;
		w->fs->node->forget(w->fs, e.nodeid, 1);
		if (i % 8)
			continue;
		if (w->fs->file->read(w->fs, &req, 2, &h, buf, 600000, off) != 600000 ||
			buf[0] != srv_byte(off) || buf[599999] != srv_byte(off + 599999))
			w->errors++;
	}
	free(buf);
	return NULL;
}

static void test_parallel(enum srv_manner manner)
{
	struct srv *s = new_srv(manner);
	struct fs *fs = start(s);
	struct worker w[8] = { 0 };
	int errors = 0;

	for (int i = 0; i < 8; i++) {
		w[i].fs = fs;
		w[i].n = 200;
		pthread_create(&w[i].thread, NULL, work, &w[i]);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(w[i].thread, NULL);
		errors += w[i].errors;
	}
	ok(errors == 0, "eight threads%s", manner == SRV_REORDER ? ", answers out of order" : "");
	ok(forgotten(s, 1600) == 1600, "all forgets arrive");
	fs->node->forget(fs, 5, 1);
	fs->unmount(fs, now_ns() + 5 * NSEC_PER_SEC);
	ok(s->forgotten == 1600, "none is sent when all goes");
	ok(s->count[FUSE_DESTROY] == 1, "DESTROY at the end");
	fs->free(fs);
	srv_join(s);
	free(s);
}

static void *waiter(void *arg)
{
	struct worker *w = arg;
	uint64_t t = now_ns();
	struct fs_attr a;

	w->result = w->fs->node->getattr(w->fs, &req, 1, NULL, &a);
	w->ns = now_ns() - t;
	return NULL;
}

static void start_waiters(struct fs *fs, struct srv *s, struct worker *w, int n)
{
	for (int i = 0; i < n; i++) {
		w[i].fs = fs;
		pthread_create(&w[i].thread, NULL, waiter, &w[i]);
	}
	wait_for(&s->count[FUSE_GETATTR], n);
}

static bool join_waiters(struct worker *w, int n, int want)
{
	bool good = true;

	for (int i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		good &= w[i].result == want;
	}
	return good;
}

static void test_death(void)
{
	struct srv *s = new_srv(SRV_MUTE);
	struct fs *fs = start(s);
	struct worker w[4] = { 0 };
	struct fs_attr a;
	uint64_t t;

	start_waiters(fs, s, w, 4);
	t = now_ns();
	shutdown(s->sock, SHUT_RDWR);
	ok(join_waiters(w, 4, -ENOTCONN), "the server ends: ENOTCONN");
	ok(now_ns() - t < NSEC_PER_SEC, "at once");
	ok(fs->node->getattr(fs, &req, 1, NULL, &a) == -ENOTCONN && fuse_conn_dead(fs),
		"and from then on");
	stop(fs, s);

	s = new_srv(SRV_MUTE);
	fs = start(s);
	start_waiters(fs, s, w, 4);
	fuse_conn_abort(fs);
	ok(join_waiters(w, 4, -ENOTCONN), "abort: ENOTCONN");
	stop(fs, s);

	s = new_srv(SRV_MUTE);
	fs = start(s);
	ok(fuse_conn_wait_init(fs, NULL, 0) == 0, "a mute server's INIT");
	t = now_ns();
	fs->unmount(fs, t + NSEC_PER_SEC / 5);
	ok(now_ns() - t < 3 * NSEC_PER_SEC, "its unmount is bounded");
	fs->free(fs);
	srv_join(s);
	free(s);
}

/* A server's threads might take the FORGET first, and libfuse aborts when RELEASE finds no node. */
static void test_forget_waits(void)
{
	struct srv *s = new_srv(SRV_GOOD);
	struct fs_handle h = { .fh = 7 };
	struct fs *fs;

	s->hold_release = true;
	fs = start(s);
	ok(fuse_conn_wait_init(fs, NULL, 0) == 0, "INIT");
	fs->file->release(fs, 2, &h);
	wait_for(&s->count[FUSE_RELEASE], 1);
	fs->node->forget(fs, 2, 3);
	fs->node->forget(fs, 5, 1);
	(void)forgotten(s, 1);
	usleep(200000);
	ok(s->forgotten == 1, "what nobody works on is forgotten: %llu", s->forgotten);
	srv_reply(s, s->held, 0, NULL, 0);
	ok(forgotten(s, 4) == 4, "after the RELEASE its node is too: %llu", s->forgotten);
	stop(fs, s);
}

/* What was given back without waiting is waited for before the name goes. */
static void *settle(void *arg)
{
	struct fs *fs = arg;
	struct fs_handle none = { .flags = FS_OPEN_NONE | FS_RELEASE_WAIT };

	fs->file->release(fs, 2, &none);
	return NULL;
}

static void test_release_wait(void)
{
	struct srv *s = new_srv(SRV_GOOD);
	struct fs_handle h = { .fh = 7 };
	struct timespec soon;
	pthread_t t;
	struct fs *fs;

	s->hold_release = true;
	fs = start(s);
	ok(fuse_conn_wait_init(fs, NULL, 0) == 0, "INIT");
	settle(fs);
	ok(s->count[FUSE_RELEASE] == 0, "nothing to wait for, nothing sent");
	fs->file->release(fs, 2, &h);
	wait_for(&s->count[FUSE_RELEASE], 1);
	pthread_create(&t, NULL, settle, fs);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 200000000;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	ok(pthread_timedjoin_np(t, NULL, &soon) == ETIMEDOUT, "the RELEASE is waited for");
	srv_reply(s, s->held, 0, NULL, 0);
	ok(pthread_join(t, NULL) == 0 && s->count[FUSE_RELEASE] == 1, "until its answer comes");
	stop(fs, s);
}

static void test_interrupt(void)
{
	struct srv *s = new_srv(SRV_MUTE);
	struct fs *fs = start(s);
	struct worker w[1] = { 0 };

	start_waiters(fs, s, w, 1);
	interrupted = true;
	ok(join_waiters(w, 1, -EINTR), "interrupted: the server's answer");
	ok(s->count[FUSE_INTERRUPT] == 2, "EAGAIN sends INTERRUPT again: %d",
		s->count[FUSE_INTERRUPT]);
	interrupted = false;
	start_waiters(fs, s, w, 1);
	killed = true;
	ok(join_waiters(w, 1, -EINTR), "killed: gone at once");
	killed = false;
	fuse_conn_abort(fs);
	stop(fs, s);
}

static void test_notify(void)
{
	struct srv *s = new_srv(SRV_GOOD);
	struct fs *fs = start(s);
	struct fuse_notify_inval_inode_out in = { .ino = 2, .off = 10, .len = 20 };
	struct fuse_notify_inval_entry_out en = { .parent = 1, .namelen = 3 };
	struct fuse_notify_delete_out del = { .parent = 1, .child = 2, .namelen = 3 };
	struct fuse_notify_store_out st = { .nodeid = 2, .offset = 5, .size = 3 };
	struct fuse_notify_poll_wakeup_out wake = { .kh = 77 };
	struct fuse_notify_retrieve_out rt = { .notify_unique = 9, .nodeid = 2, .size = 1000 };

	ok(fuse_conn_wait_init(fs, NULL, 0) == 0, "ready");
	srv_notify(s, FUSE_NOTIFY_INVAL_INODE, &in, sizeof(in) - 1, NULL, 0);
	srv_notify(s, FUSE_NOTIFY_INVAL_INODE, &in, sizeof(in), NULL, 0);
	srv_notify(s, FUSE_NOTIFY_INVAL_ENTRY, &en, sizeof(en), "abc", 3);
	srv_notify(s, FUSE_NOTIFY_INVAL_ENTRY, &en, sizeof(en), "a/c", 4);
	srv_notify(s, FUSE_NOTIFY_INVAL_ENTRY, &en, sizeof(en), "abc", 4);
	srv_notify(s, FUSE_NOTIFY_INVAL_ENTRY, &en, 5, NULL, 0);
	srv_notify(s, FUSE_NOTIFY_DELETE, &del, sizeof(del), "abc", 4);
	srv_notify(s, FUSE_NOTIFY_STORE, &st, sizeof(st), "xyz", 3);
	st.offset = UINT64_MAX;
	srv_notify(s, FUSE_NOTIFY_STORE, &st, sizeof(st), "xyz", 3);
	srv_notify(s, FUSE_NOTIFY_STORE, &st, sizeof(st), "xyzz", 4);
	srv_notify(s, 99, &st, sizeof(st), NULL, 0);
	srv_notify(s, FUSE_NOTIFY_POLL, &wake, sizeof(wake) - 1, NULL, 0);
	srv_notify(s, FUSE_NOTIFY_POLL, &wake, sizeof(wake), NULL, 0);
	srv_notify(s, FUSE_NOTIFY_RETRIEVE, &rt, sizeof(rt), NULL, 0);
	wait_for(&s->retrieved, 1);
	ok(inval_inodes == 1 && inval_entries == 1 && removed == 1 && stored == 1,
		"notifications: %d %d %d %d", inval_inodes, inval_entries, removed, stored);
	ok(s->retrieved == 1000, "retrieve: %d", s->retrieved);
	ok(polled == 77, "poll: %llu", polled);
	stop(fs, s);
}

/* After an unmount the view's inodes go: no notification may come any more. */
static void test_late_notes(void)
{
	struct srv *s = new_srv(SRV_GOOD);
	struct fs *fs = start(s);
	struct fuse_notify_inval_inode_out in = { .ino = 7 };
	int then;

	ok(fuse_conn_wait_init(fs, NULL, 0) == 0, "ready");
	for (int i = 0; i < 50; i++)
		srv_notify(s, FUSE_NOTIFY_INVAL_INODE, &in, sizeof(in), NULL, 0);
	wait_for(&slow, 1);
	fs->unmount(fs, now_ns() + 5 * NSEC_PER_SEC);
	then = slow;
	usleep(200000);
	ok(slow == then, "no notification after the unmount: %d", slow - then);
	fs->free(fs);
	srv_join(s);
	free(s);
}

struct late {
	int fd;
	atomic_bool *free;
	bool right;
};

static void reads_enodev(struct late *l)
{
	char c;

	l->right = read(l->fd, &c, 1) == -1 && errno == ENODEV;
}

static void *reads_late(void *arg)
{
	struct late *l = arg;

	while (!atomic_load(l->free))
		;
	reads_enodev(l);
	return NULL;
}

/* A server of which one thread sleeps in read(2) when the file system goes, and one comes to it. */
static void test_end_readers(void)
{
	int sv[2], status = 0, n = 0;
	atomic_bool *free_now =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct stat st;
	pid_t pid;

	if (free_now == MAP_FAILED)
		abort();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) || fstat(sv[1], &st))
		abort();
	pid = fork();
	if (pid == 0) {
		struct late one = { sv[1], free_now, false }, other = one;
		pthread_t t;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pthread_create(&t, NULL, reads_late, &other) != 0)
			_exit(2);
		reads_enodev(&one);
		pthread_join(t, NULL);
		_exit(one.right && other.right ? 0 : 1);
	}
	ok(fuse_dev_end_readers(st.st_ino + 1, true, NULL, NULL) == 0,
		"nobody reads another socket");
	for (int i = 0; i < 30 && n == 0; i++) {
		n = fuse_dev_end_readers(st.st_ino, true, NULL, NULL);
		usleep(1000);
	}
	ok(n == 0, "one that runs is waited for");
	atomic_store(free_now, true);
	for (int i = 0; i < 30000 && n == 0; i++) {
		n = fuse_dev_end_readers(st.st_ino, true, NULL, NULL);
		usleep(1000);
	}
	ok(n == 2, "both readers are found");
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "they read ENODEV");
	munmap(free_now, 4096);
	close(sv[0]);
	close(sv[1]);
}

int main(void)
{
	struct srv *s;
	struct fs *fs;

	alarm(120);
	test_options();
	s = new_srv(SRV_GOOD);
	fs = start(s);
	test_names(fs);
	test_data(fs);
	stop(fs, s);
	test_readdir(false);
	test_readdir(true);
	test_hostile();
	test_init();
	test_enosys();
	test_parallel(SRV_GOOD);
	test_parallel(SRV_REORDER);
	test_death();
	test_forget_waits();
	test_release_wait();
	test_interrupt();
	test_notify();
	test_late_notes();
	test_end_readers();
	return tap_done(&tap);
}
