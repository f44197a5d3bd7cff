/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mappings of virtual files, and what is said about their pages. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "sys/fd/fd.h"

#define MAP_WHOLE (16u << 20) /* a smaller file is filled whole: what mremap(2) adds is there */
#define MAPS_MAX (16u << 20)

enum verdict sys_mmap(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	uint64_t len = c->args[1], off = c->args[5];
	int flags = (int)c->args[3], r;
	bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;

	if (!vfd_get(&v, c, call_fd(c, 4)))
		return CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	if (v.vf->kind != VFILE_REG || !vfd_can_read(&v) || len == 0 || off % 4096)
		return CONTINUE;
	if ((c->args[2] & PROT_EXEC) &&
		((v.vf->mnt->flags & MS_NOEXEC) || (v.vf->inode->fs->flags & FS_NOEXEC)))
		return call_return(c, -EPERM);
	if (vfd_direct(&v)) {
		if (shared)
			return call_return(c, -ENODEV);
		r = direct_fill(v.vf->cache, &v.req);
		return r < 0 ? call_return(c, r) : CONTINUE;
	}
	if (cache_size(v.vf->cache) <= MAP_WHOLE) {
		off = 0;
		len = UINT64_MAX / 2;
	} else {
		atomic_store_explicit(&c->um->mapped_part, true, memory_order_relaxed);
	}
	(void)cache_twins_settle(v.vf->cache, &v.req);
	/* mprotect(2) may make it writable later */
	if (shared && (v.fl & O_ACCMODE) == O_RDWR)
		r = cache_map_shared(v.vf->cache, &v.req, off, len);
	else
		r = cache_fill(v.vf->cache, &v.req, off, len);
	if (direct_no_room(r))
		r = -ENOMEM;
	return r < 0 ? call_return(c, r) : CONTINUE;
}

/* A line of /proc/PID/maps. */
struct mapped {
	unsigned long long from, to, off;
	bool shared;
	struct vfile *vf; /* what is mapped if it is a virtual file, else NULL */
};

static char *read_maps(struct call *c)
{
	char path[64], *maps = NULL;

	snprintf(path, sizeof(path), "/proc/%d/maps", c->tid);
	return read_file(path, MAPS_MAX, &maps, NULL) < 0 ? NULL : maps;
}

/* The next line at *p of something that overlaps [from, to), its file referenced; false: none.
 * Lines are ended, since sscanf(3) looks for the end of what it is given. */
static bool next_mapped(struct call *c, char **p, uint64_t from, uint64_t to, struct mapped *ret)
{
	unsigned long long ino;
	unsigned major, minor;
	char perms[8];

	while (*p && **p) {
		int n = sscanf(strsep(p, "\n"), "%llx-%llx %7s %llx %x:%x %llu", &ret->from,
			&ret->to, perms, &ret->off, &major, &minor, &ino);
		struct stat st = { 0 };

		if (n != 7 || to <= ret->from || from >= ret->to)
			continue;
		st.st_dev = makedev(major, minor);
		st.st_ino = ino;
		ret->shared = perms[3] == 's';
		ret->vf = files_find(c->um->files, &st);
		return true;
	}
	return false;
}

/* What is mapped at an address: the virtual file (or NULL), and where in it. */
static struct vfile *mapped_at(struct call *c, uint64_t at, uint64_t *ret_off, bool *ret_shared)
{
	_cleanup_free_ char *maps = read_maps(c);
	char *p = maps;
	struct mapped m;

	if (!next_mapped(c, &p, at, at + 1, &m))
		return NULL;
	*ret_off = m.off + (at - m.from);
	*ret_shared = m.shared;
	return m.vf;
}

/* A mapping of a part of a file may grow over what has not been filled. */
enum verdict sys_mremap(struct call *c)
{
	struct fs_req req = { .call = c, .pid = c->tid, .uid = geteuid(), .gid = getegid() };
	uint64_t old_len = c->args[1], new_len = c->args[2], off;
	_cleanup_vfile_ struct vfile *vf = NULL;
	bool shared;
	int r;

	if (!atomic_load_explicit(&c->um->mapped_part, memory_order_relaxed) || new_len <= old_len)
		return CONTINUE;
	vf = mapped_at(c, c->args[0], &off, &shared);
	if (!vf || vf->kind != VFILE_REG || cache_direct(vf->cache))
		return CONTINUE;
	cache_req(vf->cache, &req);
	r = shared ? cache_map_shared(vf->cache, &req, off, new_len)
		   : cache_fill(vf->cache, &req, off, new_len);
	return r < 0 ? call_return(c, r) : CONTINUE;
}

enum verdict sys_msync(struct call *c)
{
	struct fs_req req = { .call = c, .pid = c->tid, .uid = geteuid(), .gid = getegid() };
	uint64_t from = c->args[0], to = from + c->args[1];
	_cleanup_free_ char *maps = NULL;
	char *p;
	struct mapped m;
	int r = 0;

	if (!files_any(c->um->files) || !(c->args[2] & MS_SYNC) || to <= from)
		return CONTINUE;
	maps = read_maps(c);
	for (p = maps; r == 0 && next_mapped(c, &p, from, to, &m);) {
		if (m.vf && m.shared && m.vf->cache)
			r = file_sync_inode(m.vf->cache->ino, &req, true);
		if (m.vf)
			vfile_put(m.vf);
	}
	return r < 0 ? call_return(c, r) : CONTINUE;
}

enum verdict sys_readahead(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;

	if (!vfd_get(&v, c, call_fd(c, 0)))
		return CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	if (!vfd_can_read(&v) || v.vf->kind != VFILE_REG)
		return CONTINUE;
	if (vfd_cached(&v))
		(void)!cache_fill(v.vf->cache, &v.req, c->args[1], c->args[2]); /* only a hint */
	return call_return(c, 0);
}

enum verdict sys_fadvise64(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	uint64_t len = c->args[2] ? c->args[2] : UINT64_MAX;

	if (!vfd_get(&v, c, call_fd(c, 0)))
		return CONTINUE;
	if (v.fl & O_PATH)
		return call_return(c, -EBADF);
	if (!vfd_cached(&v) || (int64_t)c->args[1] < 0 || (int64_t)c->args[2] < 0)
		return CONTINUE;
	switch ((int)c->args[3]) {
	case POSIX_FADV_WILLNEED:
		if (len > (64u << 20))
			len = 64u << 20;
		if (vfd_can_read(&v))
			(void)!cache_fill(v.vf->cache, &v.req, c->args[1], len); /* only a hint */
		return call_return(c, 0);
	default:
		return CONTINUE;
	}
}

/* The numbers of the placeholder: what is here is what is cached. */
enum verdict sys_cachestat(UNUSED struct call *c)
{
	return CONTINUE;
}
