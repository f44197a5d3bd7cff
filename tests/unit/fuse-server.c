/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit/fuse-server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MESSAGE_MAX ((1 << 20) + 4096)

void srv_raw(struct srv *s, const void *msg, size_t len)
{
	(void)!send(s->sock, msg, len, MSG_NOSIGNAL);
}

void srv_reply(struct srv *s, uint64_t unique, int error, const void *data, size_t len)
{
	struct fuse_out_header oh = {
		.len = (uint32_t)(sizeof(oh) + len), .error = error, .unique = unique
	};
	struct iovec iov[2] = { { &oh, sizeof(oh) }, { (void *)data, len } };

	(void)!writev(s->sock, iov, len ? 2 : 1);
}

void srv_notify(
	struct srv *s, int code, const void *arg, size_t len, const void *more, size_t more_len)
{
	struct fuse_out_header oh = { .len = (uint32_t)(sizeof(oh) + len + more_len),
		.error = code };
	struct iovec iov[3] = { { &oh, sizeof(oh) }, { (void *)arg, len },
		{ (void *)more, more_len } };

	(void)!writev(s->sock, iov, 3);
}

static void attr(uint64_t node, struct fuse_attr *a)
{
	*a = (struct fuse_attr){ .ino = node,
		.nlink = 1,
		.mode = S_IFREG | 0644,
		.size = SRV_FILE_SIZE,
		.mtime = 1700000000 };
	if (node == 1 || node == 3)
		a->mode = S_IFDIR | 0755;
	if (node == 4)
		a->mode = S_IFLNK | 0777;
}

static struct fuse_entry_out entry(uint64_t node)
{
	struct fuse_entry_out e = {
		.nodeid = node, .generation = 1, .entry_valid = 1, .attr_valid = 1
	};

	attr(node, &e.attr);
	return e;
}

/* "h-N": what a server must not answer. */
static void hostile_lookup(struct srv *s, const struct fuse_in_header *in, int n)
{
	struct {
		struct fuse_out_header oh;
		struct fuse_entry_out e;
		char more[200000];
	} *m = calloc(1, sizeof(*m));
	size_t len = sizeof(m->oh) + sizeof(m->e);

	m->oh.unique = in->unique;
	m->oh.len = (uint32_t)len;
	m->e = entry(2);
	switch (n) {
	case 0:
		m->oh.len = 0xffffffff;
		break;
	case 1:
		m->oh.len = 16;
		break;
	case 2:
		m->oh.error = 5;
		break;
	case 3:
		m->oh.error = -600;
		len = m->oh.len = sizeof(m->oh);
		break;
	case 4:
		m->oh.error = -2;
		break; /* with a payload */
	case 5:
		len = m->oh.len = 20;
		break;
	case 6:
		len = m->oh.len = sizeof(m->oh);
		break;
	case 7:
		len = m->oh.len = sizeof(*m);
		break;
	case 8:
		m->e.nodeid = 1;
		break;
	case 9:
		m->e.attr.mode = 0644;
		break;
	case 10:
		m->e.attr.mode = 0170644;
		break;
	case 11:
		m->e.attr.size = 1ull << 63;
		break;
	case 12:
		len = m->oh.len = (uint32_t)(sizeof(m->oh) + sizeof(m->e) + 1);
		break;
	case 13: /* good, but twice; then strangers */
		srv_raw(s, m, len);
		srv_raw(s, m, len);
		m->oh.unique = 0x123456789abcdef0;
		srv_raw(s, m, len);
		srv_raw(s, m, 7);
		m->oh.unique = in->unique | 1;
		break;
	case 14:
		m->oh.error = (int)0x80000000;
		len = m->oh.len = sizeof(m->oh);
		break;
	}
	srv_raw(s, m, len);
	free(m);
}

static size_t entry_size(const struct srv *s)
{
	return s->minor < 9 ? FUSE_COMPAT_ENTRY_OUT_SIZE : sizeof(struct fuse_entry_out);
}

static void op_lookup(struct srv *s, const struct fuse_in_header *in, const char *name)
{
	struct fuse_entry_out e = { .entry_valid = 5 };

	if (!strncmp(name, "h-", 2)) {
		hostile_lookup(s, in, atoi(name + 2));
		return;
	}
	if (!strcmp(name, "none")) {
		srv_reply(s, in->unique, -ENOENT, NULL, 0);
		return;
	}
	if (!strcmp(name, "a"))
		e = entry(2);
	else if (!strcmp(name, "d"))
		e = entry(3);
	else if (!strncmp(name, "n", 1) && strcmp(name, "neg"))
		e = entry(100 + (uint64_t)atoi(name + 1));
	srv_reply(s, in->unique, 0, &e, entry_size(s));
}

static void op_read(struct srv *s, const struct fuse_in_header *in, const struct fuse_read_in *r)
{
	size_t n = 0;

	if (in->nodeid == 666) { /* more than was asked for */
		srv_reply(s, in->unique, 0, s->data, r->size + 1);
		return;
	}
	if (r->offset < SRV_FILE_SIZE)
		n = SRV_FILE_SIZE - r->offset < r->size ? SRV_FILE_SIZE - r->offset : r->size;
	srv_reply(s, in->unique, 0, s->data + r->offset, n);
}

static void op_write(struct srv *s, const struct fuse_in_header *in, const struct fuse_write_in *w)
{
	struct fuse_write_out o = { .size = w->size };

	size_t fixed = s->minor < 9 ? FUSE_COMPAT_WRITE_IN_SIZE : sizeof(*w);

	if (in->len != sizeof(*in) + fixed + w->size || w->offset + w->size > SRV_FILE_SIZE) {
		srv_reply(s, in->unique, -EFBIG, NULL, 0);
		return;
	}
	if (in->nodeid == 666)
		o.size++;
	else
		memcpy(s->data + w->offset, (const char *)w + fixed, w->size);
	srv_reply(s, in->unique, 0, &o, sizeof(o));
}

/* The names of hostile directories: handle 1.. */
static const char *const bad_names[] = { "", "", "a/b", "/", "x\1y" };

static void op_readdir(
	struct srv *s, const struct fuse_in_header *in, const struct fuse_read_in *r, bool plus)
{
	size_t fixed = plus ? sizeof(struct fuse_direntplus) : sizeof(struct fuse_dirent);
	char *buf = calloc(1, r->size + 512), name[32];
	size_t len = 0;

	for (uint64_t i = r->offset; i < SRV_ENTRIES; i++) {
		struct fuse_dirent *d = (void *)(buf + len + fixed - sizeof(*d));
		size_t n;

		snprintf(name, sizeof(name), i == 0 ? "." : i == 1 ? ".." : "n%d", (int)i);
		if (r->fh && r->fh < 5 && i == 2)
			snprintf(name, sizeof(name), "%s", bad_names[r->fh]);
		n = strlen(name);
		if (r->fh == 4 && i == 2)
			name[1] = '\0';
		if (len + FUSE_REC_ALIGN(fixed + n) > r->size)
			break;
		if (plus)
			((struct fuse_direntplus *)(buf + len))->entry_out =
				i < 2 ? (struct fuse_entry_out){ .nodeid = 3 } : entry(100 + i);
		d->ino = 100 + i;
		d->off = i + 1;
		d->namelen = (uint32_t)n;
		d->type = 8;
		memcpy(d->name, name, n);
		if (r->fh == 5 && i == 2)
			d->namelen = 0xfffffff0;
		len += FUSE_REC_ALIGN(fixed + n);
	}
	srv_reply(s, in->unique, 0, buf, len);
	free(buf);
}

static void answer(struct srv *s, const struct fuse_in_header *in)
{
	const void *arg = in + 1;
	struct {
		struct fuse_entry_out e;
		struct fuse_open_out o;
	} create = { .e = entry(2), .o = { .fh = 77 } };
	struct fuse_entry_out e;
	struct fuse_attr_out a = { .attr_valid = 1, .attr_valid_nsec = 5 };
	struct fuse_statfs_out st = { .st = { .blocks = 1000, .bsize = 4096, .namelen = 255 } };

	attr(in->nodeid, &a.attr);
	if (s->manner == SRV_ENOSYS && in->opcode != FUSE_LOOKUP && in->opcode != FUSE_GETATTR) {
		srv_reply(s, in->unique, -ENOSYS, NULL, 0);
		return;
	}
	switch (in->opcode) {
	case FUSE_LOOKUP:
		op_lookup(s, in, arg);
		return;
	case FUSE_GETATTR:
	case FUSE_SETATTR:
		srv_reply(
			s, in->unique, 0, &a, s->minor < 9 ? FUSE_COMPAT_ATTR_OUT_SIZE : sizeof(a));
		return;
	case FUSE_READLINK:
		srv_reply(s, in->unique, 0, in->nodeid == 666 ? "a\0b" : "target", 3);
		return;
	case FUSE_MKDIR:
		e = entry(3);
		srv_reply(s, in->unique, 0, &e, entry_size(s));
		return;
	case FUSE_MKNOD:
	case FUSE_LINK:
		e = entry(2);
		srv_reply(s, in->unique, 0, &e, entry_size(s));
		return;
	case FUSE_SYMLINK:
		e = entry(4);
		srv_reply(s, in->unique, 0, &e, entry_size(s));
		return;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		create.o.fh = 0;
		srv_reply(s, in->unique, 0, &create.o, sizeof(create.o));
		return;
	case FUSE_CREATE:
		if (in->len - sizeof(*in) - 2 != (s->minor < 12 ? sizeof(struct fuse_open_in)
								: sizeof(struct fuse_create_in))) {
			srv_reply(s, in->unique, -EBADMSG, NULL, 0);
			return;
		}
		/* the two follow each other on the wire */
		memmove((char *)&create + entry_size(s), &create.o, sizeof(create.o));
		srv_reply(s, in->unique, 0, &create, entry_size(s) + sizeof(create.o));
		return;
	case FUSE_READ:
		op_read(s, in, arg);
		return;
	case FUSE_WRITE:
		op_write(s, in, arg);
		return;
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
		op_readdir(s, in, arg, in->opcode == FUSE_READDIRPLUS);
		return;
	case FUSE_STATFS:
		srv_reply(s, in->unique, 0, &st, sizeof(st));
		return;
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		if (((const struct fuse_getxattr_in *)arg)->size) {
			srv_reply(s, in->unique, 0, "user.a\0user.b", 14);
		} else {
			struct fuse_getxattr_out x = { .size = 14 };

			srv_reply(s, in->unique, 0, &x, sizeof(x));
		}
		return;
	default:
		srv_reply(s, in->unique, 0, NULL, 0);
	}
}

static void answer_init(struct srv *s, const struct fuse_in_header *in)
{
	struct fuse_init_out o = {
		.major = 7, .minor = s->minor, .max_write = s->max_write, .flags = s->init_flags
	};

	if (s->init_delay_ms)
		usleep((useconds_t)s->init_delay_ms * 1000);
	srv_reply(s, in->unique, 0, &o, s->init_size);
}

static void count_forgets(struct srv *s, const struct fuse_in_header *in)
{
	const struct fuse_batch_forget_in *b = (const void *)(in + 1);
	const struct fuse_forget_one *f = (const void *)(b + 1);

	if (in->opcode == FUSE_FORGET) {
		s->forgotten += ((const struct fuse_forget_in *)(in + 1))->nlookup;
		return;
	}
	for (unsigned i = 0; i < b->count; i++)
		s->forgotten += f[i].nlookup;
}

static bool reorder(struct srv *s, const struct fuse_in_header *in)
{
	struct fuse_in_header *copy = malloc(in->len);

	memcpy(copy, in, in->len);
	s->queue[s->pending++] = (char *)copy;
	return s->pending == 4;
}

static void answer_queue(struct srv *s)
{
	while (s->pending) {
		char *m = s->queue[--s->pending];

		answer(s, (const struct fuse_in_header *)m);
		free(m);
	}
}

static void handle(struct srv *s, const struct fuse_in_header *in)
{
	const struct fuse_interrupt_in *i = (const void *)(in + 1);

	if (in->opcode < 64)
		s->count[in->opcode]++;
	switch (in->opcode) {
	case FUSE_INIT:
		answer_init(s, in);
		return;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		count_forgets(s, in);
		return;
	case FUSE_INTERRUPT:
		if (s->count[FUSE_INTERRUPT] == 1) /* try again */
			srv_reply(s, in->unique, -EAGAIN, NULL, 0);
		else
			srv_reply(s, i->unique, -EINTR, NULL, 0);
		return;
	case FUSE_RELEASE:
		if (!s->hold_release)
			break;
		s->held = in->unique;
		return;
	case FUSE_NOTIFY_REPLY:
		s->retrieved = (int)((const struct fuse_notify_retrieve_in *)(in + 1))->size;
		return;
	}
	if (s->manner == SRV_MUTE)
		return;
	if (s->manner == SRV_REORDER) {
		struct timeval tv = { .tv_usec = 2000 };

		setsockopt(s->sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		if (!reorder(s, in))
			return;
		answer_queue(s);
		return;
	}
	answer(s, in);
}

static void *serve(void *arg)
{
	struct srv *s = arg;
	char *msg = malloc(MESSAGE_MAX);

	for (;;) {
		ssize_t n = read(s->sock, msg, MESSAGE_MAX);

		if (n < 0 && errno == EAGAIN) {
			answer_queue(s);
			continue;
		}
		if (n <= 0)
			break;
		handle(s, (const struct fuse_in_header *)msg);
	}
	free(msg);
	return NULL;
}

void srv_start(struct srv *s, int sock)
{
	s->sock = sock;
	s->data = malloc(SRV_FILE_SIZE + (1 << 20));
	for (size_t i = 0; i < SRV_FILE_SIZE; i++)
		s->data[i] = srv_byte(i);
	pthread_create(&s->thread, NULL, serve, s);
}

void srv_join(struct srv *s)
{
	pthread_join(s->thread, NULL);
	while (s->pending)
		free(s->queue[--s->pending]);
	close(s->sock);
	free(s->data);
}
