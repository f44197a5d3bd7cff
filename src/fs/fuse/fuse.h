/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The FUSE client: a struct fs whose operations go over the FUSE wire protocol (<linux/fuse.h>,
 * 7.5 and later) to a server that reads and writes the other end of a SOCK_SEQPACKET socketpair,
 * which it got when it opened /dev/fuse.
 */
#ifndef UM_FS_FUSE_FUSE_H
#define UM_FS_FUSE_FUSE_H

#include "view/fs.h"

#define FUSE_NR_OPCODES 64 /* more than the highest opcode */

/* mount(2)'s data: "fd=3,rootmode=40000,user_id=0,group_id=0,allow_other". */
struct fuse_options {
	int fd; /* the server's descriptor number; -1: not given */
	mode_t rootmode;
	uid_t user_id;
	gid_t group_id;
	bool default_permissions;
	bool allow_other;
	uint32_t max_read; /* 0: not given */
	uint32_t blksize;  /* fuseblk; 0: not given */
	bool have_rootmode, have_user_id, have_group_id;
};

/* 0; -EINVAL for an unknown or malformed option. What the kernel demands (fd, rootmode, user_id,
 * group_id) is not demanded here: see the have_ members. data may be NULL. */
int MUST_CHECK fuse_options_parse(const char *data, struct fuse_options *ret);

/* What is done about a server's notifications; called from the connection's own thread, which may
 * make requests to the server meanwhile. All must be given. */
struct fuse_notify_ops {
	/* off < 0: attributes alone; len <= 0: to the end of the file. -ENOENT: not known */
	int (*inval_inode)(struct fs *fs, uint64_t node, int64_t off, int64_t len);
	int (*inval_entry)(struct fs *fs, uint64_t parent, const char *name, size_t namelen);
	int (*remove)(
		struct fs *fs, uint64_t parent, uint64_t child, const char *name, size_t namelen);
	int (*store)(struct fs *fs, uint64_t node, uint64_t off, const void *buf, size_t len);
	ssize_t (*retrieve)(struct fs *fs, uint64_t node, uint64_t off, void *buf, size_t len);
	/* node 0: of all, the server has gone */
	void (*poll)(struct fs *fs, uint64_t node);
};

/* The notifications told to the view's inodes and their files (fs/fuse/notify-view.c). */
extern const struct fuse_notify_ops fuse_notify_view;

/*
 * A connection over sock, our end of the pair (taken, also on failure). Nothing is sent before
 * fuse_conn_start. -ENOMEM, -errno.
 */
int MUST_CHECK fuse_conn_new(const struct fuse_options *o, int sock,
	const struct fuse_notify_ops *notify, struct fs **ret);

/* Sends INIT and returns: the server reads it once its mount(2) has been answered. Every
 * operation waits for INIT's answer. -errno when no thread can be made. */
int MUST_CHECK fuse_conn_start(struct fs *fs);

/* Waits for INIT's answer: 0; -ETIMEDOUT at deadline_ns (monotonic; 0: none); -ENOTCONN, the server
 * has gone; -EPROTO, it speaks no version that we do; -EINTR, by req (may be NULL). 0 for another
 * file system than a FUSE one. */
int MUST_CHECK fuse_conn_wait_init(struct fs *fs, const struct fs_req *req, uint64_t deadline_ns);

/* Ends the connection at once: every waiter gets -ENOTCONN (umount -f, umctl). Another file system
 * than a FUSE one has none: nothing is done. */
void fuse_conn_abort(struct fs *fs);

/* Has the connection ended: by the server, abort or unmount? Never one that there is not. */
bool fuse_conn_dead(struct fs *fs);

/* Called once: when unmount has had its last answer, when the connection was aborted, or (started:
 * false) when it is freed before fuse_conn_start. The socket is then fn's to shut down. */
void fuse_conn_on_end(struct fs *fs, void (*fn)(void *arg, bool started), void *arg);

/* Is it one of ours? */
bool fuse_is(const struct fs *fs);

/* For fs->server_pid. */
void fuse_conn_set_server(struct fs *fs, pid_t pid);

/* The inode number of the socket that is the server's end; 0: not known. */
ino_t fuse_conn_peer(struct fs *fs);

/* The entry of the root, as the kernel makes it up before the server has said anything. */
void fuse_root_entry(struct fs *fs, struct fs_entry *ret);

const struct fuse_options *fuse_conn_options(struct fs *fs);

/* Raises the buffers of one end of a pair; both ends need it. The largest payload of a message
 * that the socket takes for certain, or -errno. */
int MUST_CHECK fuse_socket_setup(int sock);

#define FUSE_HIST 48 /* two classes an octave, of microseconds */
struct fuse_op_stats {
	uint64_t count, errors;
	uint64_t ns, ns_max;	  /* from the sending to the answer */
	uint32_t hist[FUSE_HIST]; /* how many took how long */
};

/* The time within which so many of a hundred were answered, in ns: right within a quarter. */
uint64_t fuse_op_percentile(const struct fuse_op_stats *st, unsigned percent);

struct fuse_stats {
	unsigned minor; /* protocol version 7.minor spoken; 0 before INIT */
	uint64_t requests, replies, bad_replies, notifications;
	uint64_t bytes_sent, bytes_received;
	unsigned in_flight;
	struct fuse_op_stats op[FUSE_NR_OPCODES];
};
void fuse_conn_stats(struct fs *fs, struct fuse_stats *ret);
/* "LOOKUP"; NULL where no opcode has this number. */
const char *fuse_opcode_name(unsigned opcode);

#endif
