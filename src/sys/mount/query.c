/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls about mounts that are there: statmount(2), listmount(2).
 */
#include <assert.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "engine/guestmem.h"
#include "engine/nr.h"
#include "sys/path/at.h"
#include "sys/mount/calls.h"
#include "sys/path/opath.h"
#include "sys/table.h"

/* As struct mnt_id_req and struct statmount, which are newer than the headers here. */
struct id_req {
	uint32_t size, spare;
	uint64_t mnt_id, param;
};

enum {
	SM_SB_BASIC = 1,
	SM_MNT_BASIC = 2,
	SM_PROPAGATE_FROM = 4,
	SM_MNT_ROOT = 8,
	SM_MNT_POINT = 16,
	SM_FS_TYPE = 32,
	SM_MNT_OPTS = 128,
	SM_SB_SOURCE = 512
};

struct stat_mount {
	uint32_t size, mnt_opts;
	uint64_t mask;
	uint32_t sb_dev_major, sb_dev_minor;
	uint64_t sb_magic;
	uint32_t sb_flags, fs_type;
	uint64_t mnt_id, mnt_parent_id;
	uint32_t mnt_id_old, mnt_parent_id_old;
	uint64_t mnt_attr, mnt_propagation, mnt_peer_group, mnt_master, propagate_from;
	uint32_t mnt_root, mnt_point;
	uint64_t mnt_ns_id;
	uint32_t fs_subtype, sb_source, opt_num, opt_array, opt_sec_num, opt_sec_array;
	uint64_t spare[46];
};
static_assert(sizeof(struct stat_mount) == 512, "the kernel's layout");

#define LSMT_ROOT_ UINT64_MAX
#define LISTMOUNT_REVERSE_ 1u
#define FUSE_MAGIC 0x65735546

struct by_id {
	uint64_t id;
	struct mount *found;
};

static void match_id(struct mount *m, void *arg)
{
	struct by_id *b = arg;

	if (m->unique_id == b->id && !m->detached)
		b->found = mount_get(m);
}

static int read_req(struct call *c, struct id_req *ret)
{
	int r = guest_read(c, call_addr(c, 0), ret, sizeof(*ret));

	return r < 0 ? r : ret->size < sizeof(*ret) ? -EINVAL : 0;
}

static uint64_t flags_attr(unsigned long f)
{
	return (f & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0) | (f & MS_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
	       (f & MS_NODEV ? MOUNT_ATTR_NODEV : 0) | (f & MS_NOEXEC ? MOUNT_ATTR_NOEXEC : 0) |
	       (f & MS_NOATIME ? MOUNT_ATTR_NOATIME : 0) |
	       (f & MS_NODIRATIME ? MOUNT_ATTR_NODIRATIME : 0) |
	       (f & MS_NOSYMFOLLOW ? MOUNT_ATTR_NOSYMFOLLOW : 0);
}

static uint32_t add_string(char *strings, size_t *len, const char *s)
{
	uint32_t at = (uint32_t)*len;

	*len += strlen(s) + 1;
	strcpy(strings + at, s);
	return at;
}

/* As statfs(2) has it. */
static uint64_t magic_of(struct fs *fs)
{
	struct statfs st;

	return fs->host_fd && fs->node->statfs &&
			       fs->node->statfs(fs, NULL, fs->root_node, &st) == 0
		       ? (uint64_t)st.f_type
		       : FUSE_MAGIC;
}

static int fill(struct mount *m, uint64_t want, struct stat_mount *s, char **ret, size_t *len)
{
	_cleanup_free_ char *root = mount_root_name(m);
	_cleanup_free_ char *options = mount_options_copy(m);
	char *strings = root && options
				? malloc(strlen(m->target) + strlen(m->type) + strlen(options) +
					  strlen(m->source) + strlen(root) + 16)
				: NULL;

	if (!strings)
		return -ENOMEM;
	*s = (struct stat_mount){ .mask = want &
					  (SM_SB_BASIC | SM_MNT_BASIC | SM_MNT_ROOT | SM_MNT_POINT |
						  SM_FS_TYPE | SM_MNT_OPTS | SM_SB_SOURCE) };
	if (want & SM_SB_BASIC) {
		s->sb_dev_major = major(m->fs->dev);
		s->sb_dev_minor = minor(m->fs->dev);
		s->sb_magic = magic_of(m->fs);
		s->sb_flags = (uint32_t)(m->flags &
					 (MS_RDONLY | MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME));
	}
	if (want & SM_MNT_BASIC) {
		s->mnt_id = m->unique_id;
		s->mnt_id_old = (uint32_t)m->id;
		s->mnt_parent_id = m->parent ? m->parent->unique_id : m->host.mnt_id;
		s->mnt_parent_id_old = m->parent ? (uint32_t)m->parent->id : m->host.mnt_id_old;
		s->mnt_attr = flags_attr(m->flags);
		s->mnt_propagation = MS_PRIVATE;
	}
	*len = 0;
	if (want & SM_MNT_ROOT)
		s->mnt_root = add_string(strings, len, root);
	if (want & SM_MNT_POINT)
		s->mnt_point = add_string(strings, len, m->target);
	if (want & SM_FS_TYPE)
		s->fs_type = add_string(strings, len, m->type);
	if (want & SM_MNT_OPTS)
		s->mnt_opts = add_string(strings, len, options);
	if (want & SM_SB_SOURCE)
		s->sb_source = add_string(strings, len, m->source);
	s->size = (uint32_t)(sizeof(*s) + *len);
	*ret = strings;
	return 0;
}

enum verdict sys_statmount(struct call *c)
{
	_cleanup_mount_ struct mount *m = NULL;
	_cleanup_free_ char *strings = NULL;
	size_t len = 0, size = (size_t)c->args[2];
	struct stat_mount s;
	struct by_id b = { 0 };
	struct id_req rq;
	int r;

	if (!view_has_mounts(&c->um->view))
		return CONTINUE;
	if (read_req(c, &rq) < 0)
		return CONTINUE;
	b.id = rq.mnt_id;
	view_each_mount(&c->um->view, match_id, &b);
	m = b.found;
	if (!m)
		return CONTINUE;
	if (c->args[3])
		return call_return(c, -EINVAL);
	r = fill(m, rq.param, &s, &strings, &len);
	if (r == 0 && size < sizeof(s) + len && len)
		r = -EOVERFLOW;
	if (r == 0)
		r = guest_write(c, call_addr(c, 1), &s, size < sizeof(s) ? size : sizeof(s));
	if (r == 0 && len)
		r = guest_write(c, gaddr_add(call_addr(c, 1), sizeof(s)), strings, len);
	return call_return(c, r);
}

struct listing {
	uint64_t *ids;
	size_t n, max;
	uint64_t after, below; /* listed are those after this id; of this parent, or all */
};

static void list_mount(struct mount *m, void *arg)
{
	struct listing *l = arg;
	bool under = l->below == LSMT_ROOT_ ||
		     l->below == (m->parent ? m->parent->unique_id : m->host.mnt_id);

	if (under && !m->detached && m->unique_id > l->after && l->n < l->max)
		l->ids[l->n++] = m->unique_id;
}

/* The host's first, then ours, whose ids are higher. The host's are those of our own name space. */
enum verdict sys_listmount(struct call *c)
{
	_cleanup_free_ uint64_t *ids = NULL;
	struct listing l = { .max = (size_t)c->args[2] };
	struct id_req rq;
	long n;
	int r;

	if (!view_has_mounts(&c->um->view) || atomic_load(&c->um->view.exotic) || c->args[3] ||
		read_req(c, &rq) < 0)
		return CONTINUE;
	if (l.max > 65536)
		l.max = 65536;
	ids = calloc(l.max + 1, sizeof(*ids));
	if (!ids)
		return call_return(c, -ENOMEM);
	rq.size = sizeof(rq);
	l.ids = ids;
	l.after = rq.param;
	l.below = rq.mnt_id;
	n = syscall(__NR_listmount, &rq, ids, l.max, 0);
	if (n < 0 && errno != ENOENT)
		return CONTINUE;
	l.n = n > 0 ? (size_t)n : 0;
	view_each_mount(&c->um->view, list_mount, &l);
	if (n < 0 && l.n == 0)
		return CONTINUE;
	r = guest_write(c, call_addr(c, 1), ids, l.n * sizeof(*ids));
	return call_return(c, r < 0 ? r : (int64_t)l.n);
}
