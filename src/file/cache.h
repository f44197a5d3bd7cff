/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page cache of one inode: what of the placeholder holds the file's content (filled), what of
 * that the server has not yet (dirty), and the server's handles.
 *
 * struct filecache lives as long as its inode. Its placeholder (c->vf) comes with an open and stays
 * until the cache is evicted, which happens only when no guest has it open.
 */
#ifndef UM_FILE_CACHE_H
#define UM_FILE_CACHE_H

#include <sys/uio.h>

#include "file/files.h"
#include "file/ranges.h"

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

#define SMALL_FILE (1u << 20)	   /* filled at open */
#define PLACE_DISK_MIN (64u << 20) /* placeholders of this size lie on disk */
#define DIRTY_MAX (8u << 20)	   /* of one inode: then a writer writes back itself */
#define PAGE_HASH 4096u

enum { HANDLE_RD, HANDLE_WR, HANDLE_RDWR, HANDLE_KINDS };

/* A request for content that is on its way. */
struct fill {
	uint64_t start, end;
	struct cds_list_head node;
};

struct filecache {
	struct files *files;
	struct inode *ino; /* owns us */
	uint64_t number;   /* st_ino, by which other nodes are known to be the same file */
	/* Guards all below; below inode->lock; never held across a request. */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* busy, fills or hold */
	struct vfile *vf;	/* the registry holds the reference */
	bool disk;	 /* the placeholder is a file on disk: vf->place is open for reading */
	bool closed;	 /* no guest has it open */
	bool late;	 /* what the last close has to do at the server is under way */
	unsigned closes; /* how many last closes there were */
	bool dead;	 /* its file system is gone */
	bool readers, writers; /* since it was opened first: some open file can read, write */
	bool untrapped;	       /* and some is read without our knowing: filled, or low */
	int checker;	       /* an open of the placeholder that asks who else has one; or -1 */
	bool leased;	       /* somebody may have a lease of it: lease.h */
	unsigned leasing;      /* and so many are just asking for one */

	bool busy;     /* write-back or a change of size at the server is under way */
	int hold;      /* uses of handles under way */
	int opening;   /* opens under way: the server's handle, and the placeholder, may be there
			* before the   guest's file */
	int releasing; /* handles on their way back to the server */
	int telling;   /* what went to the server is being told to the other names of the file */
	int removing;  /* a name of it is going at the server: nothing is given back meanwhile */
	bool loose;    /* some went back without waiting for the server: cache_handles_settle() */
	struct cds_list_head fills;

	uint64_t size; /* of the placeholder */
	struct ranges filled, dirty;
	struct ranges mapped;	   /* shared, writable mappings: writes to them are unseen */
	bool low;		   /* descriptors below VFD_BASE may write: unseen too */
	bool low_append;	   /* and those only append */
	struct timespec low_mtime; /* what the placeholder's was made when it was last compared: a
				      write changes it */
	uint64_t *hash; /* of each page as the server has it, 0: not known; for unseen writes */
	size_t nhash;

	struct timespec mtime; /* of the last write that the server has not */
	uint64_t dirty_bytes;  /* written since the last write-back */
	bool mtime_shown;      /* a guest has been told it */
	uint64_t dirty_since;  /* now_ns() */
	uint64_t inval;	       /* counts what made content stale that is on its way */
	uint64_t wseq;	       /* counts what we did to the content: replies asked before are old */
	bool srv_known; /* srv_* are of the content we hold; else what comes is our own doing */
	uint64_t srv_size;
	struct timespec srv_mtime;
	time_t srv_since; /* the clock when we began to hold that content */

	atomic_uint mode; /* of the last open: FS_OPEN_DIRECT_IO, _NONSEEKABLE, _STREAM */
	struct fs_handle h[HANDLE_KINDS];
	bool have[HANDLE_KINDS];
	bool unflushed;	   /* opened for writing, or written to, and no FUSE_FLUSH since */
	_Atomic uid_t uid; /* of the last writer: for write-back; read without the lock */
	_Atomic gid_t gid;
	int error; /* of write-back, not told yet */
	bool told; /* a guest knows that what is dirty could not be written back */

	uint64_t asked; /* bytes that caught reads wanted since it was placed; UINT64_MAX: enough */
	uint64_t full_until;	   /* now_ns() up to which reads take its disk for full */
	uint64_t ra_next, ra_size; /* where a sequential reader goes on; how much is read ahead */
	struct cds_list_head lru, wnode;
	struct locks *locks; /* locks.c's: what the server has of our locks; NULL: nothing ever */
	bool in_lru, in_writers;
	uint64_t lru_bytes;
};

static inline bool cache_time_eq(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Is each read and write the server's? */
#define CACHE_DIRECT (FS_OPEN_DIRECT_IO | FS_OPEN_NONSEEKABLE | FS_OPEN_STREAM)
static inline bool cache_direct(const struct filecache *c)
{
	return atomic_load_explicit(&c->mode, memory_order_relaxed) & CACHE_DIRECT;
}

/* Is a read of a file that was opened with these flags to see what others have just written? */
static inline bool cache_asks_server(const struct filecache *c, int oflags)
{
	return (oflags & O_DIRECT) && !(c->ino->fs->flags & FS_SOLE_CLIENT) &&
	       !atomic_load(&c->ino->orphan);
}

/* The cache of a regular file's inode, made when there is none. Lives as long as the inode. */
int MUST_CHECK cache_of(struct files *f, struct inode *ino, struct filecache **ret);
struct filecache *cache_peek(struct inode *ino); /* NULL: there is none */
void cache_free(struct inode *ino);		 /* the hook of inode.h */
void cache_attr_hook(struct inode *ino, struct fs_attr *attr);

/* With c->lock held: */
void cache_lru_remove(struct filecache *c);
void cache_lru_add(struct filecache *c);
void cache_writers_add(struct filecache *c);
void cache_writers_remove(struct filecache *c);
/* Is there what its server has not: dirty, or maybe written where we do not see it? */
bool cache_unsent(const struct filecache *c);
/* Is nothing left to be done but to give the handles back? */
bool cache_at_rest(const struct filecache *c);
bool cache_has_handles(const struct filecache *c);
/* Takes out the handles, if they have no user any more (doc/internals.md, "The last close"): how
 * many. To be released without the lock. */
int cache_handles_take(struct filecache *c, struct fs_handle h[HANDLE_KINDS]);
/* Drops the lock: a use of them has ended. Was it the last, they are given back. */
void cache_use_ended(struct filecache *c);
int MUST_CHECK cache_place(struct filecache *c, struct mount *m, const char *name, uint64_t size);
/* What it holds is what the server says; anew: from now on. */
void cache_of_server(struct filecache *c, const struct fs_attr *attr, bool anew);
/* A new open file of the placeholder, for a guest or for us. */
int MUST_CHECK cache_open(struct filecache *c, int flags);
bool cache_is_dirty(const struct filecache *c);
/* Forgets all hashes, or those from this size on. */
void cache_hash_free(struct filecache *c);
void cache_hash_cut(struct filecache *c, uint64_t size);
/* [off, off + len) of the placeholder has just become what the server has, buf. */
void cache_hash_given(struct filecache *c, const void *buf, uint64_t off, size_t len);
/* What of [*start, end) of the placeholder is no hole, and begins first: *start to *ret_end, by
 * whole pages. What is a hole has never been written to, seen or unseen. False: nothing. */
bool cache_next_data(struct filecache *c, uint64_t *start, uint64_t end, uint64_t *ret_end);
/* Takes in what was written natively, as far as the size shows it. */
void cache_native(struct filecache *c);
/* Waits a little for `changed`: 0, or -EINTR when the guest waits no longer. Drops the lock. */
int MUST_CHECK cache_wait(struct filecache *c, const struct fs_req *req);
int MUST_CHECK cache_set_busy(struct filecache *c, const struct fs_req *req);
void cache_clear_busy(struct filecache *c);
int MUST_CHECK cache_resize(struct filecache *c, uint64_t size); /* the placeholder */
/* Before it grows: what a mapping has written behind its end, in the last page, is no part of the
 * file. */
int MUST_CHECK cache_zero_tail(struct filecache *c);
/* A descriptor to change the placeholder through; put it back at once. */
int MUST_CHECK cache_writer(struct filecache *c);
void cache_writer_put(struct filecache *c, int fd);

/* Without it: */

/* Its vfile, referenced, if nobody has it open or opens it; the last close counts from then on. */
struct vfile *cache_nobodys(struct filecache *c);
/* What the last close leaves to be done: all goes to the server, then locks and handles go back.
 * last: nobody will try again, what cannot be written is lost. Else -errno, and all is kept. Where
 * it was opened meanwhile the next last close does the rest. */
int MUST_CHECK cache_settle_closed(struct vfile *vf, const struct fs_req *req, bool last);

/* A request as write-back makes it, for whoever wrote last: no guest waits. */
void cache_req(struct filecache *c, struct fs_req *req);

void cache_lru_trim(struct files *f);
/* Gives back n handles that were taken, and waits for the server. c->releasing counts them since.
 */
void cache_handles_release(struct filecache *c, const struct fs_handle *h, int n);

/* The same without waiting for anybody: of a file whose name is not just going. */
void cache_handles_send(struct filecache *c, const struct fs_handle *h, int n);

/* A handle of the server for reading or writing, opened when there is none; it stays until put. */
int MUST_CHECK cache_handle(
	struct filecache *c, const struct fs_req *req, bool write, struct fs_handle *ret);
void cache_handle_put(struct filecache *c);
/* Keeps a handle that was just opened, or gives it back when an equal one is there. */
void cache_handle_add(struct filecache *c, const struct fs_handle *h);
/* The same, but the new one is kept, unless it alone has O_DIRECT: where the server makes the
 * content at open. */
void cache_handle_renew(struct filecache *c, const struct fs_handle *h);
void cache_release_handles(struct filecache *c);
void cache_release_readers(struct filecache *c); /* those for reading alone */
/* Waits for the server where handles were given back without doing so. */
void cache_handles_settle(struct filecache *c);
/* FUSE_FLUSH, as at each close: the server may send what it has on from there, and tell of an error
 * that it kept. */
int MUST_CHECK cache_flush(struct filecache *c, const struct fs_req *req);
/* The same after closes that no call told of (exit, dup2), where it is still to be sent. What fails
 * is logged, and told when the mount ends. */
void cache_flush_late(struct filecache *c);
uint64_t cache_size(struct filecache *c);

/* Makes [off, off + len) of the placeholder the file's content. */
int MUST_CHECK cache_fill(
	struct filecache *c, const struct fs_req *req, uint64_t off, uint64_t len);
/* Between the pieces of a long one: 0, or -EINTR when the guest has a signal. */
int MUST_CHECK cache_fill_on(const struct fs_req *req);
/* The same for a read of a guest, with read-ahead. */
int MUST_CHECK cache_fill_read(
	struct filecache *c, const struct fs_req *req, uint64_t off, uint64_t len);
void cache_prefetch(struct filecache *c, const struct fs_req *req);
bool cache_filled(struct filecache *c); /* wholly? */
/* Lengthens the placeholder to `size` with what the server has there: never a zero in between. */
int MUST_CHECK cache_extend(struct filecache *c, const struct fs_req *req, uint64_t size);
/* Asks the server how the file is, and follows it; force: as an open does, which drops the content
 * where others can change it (close-to-open). ret (may be NULL): the attributes. */
int MUST_CHECK cache_revalidate(
	struct filecache *c, const struct fs_req *req, bool force, struct fs_attr *ret);
/* Forgets content in [start, end) that the server is known to have. */
void cache_invalidate(struct filecache *c, uint64_t start, uint64_t end);
/* Forgets [start, end) but for what is dirty, after what was written unseen has become that: for
 * what the server has to take its place. -ENOENT: nobody has it open any more. */
int MUST_CHECK cache_forget_content(struct filecache *c, uint64_t start, uint64_t end);
/* Compares the pages of [start, end) with their hashes: those that are other become dirty (mark),
 * or are as the server has them. */
int MUST_CHECK cache_hash_range(struct filecache *c, uint64_t start, uint64_t end, bool mark);
/* Busy, with the lock, which is dropped meanwhile: what was written unseen becomes dirty. */
int MUST_CHECK cache_find_unseen(struct filecache *c);
/* From now on the placeholder may be written natively. The content must be filled. */
int MUST_CHECK cache_go_low(struct filecache *c, const struct fs_req *req, int oflags);

/* What a write put into the placeholder, and the file's size before. */
struct wrote {
	uint64_t start, end, size;
};
/*
 * A write of a guest through its own open file `fd`: at `off`, or at its position (off < 0), with
 * RWF_* flags. Bytes written, or -errno. limit: the guest's RLIMIT_FSIZE.
 */
ssize_t MUST_CHECK cache_write(struct filecache *c, const struct fs_req *req, int fd,
	const void *buf, size_t len, off_t off, int rwf, uint64_t limit, struct wrote *ret);
/* Then: what has to be the server's before write(2) returns goes there. What it does not take was
 * never written: the bytes that were, or -errno. moved: the position of fd went along. at_once: be
 * it a server that keeps writes back. */
ssize_t MUST_CHECK cache_write_out(struct filecache *c, const struct fs_req *req, int fd,
	struct wrote *w, bool moved, bool at_once);
/* Only what calls wrote, of all writers. On failure w ends where the server has it up to. */
int MUST_CHECK cache_writeback_wrote(
	struct filecache *c, const struct fs_req *req, struct wrote *w);
int MUST_CHECK cache_writeback(struct filecache *c, const struct fs_req *req);
/* What fails is told by fsync(2) or the last close. -EINTR. */
int MUST_CHECK cache_writeback_quietly(struct filecache *c, const struct fs_req *req);
/* After a write: what has to go to the server before it returns (O_SYNC, little space, much). */
int MUST_CHECK cache_after_write(struct filecache *c, const struct fs_req *req, bool sync);
/* space.c: is so little left at the server that what is written now must go there at once? dirty:
 * how much this file has that the server has not. */
bool space_low(struct filecache *c, const struct fs_req *req, uint64_t dirty);
/* A write-back ended with err, maybe for want of space. */
void space_failed(struct filecache *c, int err);
/* orphan.c. Before the last name of a file goes: where guests have it open, and the server would
 * only hide it, it is made one that the server has nothing to do with any more. */
void cache_detach(struct filecache *c, const struct fs_req *req);
/* The name is still there: as before. */
void cache_attach(struct filecache *c);
/* A descriptor of the placeholder, for the extended attributes of an orphan; -ENODATA, -EMFILE. */
int MUST_CHECK cache_orphan_place(struct inode *ino);
/* Of an orphan: the time of the last write is that of the file. */
void cache_orphan_times(struct filecache *c);
/* With c->lock held: nothing of it is to be written back. */
void cache_forget_dirty(struct filecache *c);
/* twins.c: other nodes of the same file. Before it is read or written: what they hold back goes to
 * the server. True: one of them is open. */
bool cache_twins_settle(struct filecache *c, const struct fs_req *req);
/* Before it is opened: what it holds back itself goes to the server too, which knows better how
 * long the file is than a name that wrote to it while another cut it off. */
void cache_twins_before_open(struct filecache *c, const struct fs_req *req);
/* What the server has was changed by this one, in [start, end); its size too, maybe. */
void cache_twins_stale(struct filecache *c, uint64_t start, uint64_t end);
/* A shared writable mapping of [off, off + len). */
int MUST_CHECK cache_map_shared(
	struct filecache *c, const struct fs_req *req, uint64_t off, uint64_t len);
int MUST_CHECK cache_fallocate(
	struct filecache *c, const struct fs_req *req, int mode, uint64_t off, uint64_t len);
/* The server itself changed [start, end). */
int MUST_CHECK cache_changed(struct filecache *c, uint64_t start, uint64_t end);
/* Keeps an error of write-back, to be told by fsync(2), and logs it. */
void cache_set_error(struct filecache *c, int err);
/* What a guest is to be told of write-back: err, how it ended now, or an earlier error that nobody
 * was told. */
int cache_tell(struct filecache *c, int err);
/* Has nobody the placeholder open? Asks the kernel. */
bool cache_unused(struct filecache *c);
/* Drops the placeholder if it is closed and clean. The inode may go with it. */
void cache_evict(struct filecache *c);

#endif
