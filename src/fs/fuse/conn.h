/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the FUSE client: the connection, and a request on its way through it. */
#ifndef UM_FS_FUSE_CONN_H
#define UM_FS_FUSE_CONN_H

#include <linux/fuse.h>
#include <pthread.h>
#include <sys/uio.h>
#include <urcu/hlist.h>
#include <urcu/list.h>

#include "fs/fuse/fuse.h"

#define FUSE_HASH 256
#define FUSE_IN_MAX 5		   /* pieces of a request, its header among them */
#define FUSE_MAX_DATA (128u << 10) /* payload of a read or write, as the kernel's default */
#define FUSE_WINDOW 8		   /* requests of one big read or write in flight */
#define FUSE_READDIR_SIZE (32u << 10)
#define FUSE_DIRECT_MIN (8u << 10) /* answers at least so big go straight into place */
#define FUSE_POST_MAX 256	   /* bytes of a request that nobody waits for */
#define FUSE_NAME_LEN_MAX 255

enum fuse_state { FUSE_NEW, FUSE_STARTING, FUSE_READY, FUSE_DEAD };

/* What the server answered ENOSYS to, and is not asked again: atomic_uint fc->no. */
enum fuse_no {
	FUSE_NO_OPEN = 1 << 0,
	FUSE_NO_OPENDIR = 1 << 1,
	FUSE_NO_FLUSH = 1 << 2,
	FUSE_NO_FSYNC = 1 << 3,
	FUSE_NO_FSYNCDIR = 1 << 4,
	FUSE_NO_ACCESS = 1 << 5,
	FUSE_NO_CREATE = 1 << 6,
	FUSE_NO_SETXATTR = 1 << 7,
	FUSE_NO_GETXATTR = 1 << 8,
	FUSE_NO_LISTXATTR = 1 << 9,
	FUSE_NO_REMOVEXATTR = 1 << 10,
	FUSE_NO_FALLOCATE = 1 << 11,
	FUSE_NO_LSEEK = 1 << 12,
	FUSE_NO_RENAME2 = 1 << 13,
	FUSE_NO_TMPFILE = 1 << 14,
	FUSE_NO_INTERRUPT = 1 << 15,
	FUSE_NO_POLL = 1 << 16,
	FUSE_NO_COPY_RANGE = 1 << 17,
	FUSE_NO_BMAP = 1 << 18,
	FUSE_NO_SYNCFS = 1 << 19,
	FUSE_NO_LOCK = 1 << 20,
	FUSE_NO_READDIRPLUS = 1 << 21,
};

struct fuse_conn;

/*
 * A request. On its caller's stack; on the heap when nobody waits for it (done is then called
 * with the answer, no lock held, and frees it).
 */
struct fuse_req {
	struct fuse_in_header in;
	struct iovec iov[FUSE_IN_MAX];
	unsigned niov;
	/* Where the payload of the answer goes, and how long it must be. */
	struct iovec out[2];
	size_t out_min, out_max;
	size_t out_len;	   /* how long it was */
	int error;	   /* 0 or -errno, once finished */
	uint64_t deadline; /* now_ns() at which the wait ends with -ETIMEDOUT; 0: never */
	uint64_t t_sent;
	void (*done)(struct fuse_conn *fc, struct fuse_req *r);
	uint64_t node2;	       /* with done: a second node that it names (link, rename) */
	struct fuse_req *next; /* in outq */
	/* under the connection's lock: */
	bool pending; /* in the table */
	bool claimed; /* taken out by a reader, which is filling it */
	bool finished;
	bool waiting;	  /* in the list of waiters, asleep on cond */
	bool interrupted; /* FUSE_INTERRUPT was sent */
	struct cds_hlist_node hash;
	struct cds_list_head wait_node;
	pthread_cond_t cond;
};

struct fuse_note {
	struct fuse_note *next;
	int code;
	size_t len;
	char data[];
};

struct fuse_conn {
	struct fs fs;
	struct fuse_options opt;
	int sock;
	ino_t peer; /* the inode number of the server's end; 0: not known */
	int wake;   /* eventfd: ends the keeper's poll */
	const struct fuse_notify_ops *notify;
	void (*on_end)(void *arg, bool started);
	void *on_end_arg;
	atomic_int server_pid;

	/* Settled by INIT's answer, before state becomes FUSE_READY. */
	unsigned minor;
	bool readdirplus, readdirplus_auto;
	bool setxattr_ext;
	uint32_t max_data; /* what one message takes */

	atomic_uint no;	     /* enum fuse_no */
	atomic_int state;    /* enum fuse_state; written under lock */
	atomic_uint ndirect; /* pending answers that go straight into place; written under lock */

	pthread_mutex_t lock; /* all below; a leaf: nothing blocks or is called under it */
	int dead_error;	      /* what operations answer in FUSE_DEAD */
	pthread_cond_t state_cond;
	pthread_cond_t keeper_cond;
	uint64_t next_unique;
	struct cds_hlist_head pending[FUSE_HASH];
	unsigned npending, nasync;
	bool reading; /* somebody reads the socket; scratch is his */
	struct cds_list_head waiters;
	uint64_t last_active;
	bool keeper_started, keeper_idle, stop;
	bool told_end; /* the keeper has told who polls that the server is gone */
	bool noting;   /* the keeper handles a notification: in the view's hands */
	pthread_t keeper;
	struct fuse_note *notes, **notes_tail;
	size_t notes_bytes;
	uint64_t notes_in, notes_done;	    /* how many came, and were handled */
	struct fuse_req *outq, **outq_tail; /* posted ones that did not go out at once */
	struct fuse_forget_one *forgets;
	size_t nforgets, forgets_size;
	bool ending;	    /* DESTROY is next: nothing is forgotten any more */
	uint64_t forgot_ns; /* when the last ones were sent */
	struct fuse_stats stats;
	/* the reader's: */
	char *scratch;
	size_t scratch_size;
};

static inline struct fuse_conn *fuse_conn_of(struct fs *fs)
{
	return container_of_(fs, struct fuse_conn, fs);
}

static inline bool fuse_has_no(struct fuse_conn *fc, unsigned what)
{
	return (atomic_load_explicit(&fc->no, memory_order_relaxed) & what) != 0;
}

static inline void fuse_set_no(struct fuse_conn *fc, unsigned what)
{
	atomic_fetch_or_explicit(&fc->no, what, memory_order_relaxed);
}

/* ---- xfer.c: requests out, and the wait for their answers ---- */

/* who may be NULL: then ids are 0 and nobody can interrupt it. */
void fuse_req_init(struct fuse_req *r, unsigned opcode, uint64_t node, const struct fs_req *who);
void fuse_req_in(struct fuse_req *r, const void *data, size_t len);
/* The name with its NUL. */
void fuse_req_name(struct fuse_req *r, const char *name);
void fuse_req_out(struct fuse_req *r, void *buf, size_t min, size_t max);

/* Sends and waits: 0 or -errno. */
int MUST_CHECK fuse_call(struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *who);
/* The two halves, for several in flight: each request sent must be waited for. */
int MUST_CHECK fuse_req_send(struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *who);
int MUST_CHECK fuse_req_wait(struct fuse_conn *fc, struct fuse_req *r, const struct fs_req *who);
/* Sends a heap request with done set, without blocking: 0; -EAGAIN when the socket is full and
 * -errno (the request is still the caller's then). */
int MUST_CHECK fuse_req_post(struct fuse_conn *fc, struct fuse_req *r);

/* ---- reply.c ---- */

/* Reads one message, the reading role being ours: 1, 0 when none came in timeout_ms (< 0: as long
 * as the socket's own time-out), -errno when the connection has ended. */
int fuse_read_message(struct fuse_conn *fc, int timeout_ms);

/* ---- pending.c ---- */

/* Gives the reading role to the next waiter; under lock. */
void fuse_hand_over(struct fuse_conn *fc);
/* Ends the connection: every waiter gets error. */
void fuse_die(struct fuse_conn *fc, int error);

/* ---- conn.c ---- */

int MUST_CHECK fuse_wait_ready(struct fuse_conn *fc, const struct fs_req *who, uint64_t deadline);
/* Under lock: the keeper has work. */
void fuse_wake_keeper(struct fuse_conn *fc);

/* ---- keeper.c: the connection's thread ---- */

void *fuse_keeper(void *arg);
void fuse_queue_forget(struct fuse_conn *fc, uint64_t node, uint64_t n);
/* RELEASE or RELEASEDIR without waiting for its answer. */
void fuse_send_release(
	struct fuse_conn *fc, unsigned opcode, uint64_t node, uint64_t fh, unsigned flags);
/* Waits for the answers to those of a node, for a while. */
void fuse_wait_releases(struct fuse_conn *fc, uint64_t node);
/* Sends what is queued; false when something had to stay. */
bool fuse_flush_queues(struct fuse_conn *fc);

/* ---- settle.c ---- */

/* Before DESTROY: nothing is forgotten any more, and what was is dealt with. */
void fuse_end_forgets(struct fuse_conn *fc);

/* ---- check.c: nothing of a server is believed ---- */

int MUST_CHECK fuse_check_attr(const struct fuse_attr *a);
void fuse_take_attr(
	const struct fuse_attr *a, uint64_t valid, uint32_t valid_nsec, struct fs_attr *ret);
/* A reply of LOOKUP and of what makes names. type: S_IFMT bits it must have, 0: any.
 * -EIO when it is not sane. */
int MUST_CHECK fuse_take_entry(const struct fuse_entry_out *e, mode_t type, struct fs_entry *ret);
bool fuse_name_ok(const char *name, size_t len);
bool fuse_is_dot(const char *name, size_t len);
uint32_t fuse_encode_dev(dev_t dev);

/* ---- notify.c ---- */

/* From the reader, copies the message for the keeper; no lock held. */
void fuse_note_queue(struct fuse_conn *fc, int code, const void *data, size_t len);
/* The keeper's part. */
void fuse_note_handle(struct fuse_conn *fc, const struct fuse_note *n);

/* ---- the operations ---- */

extern const struct fs_node_ops fuse_node_ops;
extern const struct fs_file_ops fuse_file_ops;

int fuse_op_opendir(struct fs *fs, const struct fs_req *req, uint64_t node, struct fs_handle *ret);
int fuse_op_readdir(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, uint64_t off, fs_dirent_fn fn, void *arg);
int fuse_op_fsyncdir(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, bool datasync);
void fuse_op_releasedir(struct fs *fs, uint64_t node, const struct fs_handle *h);
int fuse_op_fallocate(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, int mode, uint64_t off, uint64_t len);
off_t fuse_op_lseek(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, off_t off, int whence);
int fuse_op_getlk(struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h,
	struct fs_lock *lock, uint64_t owner);
int fuse_op_setlk(struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h,
	const struct fs_lock *lock, uint64_t owner, bool wait);
int fuse_op_ioctl(struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h,
	unsigned cmd, uint64_t arg, const void *in, size_t in_len, void *out, size_t *out_len,
	int *ret_result);
int fuse_op_poll(struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h,
	unsigned events, unsigned *ret_revents);
ssize_t fuse_op_copy_range(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, uint64_t off, uint64_t node_out, const struct fs_handle *h_out,
	uint64_t off_out, uint64_t len);
int fuse_op_bmap(
	struct fs *fs, const struct fs_req *req, uint64_t node, uint64_t block, uint64_t *ret);

/* ENOSYS remembered: returns what, once and later. */
static inline int fuse_unsupported(struct fuse_conn *fc, unsigned no, int err, int instead)
{
	if (err != -ENOSYS)
		return err;
	fuse_set_no(fc, no);
	return instead;
}

#endif
