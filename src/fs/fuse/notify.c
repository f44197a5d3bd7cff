/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notifications: what a server says without being asked. Checked here, done by the ops. */
#include "fs/fuse/conn.h"

#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

/* A server that sends faster than we can handle loses them: only a hostile one gets there. */
#define NOTES_BYTES_MAX (64u << 20)
#define RETRIEVE_MAX (1u << 20)

void fuse_note_queue(struct fuse_conn *fc, int code, const void *data, size_t len)
{
	struct fuse_note *n = NULL;

	if (code > 0 && code < FUSE_NOTIFY_CODE_MAX)
		n = malloc(sizeof(*n) + len);
	if (n) {
		*n = (struct fuse_note){ .code = code, .len = len };
		memcpy(n->data, data, len);
	}
	pthread_mutex_lock(&fc->lock);
	fc->stats.notifications++;
	if (!n || fc->notes_bytes + len > NOTES_BYTES_MAX) {
		fc->stats.bad_replies++;
	} else if (atomic_load(&fc->state) != FUSE_DEAD) {
		*fc->notes_tail = n;
		fc->notes_tail = &n->next;
		fc->notes_bytes += sizeof(*n) + len;
		fc->notes_in++;
		n = NULL;
		fuse_wake_keeper(fc);
	}
	pthread_mutex_unlock(&fc->lock);
	free(n);
}

/* The name that follows an argument: namelen bytes and a NUL, and nothing else. */
static const char *note_name(const struct fuse_note *n, size_t arg, uint32_t namelen)
{
	const char *name = n->data + arg;

	if (namelen > FUSE_NAME_LEN_MAX || n->len != arg + namelen + 1 || name[namelen] != '\0' ||
		!fuse_name_ok(name, namelen))
		return NULL;
	return name;
}

/* Answers RETRIEVE: a request that has no reply, with the number that the server chose. */
static int note_retrieve(struct fuse_conn *fc, const struct fuse_notify_retrieve_out *o)
{
	size_t size = o->size < RETRIEVE_MAX ? o->size : RETRIEVE_MAX;
	struct fuse_notify_retrieve_in arg = { .offset = o->offset };
	struct fuse_in_header in = {
		.opcode = FUSE_NOTIFY_REPLY, .unique = o->notify_unique, .nodeid = o->nodeid
	};
	_cleanup_free_ char *buf = NULL;
	struct iovec iov[3] = { { &in, sizeof(in) }, { &arg, sizeof(arg) } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 3 };
	ssize_t n;

	if (size > fc->fs.max_write)
		size = fc->fs.max_write;
	buf = malloc(size ? size : 1);
	if (!buf)
		return -ENOMEM;
	n = fc->notify->retrieve(&fc->fs, o->nodeid, o->offset, buf, size);
	if (n < 0)
		n = 0;
	arg.size = (uint32_t)n;
	iov[2] = (struct iovec){ buf, (size_t)n };
	in.len = (uint32_t)(sizeof(in) + sizeof(arg) + (size_t)n);
	/* Blocking is right, for as long as the socket lets us (conn.c): nobody waits for the
	 * keeper, and callers read for themselves. */
	if (sendmsg(fc->sock, &m, MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static int note_handle(struct fuse_conn *fc, const struct fuse_note *n)
{
	union {
		struct fuse_notify_poll_wakeup_out poll;
		struct fuse_notify_inval_inode_out inode;
		struct fuse_notify_inval_entry_out entry;
		struct fuse_notify_delete_out del;
		struct fuse_notify_store_out store;
		struct fuse_notify_retrieve_out retrieve;
	} o;
	const char *name;

	memset(&o, 0, sizeof(o));
	memcpy(&o, n->data, n->len < sizeof(o) ? n->len : sizeof(o));
	switch (n->code) {
	case FUSE_NOTIFY_POLL:
		if (n->len != sizeof(o.poll) || o.poll.kh == 0)
			return -EINVAL;
		fc->notify->poll(&fc->fs, o.poll.kh);
		return 0;
	case FUSE_NOTIFY_INVAL_INODE:
		if (n->len != sizeof(o.inode))
			return -EINVAL;
		return fc->notify->inval_inode(&fc->fs, o.inode.ino, o.inode.off, o.inode.len);
	case FUSE_NOTIFY_INVAL_ENTRY:
		name = n->len < sizeof(o.entry) ? NULL
						: note_name(n, sizeof(o.entry), o.entry.namelen);
		if (!name)
			return -EINVAL;
		return fc->notify->inval_entry(&fc->fs, o.entry.parent, name, o.entry.namelen);
	case FUSE_NOTIFY_DELETE:
		name = n->len < sizeof(o.del) ? NULL : note_name(n, sizeof(o.del), o.del.namelen);
		if (!name)
			return -EINVAL;
		return fc->notify->remove(&fc->fs, o.del.parent, o.del.child, name, o.del.namelen);
	case FUSE_NOTIFY_STORE:
		if (n->len < sizeof(o.store) || n->len - sizeof(o.store) != o.store.size ||
			o.store.offset > INT64_MAX - o.store.size)
			return -EINVAL;
		return fc->notify->store(&fc->fs, o.store.nodeid, o.store.offset,
			n->data + sizeof(o.store), o.store.size);
	case FUSE_NOTIFY_RETRIEVE:
		if (n->len != sizeof(o.retrieve) || o.retrieve.offset > INT64_MAX)
			return -EINVAL;
		return note_retrieve(fc, &o.retrieve);
	default:
		return -EINVAL;
	}
}

void fuse_note_handle(struct fuse_conn *fc, const struct fuse_note *n)
{
	int err = note_handle(fc, n);

	if (err && err != -ENOENT)
		log_debug("fuse: notification %d of %zu bytes: error %d", n->code, n->len, err);
}
