/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frame of the calls on descriptors: is it virtual, and what is behind it. */
#ifndef UM_SYS_FD_FD_H
#define UM_SYS_FD_FD_H

#include "file/direct.h"
#include "file/stream.h"
#include "sys/table.h"
#include "sys/um.h"

/* A guest's descriptor that is a virtual file. */
struct vfd {
	struct vfile *vf;
	int fd;		   /* our dup of the guest's open file */
	int fl;		   /* its flags, as F_GETFL has them */
	struct fs_req req; /* as I/O on open files makes it: of whoever opened it */
};

#define VFD_INIT                                                                                   \
	{                                                                                          \
		.fd = -1                                                                           \
	}
void vfd_release(struct vfd *v);
#define _cleanup_vfd_ _cleanup_(vfd_release)

/* False: a real one, or none (the kernel says so): CONTINUE. */
bool vfd_get(struct vfd *v, struct call *c, int fd);
/* By an open file of ours, a dup of a guest's, which is taken. */
bool vfd_of_ours(struct vfd *v, struct call *c, int ours);
/* The same as vfd_get() for a copy that may come to a number below VFD_BASE, which is noted. */
bool vfd_get_low(struct vfd *v, struct call *c, int fd);

static inline bool vfd_cached(const struct vfd *v)
{
	return v->vf->kind == VFILE_REG && !cache_direct(v->vf->cache);
}
static inline bool vfd_direct(const struct vfd *v)
{
	return v->vf->kind == VFILE_REG && cache_direct(v->vf->cache);
}
/* Is a read the server's own answer? Of O_DIRECT too, where others may have changed the file. */
static inline bool vfd_reads_server(const struct vfd *v)
{
	return vfd_direct(v) ||
	       (v->vf->kind == VFILE_REG && cache_asks_server(v->vf->cache, v->fl));
}
/* Can one with these flags of open(2) be read (mode O_RDONLY) or written (O_WRONLY)? By one of the
 * third access mode (O_ACCMODE) neither can be done. */
static inline bool flags_allow(int fl, int mode)
{
	const int has = fl & O_ACCMODE;

	return !(fl & O_PATH) && (has == mode || has == O_RDWR);
}
static inline bool vfd_can_read(const struct vfd *v)
{
	return flags_allow(v->fl, O_RDONLY);
}
static inline bool vfd_can_write(const struct vfd *v)
{
	return flags_allow(v->fl, O_WRONLY);
}

/* Writes into a virtual regular file as write(2) (off < 0) or pwrite(2), with RWF_* flags and all
 * that a guest's limits demand. May be short. Bytes, or -errno. */
ssize_t MUST_CHECK vfd_write(
	struct vfd *v, struct call *c, const void *buf, size_t len, off_t off, int rwf);
/* Before the content of a regular file changes: file_modified(). */
void vfd_modified(struct vfd *v);
/* What a write has to do before it returns; once after the last piece. 0 or -errno. */
int MUST_CHECK vfd_written(struct vfd *v, int rwf);
/* The guest's RLIMIT_FSIZE; and what is done where it forbids a byte: SIGXFSZ and -EFBIG. */
uint64_t vfd_limit(struct call *c);
int vfd_too_large(struct call *c);
/* Makes sure that [off, off + len) (off < 0: the position) can be read natively. */
int MUST_CHECK vfd_fill(struct vfd *v, off_t off, uint64_t len);
/* Before the open file comes to a number where nothing is trapped. */
int MUST_CHECK vfd_go_low(struct vfd *v);

/* The position of an open directory: the guest's open file has it, or where that is not lent
 * (guestfd_lends) its vfile. 0 or -errno. */
int MUST_CHECK vfd_dir_pos(struct vfd *v, struct call *c, uint64_t *ret);
int MUST_CHECK vfd_dir_seek(struct vfd *v, struct call *c, uint64_t pos);

#endif
