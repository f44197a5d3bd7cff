/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading directories: READDIR, and READDIRPLUS, whose entries count as lookups. */
#include "fs/fuse/conn.h"

#include <string.h>

struct walk {
	struct fuse_conn *fc;
	fs_dirent_fn fn;
	void *arg;
	bool plus;
	bool stopped; /* fn wants no more */
};

/* Tells fn of one entry; e is NULL without READDIRPLUS. */
static void emit(struct walk *w, const struct fuse_dirent *d, const char *name,
	const struct fuse_entry_out *e)
{
	struct fs_dirent ent = { .ino = d->ino,
		.off = d->off,
		.type = d->type & 15,
		.name = name,
		.namelen = d->namelen };
	struct fs_entry entry;

	/* What the server says of "." and ".." is no lookup; nodeid 0 says nothing. */
	if (e && e->nodeid && !fuse_is_dot(name, d->namelen)) {
		if (!w->stopped && !fuse_take_entry(e, 0, &entry))
			ent.entry = &entry;
		else if (e->nodeid != FUSE_ROOT_ID)
			fuse_queue_forget(w->fc, e->nodeid, 1);
	}
	if (!w->stopped)
		w->stopped = w->fn(w->arg, &ent) != 0;
}

/* One reply. 0, or -EIO for an entry that cannot be; those after it are forgotten with it. */
static int walk_reply(struct walk *w, const char *buf, size_t len)
{
	const size_t plus = w->plus ? offsetof(struct fuse_direntplus, dirent) : 0;
	const size_t fixed = plus + FUSE_NAME_OFFSET;
	int err = 0;

	while (len >= fixed) {
		struct fuse_entry_out e;
		struct fuse_dirent d;
		size_t rec;

		if (w->plus)
			memcpy(&e, buf, sizeof(e));
		memcpy(&d, buf + plus, FUSE_NAME_OFFSET);
		rec = FUSE_REC_ALIGN(fixed + d.namelen);
		if (d.namelen > len || rec > len)
			return d.namelen > FUSE_NAME_LEN_MAX ? -EIO : err;
		if (!fuse_name_ok(buf + fixed, d.namelen)) {
			err = -EIO;
			w->stopped = true;
		}
		emit(w, &d, buf + fixed, w->plus ? &e : NULL);
		buf += rec;
		len -= rec;
	}
	return err;
}

int fuse_op_readdir(struct fs *fs, const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, uint64_t off, fs_dirent_fn fn, void *arg)
{
	struct fuse_conn *fc = fuse_conn_of(fs);
	struct fuse_read_in in = { .fh = h->fh, .offset = off, .size = FUSE_READDIR_SIZE };
	struct walk w = { .fc = fc, .fn = fn, .arg = arg };
	_cleanup_free_ char *buf = NULL;
	struct fuse_req r;
	int err = fuse_wait_ready(fc, req, 0);

	if (err)
		return err;
	if (in.size > fc->max_data)
		in.size = fc->max_data;
	if (fc->minor < 9) /* its buffer may be of a page, which the kernel asks for */
		in.size = 4096;
	buf = malloc(in.size);
	if (!buf)
		return -ENOMEM;
	w.plus = fc->readdirplus && !fuse_has_no(fc, FUSE_NO_READDIRPLUS) &&
		 !(fc->readdirplus_auto && (h->flags & FS_READDIR_NAMES));
	do {
		fuse_req_init(&r, w.plus ? FUSE_READDIRPLUS : FUSE_READDIR, node, req);
		fuse_req_in(&r, &in, sizeof(in));
		fuse_req_out(&r, buf, 0, in.size);
		err = fuse_call(fc, &r, req);
		if (err != -ENOSYS || !w.plus)
			break;
		fuse_set_no(fc, FUSE_NO_READDIRPLUS);
		w.plus = false;
	} while (true);
	if (err)
		return err;
	if (r.out_len == 0)
		return 1;
	return walk_reply(&w, buf, r.out_len);
}
