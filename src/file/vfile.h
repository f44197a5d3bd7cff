/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual open files: real open files (placeholders) in the guest's own table that stand for
 * files of the view. The kernel keeps offsets, dup, fork, exec, locks and close-on-exec; what a
 * descriptor is follows from its device and inode number.
 *
 * Regular files: one placeholder an inode (a memfd, or an O_TMPFILE file when big), which is the
 * page cache; each open is a new open of it. Directories: one deleted empty directory an open,
 * so that each has its own position and snapshot; as working directory too. Others (/dev/fuse,
 * loop devices, fsopen contexts, files made up by the view) bring their own ops.
 */
#ifndef UM_FILE_VFILE_H
#define UM_FILE_VFILE_H

#include "engine/guestfd.h"
#include "view/path.h"

struct files; /* the registry, one a supervisor */
struct vfile;

enum vfile_kind {
	VFILE_REG,     /* shared by all opens of the inode */
	VFILE_DIR,     /* an open directory, a working directory, or O_PATH of a directory */
	VFILE_PATH,    /* O_PATH of something that is not a directory */
	VFILE_SPECIAL, /* fifo: real one in the run directory */
	VFILE_STREAM,  /* an open file of a server that answers poll(2): file/stream.h */
	VFILE_DEVICE,  /* has ops of its own */
};

/* Behaviour of VFILE_DEVICE. All may be NULL. `fd` is our dup of the guest's open file. */
struct vfile_ops {
	size_t size;
	enum verdict (*ioctl)(struct vfile *vf, struct call *c, int fd);
	enum verdict (*read)(struct vfile *vf, struct call *c, int fd);
	enum verdict (*write)(struct vfile *vf, struct call *c, int fd);
	enum verdict (*splice)(struct vfile *vf, struct call *c, int fd); /* vmsplice, tee too */
	int (*getattr)(struct vfile *vf, struct fs_attr *ret); /* else fstat is the placeholder's */
	void (*last_close)(struct vfile *vf); /* nobody has it open any more; then it is freed */
	/* For a copy of fd at a number where calls are not trapped: an open file that needs no
	 * traps, at the same offset. A descriptor or -errno. NULL: the placeholder itself serves.
	 */
	int (*low)(struct vfile *vf, int fd);
	const char *path; /* what /proc/PID/fd shows: "/dev/fuse" */
};

struct vfile {
	enum vfile_kind kind;
	struct files *files;
	dev_t dev;
	ino_t ino;
	atomic_int refs;
	struct inode *inode; /* referenced; NULL for VFILE_DEVICE */
	struct mount *mnt;   /* referenced; the one it was first opened through */
	const struct vfile_ops *ops;
	void *priv;
	int wd;			 /* inotify watch, -1: none */
	int place;		 /* our own descriptor of the placeholder, -1 for directories */
	struct own_place own;	 /* VFILE_DIR: where the kernel has it as well; set at the open */
	struct filecache *cache; /* VFILE_REG: the inode's */
	/* VFILE_DIR: its position where the guest's open file is not lent to us */
	_Atomic uint64_t unlent_pos;
	struct dirsnap *dir; /* VFILE_DIR: what has been read of it, and its handle; file/dir.c's */
	atomic_int device_fd; /* VFILE_DEVICE: = place until its maker puts it, then -1 */
	unsigned jobs;	      /* what background threads are to do with it (file/files.h) */
	atomic_bool
		opath; /* VFILE_DIR, VFILE_PATH: opened with O_PATH, which the placeholder is not */
	atomic_bool low; /* counted in files->nlow: files_low() */
	bool hashed;	 /* files_find() finds it */
	bool registered; /* the registry holds a reference */
	struct cds_hlist_node hash, wdhash;
	struct cds_hlist_node twin; /* with a cache: by its number */
	struct cds_list_head job_node;
};

/* May what it stands for be changed by this way? 0 or -EROFS. */
static inline int vfile_want_write(const struct vfile *vf)
{
	return vf->own.readonly ? -EROFS : mount_want_write(vf->mnt);
}

/* keep: how many bytes of closed files may be kept, NULL: a quarter of the memory. */
int MUST_CHECK files_new(
	struct view *v, const char *rundir, const uint64_t *keep, struct files **ret);
/* Writes everything back first, as far as possible until deadline_ns. */
void files_free(struct files *f, uint64_t deadline_ns);

/* Is there any virtual file at all? Else no descriptor need be looked at. */
bool files_any(struct files *f);

/*
 * Could a guest have a virtual file at a number below VFD_BASE? Else such a descriptor is a real
 * one, for certain, and nothing need be asked. A file comes there by ways that we see alone (open,
 * dup, SCM_RIGHTS, pidfd_getfd); it is noted before it does, and until nobody has the file open.
 */
bool files_low(struct files *f);
static inline bool files_possible(struct files *f, int fd)
{
	return fd >= VFD_BASE ? files_any(f) : fd >= 0 && files_low(f);
}
void vfile_note_low(struct vfile *vf);
/* The same by an open file of it, if it is virtual. */
void files_note_low(struct files *f, int fd);

struct vfile *vfile_get(struct vfile *vf);
void vfile_put(struct vfile *vf);
static inline void vfile_cleanup(struct vfile **vf)
{
	if (*vf)
		vfile_put(*vf);
}
#define _cleanup_vfile_ _cleanup_(vfile_cleanup)

/* Which virtual file is this real one? Referenced, or NULL. */
struct vfile *files_find(struct files *f, const struct stat *st);
/*
 * Which virtual file is the guest's descriptor? 0 with *ret NULL when it is a real one.
 * ret_fd (may be NULL) gets our dup of it (the caller's, also when real). -EBADF, -ESRCH.
 */
int MUST_CHECK vfile_of_fd(
	struct call *c, struct files *f, int fd, struct vfile **ret, int *ret_fd);

/*
 * open(2) of an existing inode on a mount by the flags of a guest (O_TRUNC, O_APPEND, O_PATH,
 * O_DIRECTORY, O_DIRECT ... handled here, permission checked here with the server's open; O_CREAT
 * was handled by the caller, who passes the handle of a create in `created`, else NULL).
 * Answers the call: ANSWERED, or DONE with an error. path is for vfile->mnt.
 */
enum verdict file_open(struct call *c, struct files *f, const struct path *path, int flags,
	const struct fs_handle *created);

/* A descriptor of ours for the inode, as open(2) would give a guest one (whole file filled):
 * for exec, execveat's dirs, loop devices' backing files, SCM_RIGHTS. fd or -errno. */
int MUST_CHECK file_open_fd(
	struct files *f, const struct fs_req *req, struct mount *m, struct inode *ino, int flags);
/* The same without the content, to see which file it is and to look into it by file_peek(). */
int MUST_CHECK file_open_peek(
	struct files *f, const struct fs_req *req, struct mount *m, struct inode *ino);
/* What of a file that was opened so stands at off, without keeping more of it than that: bytes, or
 * -errno. */
ssize_t MUST_CHECK file_peek(
	struct files *f, int fd, const struct fs_req *req, void *buf, size_t len, uint64_t off);
/* The same for a program that the guest may run, whether or not it may read it. */
int MUST_CHECK file_open_exec(
	struct files *f, const struct fs_req *req, struct mount *m, struct inode *ino);

/* fd is a file of our own with the content of inode (a program made ready to run): for as long as
 * anybody has it open or runs it, it is seen as inode. */
int MUST_CHECK file_alias(struct files *f, int fd, struct mount *m, struct inode *ino);

/* A new directory placeholder for inode: a descriptor of ours, for chdir. Not O_PATH, which could
 * not be handed to a guest. */
int MUST_CHECK file_open_dir(struct files *f, struct mount *m, struct inode *ino);
/* fd is the placeholder of a directory that nobody has yet: `own` is copied to it. */
int MUST_CHECK file_note_own(struct files *f, int fd, const struct own_place *own);

/*
 * Makes a virtual file with ops of its own out of an open file `fd` (whose ownership is taken).
 * Referenced in *ret. Inject vf->place; our copy of it is closed when the caller puts its
 * reference, and ops->last_close comes when the last copy in a guest is gone (at once when none was
 * injected). On failure fd is closed.
 */
int MUST_CHECK vfile_new_device(
	struct files *f, int fd, const struct vfile_ops *ops, void *priv, struct vfile **ret);

/* Bring the whole file into the placeholder: before a dup to a low number, SCM_RIGHTS, exec.
 * What is then written natively, unseen, through descriptors below VFD_BASE is found all the same.
 */
int MUST_CHECK file_fill_all(struct vfile *vf, const struct fs_req *req);

/* Before an inode loses a name (unlink, rename over it): if no guest has it open any more, what
 * is kept open at the server is released now, so that the server sees no busy file. What is closed
 * while the name goes is released after that: file_settled() is to be told what this returned. */
bool MUST_CHECK file_settle(struct inode *ino, const struct fs_req *req);
void file_settled(struct inode *ino, bool held);
/* A close that no call told of (exit, dup2: a shell's redirection) has reached the server when this
 * returns, as with a kernel, where it is done by the time that anybody can ask. */
void file_await_close(struct inode *ino, const struct fs_req *req);
/* Before a file gets one more name: that may be another node of the server's, with a content of its
 * own here, which begins with what the server has. */
int MUST_CHECK file_before_link(struct inode *ino, const struct fs_req *req);
/* Before the attributes of a file are shown: what its other names hold back changes them. */
void file_settle_names(struct files *f, struct inode *ino, const struct fs_req *req);
/* Before the times of a file are set: data written later to the server would change them. */
int MUST_CHECK file_before_times(struct inode *ino, const struct fs_req *req);

/* Gives back all memory and descriptors that closed files hold. */
void files_shrink(struct files *f);

/* Waits for what closes have left to background threads. */
void files_settle_closed(struct files *f, uint64_t deadline_ns);
/* What the placeholders of a file system hold, and how much of it the server has not. */
struct cache_use {
	uint64_t files, open, bytes, dirty;
};
void files_cache_use(struct files *f, struct fs *fs, struct cache_use *ret);
/* Writes back what is dirty, and forgets what is kept of the files of a file system and need not
 * be. The first error of a write-back. */
int MUST_CHECK files_cache_drop(struct files *f, struct fs *fs);
/* Write back what is dirty: of one inode, of a file system (NULL: of all). -errno of the first
 * failure that was not reported before. req may be NULL for files_sync: no guest waits. */
int MUST_CHECK file_sync_inode(struct inode *ino, const struct fs_req *req, bool datasync);
int MUST_CHECK files_sync(struct files *f, struct fs *fs, const struct fs_req *req);
/* The same at the end of a mount, by threads of ours, at most until deadline_ns: -ETIMEDOUT. */
int MUST_CHECK files_sync_until(struct files *f, struct fs *fs, uint64_t deadline_ns);
/* Before truncate(2): -ETXTBSY where it is a running program (execve(2) of its placeholder); who
 * has a lease of it is told and, unless it is to be -EWOULDBLOCK, waited for. */
int MUST_CHECK file_may_change(struct inode *ino, const struct fs_req *req, bool wait);
/* ftruncate/truncate: server and placeholder. */
int MUST_CHECK file_truncate(struct inode *ino, const struct fs_req *req, uint64_t size);

/* Is any guest's descriptor, working directory or mapping on this mount (fresh from the kernel)? */
bool files_busy(struct files *f, struct mount *m);
/* Forget everything of a file system after unmount: later I/O on its files is -EIO/-ENOTCONN. */
void files_drop_fs(struct files *f, struct fs *fs);

/* Notifications of a server (FUSE_NOTIFY_INVAL_INODE, STORE, RETRIEVE). */
void file_invalidate(struct inode *ino, int64_t off, int64_t len);
int MUST_CHECK file_store(struct inode *ino, uint64_t off, const void *buf, size_t len);
ssize_t MUST_CHECK file_retrieve(struct inode *ino, uint64_t off, void *buf, size_t len);

/* The server says that poll(2) of this node (0: of any) may be answered otherwise now. Puts no
 * reference. */
void file_polled(struct fs *fs, uint64_t node);

/* Fills the times, size and ids of a placeholder-backed file for fstat: the inode's attributes. */
int MUST_CHECK vfile_getattr(struct vfile *vf, const struct fs_req *req, struct fs_attr *ret);

#endif
