/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cache of names of a file system.
 *
 * Theory of operation. A reply of the server about a name is news only if the name was not
 * changed after the request was sent: a lookup that was answered "no such file" just before a
 * mkdir must not hide the directory. So each change takes a number from the table's counter and
 * leaves it in the name's record, and a reply is kept only if the record's number is not above
 * the counter as it was when the request was sent. A record that is evicted leaves its number to
 * its directory (name_seq), which errs on the side of asking again.
 *
 * A directory that we made on a server which is ours alone has the names that we gave it, and no
 * other: as long as there is a record of each (dir->whole), what has none is not there, and the
 * server need not be asked. Whatever makes us unsure of one name ends that for the directory.
 */
#include <string.h>

#include "view/itable.h"

static uint32_t name_hash(const struct inode *dir, const char *name, size_t len)
{
	uint64_t h = (uint64_t)(uintptr_t)dir * 0x9e3779b97f4a7c15ull;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3ull;
	return (uint32_t)(h ^ (h >> 32));
}

int itable_names_init(struct itable *t)
{
	t->name_mask = 255;
	t->names = calloc(t->name_mask + 1, sizeof(*t->names));
	CDS_INIT_LIST_HEAD(&t->lru);
	return t->names ? 0 : -ENOMEM;
}

static void name_free(struct itable *t, struct dname *d)
{
	if (d->seq > d->dir->name_seq)
		d->dir->name_seq = d->seq;
	cds_hlist_del(&d->hash);
	cds_list_del(&d->sibling);
	if (d->ino) {
		atomic_store(&d->dir->whole, false);
		cds_list_del(&d->alias);
	}
	cds_list_del(&d->lru);
	t->nnames--;
	free(d);
}

void itable_names_release(struct itable *t)
{
	struct dname *d, *next;

	if (!t->names)
		return;
	cds_list_for_each_entry_safe(d, next, &t->lru, lru)
		name_free(t, d);
	free(t->names);
	t->names = NULL;
}

static void names_grow(struct itable *t)
{
	size_t mask = t->name_mask * 4 + 3;
	struct cds_hlist_head *names;
	struct dname *d;

	if (t->nnames <= 2 * t->name_mask || t->name_mask > ITABLE_MAX_NAMES / 2)
		return;
	names = calloc(mask + 1, sizeof(*names));
	if (!names)
		return;
	cds_list_for_each_entry(d, &t->lru, lru)
		cds_hlist_add_head(&d->hash, &names[d->hashval & mask]);
	free(t->names);
	t->names = names;
	t->name_mask = mask;
}

struct dname *name_find(struct itable *t, struct inode *dir, const char *name)
{
	size_t len = strlen(name);
	uint32_t h = name_hash(dir, name, len);
	struct dname *d;

	cds_hlist_for_each_entry_2(d, &t->names[h & t->name_mask], hash)
		if (d->hashval == h && d->dir == dir && d->len == len &&
			memcmp(d->name, name, len) == 0) {
			cds_list_del(&d->lru);
			cds_list_add_tail(&d->lru, &t->lru);
			return d;
		}
	return NULL;
}

/* The record of a name, made if it is not there; NULL when out of memory. */
static struct dname *name_record(struct itable *t, struct inode *dir, const char *name)
{
	struct dname *d = name_find(t, dir, name);
	size_t len = strlen(name);

	if (d)
		return d;
	if (t->nnames >= ITABLE_MAX_NAMES)
		name_free(t, cds_list_first_entry(&t->lru, struct dname, lru));
	d = malloc(sizeof(*d) + len + 1);
	if (!d)
		return NULL;
	*d = (struct dname){
		.dir = dir, .hashval = name_hash(dir, name, len), .len = (uint16_t)len
	};
	memcpy(d->name, name, len + 1);
	cds_list_add(&d->sibling, &dir->names);
	cds_list_add_tail(&d->lru, &t->lru);
	cds_hlist_add_head(&d->hash, &t->names[d->hashval & t->name_mask]);
	t->nnames++;
	names_grow(t);
	return d;
}

static void name_lead(struct dname *d, struct inode *ino)
{
	if (d->ino == ino)
		return;
	if (d->ino)
		cds_list_del(&d->alias);
	d->ino = ino;
	if (ino)
		cds_list_add(&d->alias, &ino->aliases);
}

void name_set(
	struct itable *t, struct inode *dir, const char *name, struct inode *ino, uint64_t until)
{
	struct dname *d;

	if (!ino && !until) {
		/* nothing to remember, but what is remembered is wrong now */
		d = name_find(t, dir, name);
		if (!d)
			return;
	} else {
		d = name_record(t, dir, name);
		if (!d)
			atomic_store(&dir->whole, false);
	}
	if (!d)
		return;
	name_lead(d, ino);
	d->until = until;
}

void name_changed(struct itable *t, struct inode *dir, const char *name)
{
	struct dname *d = name_record(t, dir, name);
	uint64_t seq = itable_bump(t);

	if (d)
		d->seq = seq;
	else
		dir->name_seq = seq;
}

void names_drop_inode(struct itable *t, struct inode *ino)
{
	struct dname *d, *next;

	cds_list_for_each_entry_safe(d, next, &ino->names, sibling)
		name_free(t, d);
	cds_list_for_each_entry_safe(d, next, &ino->aliases, alias) {
		name_lead(d, NULL);
		d->until = 0;
		atomic_store(&d->dir->whole, false);
	}
}

void name_unsure(struct itable *t, struct inode *dir, const char *name)
{
	atomic_store(&dir->whole, false);
	name_set(t, dir, name, NULL, 0);
}

bool name_absent(const struct inode *dir, const struct dname *d)
{
	if (d && d->ino)
		return false;
	return (d && is_valid_yet(d->until)) || atomic_load(&dir->whole);
}
