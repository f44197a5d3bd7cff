/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories. The position of a guest's open directory is its placeholder's own (the kernel shares
 * it over dup and fork); it counts the entries that the server gives, in its order. As with the
 * kernel's FUSE, "." and ".." are among them only if the server gives them, with its numbers. What
 * has been read is kept until the position is 0 again, so that seekdir and telldir hold while names
 * come and go.
 */
#include "file/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#define NAMES_PIECE (256u << 10)
#define ENTRIES_MAX (1u << 24) /* a server that never comes to an end is not to take all memory */

struct entry {
	uint64_t ino;
	const char *name;
	uint8_t len; /* NAME_MAX at most */
	uint8_t type;
};

struct names {
	struct names *next;
	size_t used;
	char text[NAMES_PIECE];
};

struct dirsnap {
	pthread_mutex_t lock; /* all below; not held across requests */
	pthread_cond_t changed;
	bool busy; /* somebody reads from the server */
	struct fs_handle h;
	bool open;
	bool end;
	uint64_t cookie; /* where the server goes on */
	struct entry *v;
	size_t n, size;
	struct names *names;
};

static struct dirsnap *snap_of(struct vfile *vf)
{
	struct dirsnap *d = __atomic_load_n(&vf->dir, __ATOMIC_ACQUIRE), *none = NULL;

	if (d)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	if (__atomic_compare_exchange_n(
		    &vf->dir, &none, d, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return d;
	free(d);
	return none;
}

static void snap_clear(struct dirsnap *d)
{
	while (d->names) {
		struct names *next = d->names->next;

		free(d->names);
		d->names = next;
	}
	free(take_ptr(&d->v));
	d->n = d->size = 0;
	d->end = false;
	d->cookie = 0;
}

void dir_free(struct vfile *vf)
{
	struct dirsnap *d = vf->dir;

	if (!d)
		return;
	d->h.flags |= FS_RELEASE_WAIT; /* the node may be forgotten next */
	if (d->open && !vf->priv)
		dir_handle_put(vf->inode, &d->h);
	snap_clear(d);
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->changed);
	free(d);
}

static int snap_add(struct dirsnap *d, uint64_t ino, unsigned type, const char *name, size_t len)
{
	char *text;

	if (d->n >= ENTRIES_MAX)
		return -ENOMEM;
	if (d->n == d->size) {
		size_t size = d->size ? d->size * 2 : 64;
		struct entry *v = reallocarray(d->v, size, sizeof(*v));

		if (!v)
			return -ENOMEM;
		d->v = v;
		d->size = size;
	}
	if (!d->names || d->names->used + len > NAMES_PIECE) {
		struct names *piece = malloc(sizeof(*piece));

		if (!piece)
			return -ENOMEM;
		piece->next = d->names;
		piece->used = 0;
		d->names = piece;
	}
	text = d->names->text + d->names->used;
	memcpy(text, name, len);
	d->names->used += len;
	d->v[d->n++] = (struct entry){
		.ino = ino, .name = text, .len = (uint8_t)len, .type = (uint8_t)type
	};
	return 0;
}

/* ---- what a guest reads ---- */

struct dirent64_head {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
} __attribute__((packed));

struct dirent_head {
	uint64_t ino;
	uint64_t off;
	uint16_t reclen;
} __attribute__((packed));

struct dirent32_head {
	uint32_t ino;
	uint32_t off;
	uint16_t reclen;
} __attribute__((packed));

/* ---- reading from the server ---- */

struct reading {
	struct dirsnap *d;
	struct vfile *vf;
	uint64_t version; /* of the names when the server was asked */
	size_t got;	  /* by one answer */
	size_t bytes;	  /* that all of it takes in a guest's buffer, at least */
	int err;
	bool hides; /* some name is hidden in it */
	bool host;  /* it is st on the host */
	struct stat st;
};

#define UNKNOWN_INO 0xffffffffu /* libfuse's, where a program does not say */

static bool is_dots(const char *name, size_t len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

static int take_entry(void *arg, const struct fs_dirent *ent)
{
	struct reading *r = arg;
	char name[NAME_MAX + 1];
	uint64_t number = ent->ino;
	unsigned type = ent->type;
	mode_t mode;

	r->got++;
	if (r->hides && view_hides(r->vf->mnt->view, r->host ? &r->st : NULL, r->vf->inode,
				ent->name, ent->namelen)) {
		pthread_mutex_lock(&r->d->lock);
		r->d->cookie = ent->off;
		pthread_mutex_unlock(&r->d->lock);
		return 0;
	}
	memcpy(name, ent->name, ent->namelen);
	name[ent->namelen] = '\0';
	if (ent->entry && ent->entry->nodeid && !is_dots(ent->name, ent->namelen)) {
		struct inode *ino;

		if (inode_from_entry_at(r->vf->inode->fs, ent->entry, r->vf->inode, name,
			    r->version, &ino) == 0) {
			atomic_store(&ino->listed, true);
			inode_put(ino);
		}
	}
	/* what libfuse hid of an open file is one that we did not make */
	if (!is_dots(ent->name, ent->namelen))
		inode_name_listed(r->vf->inode, name);
	if (r->err)
		return 0;
	if (number == UNKNOWN_INO && inode_known(r->vf->inode, name, &number, &mode))
		type = IFTODT(mode);
	pthread_mutex_lock(&r->d->lock);
	r->err = snap_add(r->d, number, type, ent->name, ent->namelen);
	r->d->cookie = ent->off;
	pthread_mutex_unlock(&r->d->lock);
	r->bytes += sizeof(struct dirent32_head) + ent->namelen;
	return 0;
}

/* A name that only the view has. Under the view's lock, below which the snapshot's is. */
static void add_made(struct mount *m, void *arg)
{
	struct reading *r = arg;
	uint64_t number = inode_number(m->root);

	pthread_mutex_lock(&r->d->lock);
	if (r->err == 0)
		r->err = snap_add(r->d, number ? number : 1, IFTODT(inode_type(m->root)),
			m->in_name, strlen(m->in_name));
	pthread_mutex_unlock(&r->d->lock);
}

/* As fuse_use_readdirplus() of the kernel: entries come with attributes at the start, and later
 * where somebody wanted them in between. */
static void want_plus(struct dirsnap *d, struct vfile *vf)
{
	if (d->cookie == 0 || atomic_exchange(&vf->inode->looked, false))
		d->h.flags &= ~(unsigned)FS_READDIR_NAMES;
	else
		d->h.flags |= FS_READDIR_NAMES;
}

int dir_handle(struct inode *dir, const struct fs_req *req, struct fs_handle *ret)
{
	struct fs *fs = dir->fs;
	int r = -ENOSYS;

	*ret = (struct fs_handle){ .flags = FS_OPEN_NONE, .oflags = O_RDONLY | O_DIRECTORY };
	if (fs->file && fs->file->opendir)
		r = fs->file->opendir(fs, req, dir->nodeid, ret);
	return r == -ENOSYS ? 0 : r;
}

void dir_handle_put(struct inode *dir, const struct fs_handle *h)
{
	if (!(h->flags & FS_OPEN_NONE) && dir->fs->file->releasedir)
		dir->fs->file->releasedir(dir->fs, dir->nodeid, h);
}

/* One more reply of the server. */
static int read_reply(struct reading *rd, const struct fs_req *req)
{
	struct inode *dir = rd->vf->inode;
	struct dirsnap *d = rd->d;
	int r;

	want_plus(d, rd->vf);
	rd->version = itable_version(dir->fs);
	rd->got = 0;
	r = dir->fs->file->readdir(dir->fs, req, dir->nodeid, &d->h, d->cookie, take_entry, rd);
	if (r < 0)
		return r;
	if (r == 1 || rd->got == 0) {
		pthread_mutex_lock(&d->lock);
		d->end = true;
		pthread_mutex_unlock(&d->lock);
	}
	return rd->err;
}

/* What fills so many bytes of a guest's, as it is at one moment. Busy, without the lock. */
static int read_more(struct dirsnap *d, struct vfile *vf, const struct fs_req *req, size_t room)
{
	struct reading rd = { .d = d, .vf = vf };
	struct fs *fs = vf->inode->fs;
	int r;

	if (vf->priv)
		return -ENOTCONN;
	if (!fs->file || !fs->file->readdir)
		return -ENOTDIR;
	if (!d->open) {
		r = dir_handle(vf->inode, req, &d->h);
		if (r < 0)
			return r;
		d->open = true;
	}
	if (vf->mnt && view_has_rules(vf->mnt->view)) {
		rd.host = fs->host_fd && fstat(inode_host_fd(vf->inode), &rd.st) == 0;
		rd.hides =
			view_hides_in(vf->mnt->view, rd.host ? &rd.st : NULL, vf->mnt, vf->inode);
	}
	if (!d->n && vf->mnt && atomic_load(&vf->mnt->view->nabsent))
		view_each_made_on(vf->mnt->view, vf->mnt, vf->inode, add_made, &rd);
	if (rd.err < 0)
		return rd.err;
	r = names_lock_read(vf->inode, req);
	if (r < 0)
		return r;
	do {
		/* each answer may be quick, and the last never come */
		r = req->call && call_killed(req->call) ? -EINTR : read_reply(&rd, req);
	} while (r == 0 && !d->end && rd.bytes < room);
	names_unlock_read(vf->inode);
	return rd.bytes ? 0 : r; /* an error comes again when there is nothing else to tell */
}

/* With the lock, which is dropped meanwhile: is there an entry number `at`? 1, 0, -errno. room: for
 * how much the guest has. */
static int have_entry(
	struct dirsnap *d, struct vfile *vf, const struct fs_req *req, uint64_t at, size_t room)
{
	while (at >= d->n) {
		int r;

		if (d->end)
			return 0;
		if (d->busy) {
			call_waits();
			pthread_cond_wait(&d->changed, &d->lock);
			continue;
		}
		d->busy = true;
		pthread_mutex_unlock(&d->lock);
		r = read_more(d, vf, req, room);
		pthread_mutex_lock(&d->lock);
		d->busy = false;
		pthread_cond_broadcast(&d->changed);
		if (r < 0)
			return r;
	}
	return 1;
}

/* ---- the guest's buffer ---- */

static size_t put64(char *out, size_t room, const struct entry *e, uint64_t off)
{
	size_t len = (sizeof(struct dirent64_head) + e->len + 1 + 7) & ~(size_t)7;
	struct dirent64_head h = { e->ino, (int64_t)off, (uint16_t)len, e->type };

	if (len > room)
		return 0;
	memset(out, 0, len);
	memcpy(out, &h, sizeof(h));
	memcpy(out + sizeof(h), e->name, e->len);
	return len;
}

/* The old forms have the type in the last byte. */
static size_t put_typed_last(
	char *out, const void *head, size_t head_len, size_t len, const struct entry *e)
{
	memset(out, 0, len);
	memcpy(out, head, head_len);
	memcpy(out + head_len, e->name, e->len);
	out[len - 1] = (char)e->type;
	return len;
}

static size_t put_old(char *out, size_t room, const struct entry *e, uint64_t off)
{
	size_t len = (sizeof(struct dirent_head) + e->len + 2 + 7) & ~(size_t)7;
	struct dirent_head h = { e->ino, off, (uint16_t)len };

	return len > room ? 0 : put_typed_last(out, &h, sizeof(h), len, e);
}

static size_t put_32(char *out, size_t room, const struct entry *e, uint64_t off)
{
	size_t len = (sizeof(struct dirent32_head) + e->len + 2 + 3) & ~(size_t)3;
	struct dirent32_head h = { (uint32_t)e->ino, (uint32_t)off, (uint16_t)len };

	return len > room ? 0 : put_typed_last(out, &h, sizeof(h), len, e);
}

/* 0: no room. */
static size_t put(
	enum dirent_form form, char *out, size_t room, const struct entry *e, uint64_t off)
{
	switch (form) {
	case DIRENT_OLD:
		return put_old(out, room, e, off);
	case DIRENT_32:
		return put_32(out, room, e, off);
	default:
		return put64(out, room, e, off);
	}
}

size_t dir_entry_length(enum dirent_form form, const char *entry)
{
	const size_t at = form == DIRENT_64    ? offsetof(struct dirent64_head, reclen)
			  : form == DIRENT_OLD ? offsetof(struct dirent_head, reclen)
					       : offsetof(struct dirent32_head, reclen);
	uint16_t len;

	memcpy(&len, entry + at, sizeof(len));
	return len;
}

ssize_t dir_read(struct vfile *vf, const struct fs_req *req, uint64_t *pos, enum dirent_form form,
	char *buf, size_t size)
{
	struct dirsnap *d = snap_of(vf);
	size_t used = 0;
	int r;

	if (!d)
		return -ENOMEM;
	pthread_mutex_lock(&d->lock);
	/* rewinddir(3): what the directory holds now. */
	if (*pos == 0 && d->n && !d->busy)
		snap_clear(d);
	for (;;) {
		size_t n;

		r = have_entry(d, vf, req, *pos, size - used);
		if (r <= 0)
			break;
		if (form == DIRENT_32 && (d->v[*pos].ino > UINT32_MAX || *pos >= UINT32_MAX)) {
			r = used ? 0 : -EOVERFLOW;
			break;
		}
		n = put(form, buf + used, size - used, &d->v[*pos], *pos + 1);
		if (!n) {
			r = used ? 0 : -EINVAL;
			break;
		}
		used += n;
		(*pos)++;
	}
	pthread_mutex_unlock(&d->lock);
	return used ? (ssize_t)used : r;
}
