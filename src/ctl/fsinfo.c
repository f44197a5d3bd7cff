/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the file systems of a view hold, and what is held of them: umctl df and umctl cache. */
#include <string.h>

#include "base/json.h"
#include "ctl/ctl.h"
#include "file/vfile.h"
#include "sys/um.h"

#define ANSWER_NS (3 * NSEC_PER_SEC) /* a server that hangs is not waited for */

/* Mounts, referenced, so that their servers can be asked. */
struct mounts {
	struct mount **v;
	size_t n, size;
	const char *only; /* this mount point alone; NULL: all */
};

static void mounts_release(struct mounts *m)
{
	while (m->n > 0)
		mount_put(m->v[--m->n]);
	free(m->v);
}

static void take(struct mount *m, void *arg)
{
	struct mounts *all = arg;

	if (all->only && strcmp(all->only, m->target) != 0)
		return;
	if (all->n == all->size) {
		size_t size = all->size ? all->size * 2 : 16;
		struct mount **v = reallocarray(all->v, size, sizeof(struct mount *));

		if (!v)
			return;
		all->v = v;
		all->size = size;
	}
	all->v[all->n++] = mount_get(m);
}

static void add(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)n));
}

static struct json_object *about(const struct mount *m)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "target", json_text(m->target));
	json_object_object_add(o, "source", json_text(m->source));
	json_object_object_add(o, "type", json_text(m->type));
	return o;
}

static struct json_object *space_of(struct mount *m, uint64_t deadline_ns)
{
	struct fs_req req = {
		.uid = geteuid(), .gid = getegid(), .pid = getpid(), .deadline_ns = deadline_ns
	};
	struct json_object *o = about(m);
	struct statfs st = { 0 };
	uint64_t unit;
	int r;

	r = m->fs->node->statfs ? m->fs->node->statfs(m->fs, &req, m->fs->root_node, &st) : -ENOSYS;
	if (r < 0) {
		json_object_object_add(o, "error",
			json_text(r == -ETIMEDOUT ? "its server does not answer" : strerror(-r)));
		return o;
	}
	unit = (uint64_t)(st.f_frsize ? st.f_frsize : st.f_bsize);
	add(o, "size", st.f_blocks * unit);
	add(o, "free", st.f_bfree * unit);
	add(o, "available", st.f_bavail * unit);
	add(o, "files", st.f_files);
	add(o, "files_free", st.f_ffree);
	return o;
}

struct json_object *ctl_df(struct um *um)
{
	_cleanup_(mounts_release) struct mounts all = { .n = 0 };
	struct json_object *list = json_object_new_array();

	view_each_mount(&um->view, take, &all);
	for (size_t i = 0; i < all.n; i++)
		json_object_array_add(list, space_of(all.v[i], now_ns() + ANSWER_NS));
	return list;
}

static struct json_object *cache_of_mount(struct um *um, struct mount *m)
{
	struct json_object *o = about(m);
	struct cache_use use;

	files_cache_use(um->files, m->fs, &use);
	add(o, "inodes", itable_count(m->fs));
	add(o, "files", use.files);
	add(o, "open", use.open);
	add(o, "bytes", use.bytes);
	add(o, "dirty", use.dirty);
	return o;
}

int ctl_cache(struct um *um, const char *target, bool drop, struct json_object **ret)
{
	_cleanup_(mounts_release) struct mounts all = { .only = target };
	struct json_object *list;
	int r = 0;

	view_each_mount(&um->view, take, &all);
	if (target && all.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < all.n && drop; i++) {
		int e = um->files ? files_cache_drop(um->files, all.v[i]->fs) : 0;

		if (r == 0)
			r = e;
	}
	if (r < 0)
		return r;
	list = json_object_new_array();
	for (size_t i = 0; i < all.n; i++)
		json_object_array_add(list, cache_of_mount(um, all.v[i]));
	*ret = list;
	return 0;
}
