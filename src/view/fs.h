/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one file-system interface inside: operations shaped like FUSE's low-level ones. The FUSE
 * client forwards them over the wire; built-in file systems implement them in C.
 *
 * All return 0 (or a count) or -errno. Any op may be NULL: the wrappers in inode.h answer
 * -ENOSYS (or what the kernel answers for a file system without it).
 * Every op may block; `req` says for whom, so that a wait ends when that guest is interrupted
 * (-EINTR) or killed. req->call may be NULL (write-back, end of the view).
 */
#ifndef UM_VIEW_FS_H
#define UM_VIEW_FS_H

#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "engine/call.h"

struct fs;
struct watches;
struct files;

struct fs_req {
	struct call *call;
	uid_t uid; /* file-system ids: what the server is told */
	gid_t gid;
	uid_t ruid; /* real ids: access(2) asks for these */
	gid_t rgid;
	pid_t pid;
	uint64_t odd_caps; /* what root lacks, or another has: fs_req_capable() (path.h) */
	mode_t umask;
	const struct fs *heard; /* fs->hear() was called for this walk */
	uint64_t lock_owner;	/* of flush: whose locks of fcntl(2) go with it */
	uint64_t deadline_ns; /* now_ns() until which a server's answer is waited for (-ETIMEDOUT);
				 0: for ever */
};

/* Attributes of a node; times in the file system's own precision. valid_ns: for how long they
 * may be kept from now on (0: not at all). */
struct fs_attr {
	uint64_t ino;
	dev_t dev; /* st_dev; 0: the file system's */
	uint64_t size;
	uint64_t blocks; /* of 512 bytes */
	struct timespec atime, mtime, ctime;
	mode_t mode;
	uint32_t nlink;
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	uint32_t blksize;
	uint64_t valid_ns;
	uint64_t perm_ns; /* mode, uid and gid alone, where that is longer */
};

/* Is it a type that a file can have? Servers are checked for it. */
static inline bool mode_type_known(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return true;
	default:
		return false;
	}
}

/* nodeid 0 is a negative entry that may be kept for entry_valid_ns. */
struct fs_entry {
	uint64_t nodeid;
	uint64_t generation;
	uint64_t entry_valid_ns;
	struct fs_attr attr;
};

enum fs_set {
	FS_SET_MODE = 1 << 0,
	FS_SET_UID = 1 << 1,
	FS_SET_GID = 1 << 2,
	FS_SET_SIZE = 1 << 3,
	FS_SET_ATIME = 1 << 4,
	FS_SET_MTIME = 1 << 5,
	FS_SET_ATIME_NOW = 1 << 6,
	FS_SET_MTIME_NOW = 1 << 7,
	FS_SET_CTIME = 1 << 8,
};

struct fs_setattr {
	unsigned set; /* enum fs_set */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t size;
	struct timespec atime, mtime, ctime;
};

/* An open handle as the file system knows it. */
struct fs_handle {
	uint64_t fh;
	unsigned flags;	     /* enum fs_open_flag */
	int oflags;	     /* the open(2) flags it was opened with */
	uint64_t lock_owner; /* with FS_RELEASE_FLOCK */
};

enum fs_open_flag {
	FS_OPEN_DIRECT_IO = 1 << 0,
	FS_OPEN_KEEP_CACHE = 1 << 1,
	FS_OPEN_NONSEEKABLE = 1 << 2,
	FS_OPEN_CACHE_DIR = 1 << 3,
	FS_OPEN_STREAM = 1 << 4,
	FS_OPEN_NOFLUSH = 1 << 5,
	FS_OPEN_NONE = 1 << 6, /* the server has no open: nothing is to be released */
	/* at release: its answer is waited for. Before the node is forgotten or loses its name,
	 * else a server with several threads may see it open still. With FS_OPEN_NONE only for what
	 * was given back before without this flag. */
	FS_RELEASE_WAIT = 1 << 7,
	FS_RELEASE_FLOCK = 1 << 8, /* at release: a lock of flock(2) goes with it */
	FS_READDIR_NAMES = 1 << 9, /* at readdir: attributes are not likely to be asked for */
	/* (of the caches, beside FS_OPEN_NONE) no OPEN was sent, for the file has no name */
	FS_OPEN_NAMELESS = 1 << 10,
};

/* One entry of a directory. type is DT_*; off is the cookie after this entry. entry is set with
 * readdirplus (nodeid 0: not given) and then counts as a lookup. */
struct fs_dirent {
	uint64_t ino;
	uint64_t off;
	unsigned type;
	const char *name;
	size_t namelen;
	const struct fs_entry *entry;
};
/* Non-zero ends the reading. */
typedef int (*fs_dirent_fn)(void *arg, const struct fs_dirent *ent);

struct fs_lock {
	uint64_t start, end; /* inclusive; end UINT64_MAX: to the end of the file */
	int type;	     /* F_RDLCK, F_WRLCK, F_UNLCK */
	pid_t pid;
	bool flock; /* of flock(2), over the whole file */
};

/* Beside the flags of setxattr(2): an ACL is set by somebody whom the set-group-ID bit does not
 * survive. */
enum { FS_XATTR_KILL_SGID = 1 << 8 };

/* Operations on names and nodes. */
struct fs_node_ops {
	size_t size;
	int (*lookup)(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
		struct fs_entry *ret);
	void (*forget)(struct fs *fs, uint64_t node, uint64_t nlookup);
	int (*getattr)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, struct fs_attr *ret);
	int (*setattr)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, const struct fs_setattr *set, struct fs_attr *ret);
	/* buf holds PATH_MAX bytes and is NUL-terminated */
	int (*readlink)(struct fs *fs, const struct fs_req *req, uint64_t node, char *buf);
	int (*mknod)(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
		mode_t mode, dev_t rdev, struct fs_entry *ret);
	int (*mkdir)(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
		mode_t mode, struct fs_entry *ret);
	int (*symlink)(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
		const char *target, struct fs_entry *ret);
	int (*link)(struct fs *fs, const struct fs_req *req, uint64_t node, uint64_t parent,
		const char *name, struct fs_entry *ret);
	int (*unlink)(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name);
	int (*rmdir)(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name);
	int (*rename)(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
		uint64_t newparent, const char *newname, unsigned flags);
	int (*access)(struct fs *fs, const struct fs_req *req, uint64_t node, int mask);
	/* size 0 asks for the length: as getxattr(2), listxattr(2); flags: and FS_XATTR_KILL_SGID
	 */
	ssize_t (*getxattr)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const char *name, void *buf, size_t size);
	ssize_t (*listxattr)(
		struct fs *fs, const struct fs_req *req, uint64_t node, void *buf, size_t size);
	int (*setxattr)(struct fs *fs, const struct fs_req *req, uint64_t node, const char *name,
		const void *value, size_t size, int flags);
	int (*removexattr)(
		struct fs *fs, const struct fs_req *req, uint64_t node, const char *name);
	int (*statfs)(struct fs *fs, const struct fs_req *req, uint64_t node, struct statfs *ret);
	int (*syncfs)(struct fs *fs, const struct fs_req *req);
};

/* A piece of a file that was read: 0 or -errno. */
typedef int (*fs_piece_fn)(void *arg, const void *buf, size_t len, uint64_t off);

/* Operations on open files and directories. */
struct fs_file_ops {
	size_t size;
	/* O_TRUNC is the caller's to do, by setattr: no driver is passed it */
	int (*open)(struct fs *fs, const struct fs_req *req, uint64_t node, int flags,
		struct fs_handle *ret);
	int (*create)(struct fs *fs, const struct fs_req *req, uint64_t parent, const char *name,
		mode_t mode, int flags, struct fs_entry *ret, struct fs_handle *ret_h);
	int (*tmpfile)(struct fs *fs, const struct fs_req *req, uint64_t parent, mode_t mode,
		int flags, struct fs_entry *ret, struct fs_handle *ret_h);
	/* len may exceed what one request takes: split inside, several in flight. Short at EOF. */
	ssize_t (*read)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, void *buf, size_t len, uint64_t off);
	/* write-back (not on behalf of one guest's write): FUSE_WRITE_CACHE */
	ssize_t (*write)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, const void *buf, size_t len, uint64_t off,
		bool writeback);
	int (*flush)(
		struct fs *fs, const struct fs_req *req, uint64_t node, const struct fs_handle *h);
	int (*fsync)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, bool datasync);
	void (*release)(struct fs *fs, uint64_t node, const struct fs_handle *h);
	int (*opendir)(
		struct fs *fs, const struct fs_req *req, uint64_t node, struct fs_handle *ret);
	/* entries after cookie off; fn is called for each of one reply; 1 at the end, else 0 */
	int (*readdir)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, uint64_t off, fs_dirent_fn fn, void *arg);
	int (*fsyncdir)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, bool datasync);
	void (*releasedir)(struct fs *fs, uint64_t node, const struct fs_handle *h);
	int (*fallocate)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, int mode, uint64_t off, uint64_t len);
	off_t (*lseek)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, off_t off, int whence);
	int (*getlk)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, struct fs_lock *lock, uint64_t owner);
	int (*setlk)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, const struct fs_lock *lock, uint64_t owner, bool wait);
	/* in/out buffers as FUSE_IOCTL, restricted form */
	int (*ioctl)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, unsigned cmd, uint64_t arg, const void *in,
		size_t in_len, void *out, size_t *out_len, int *ret_result);
	/* -ENOSYS: it does not know. Else it says so when the answer changes (file_polled()). */
	int (*poll)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, unsigned events, unsigned *ret_revents);
	ssize_t (*copy_range)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, uint64_t off, uint64_t node_out,
		const struct fs_handle *h_out, uint64_t off_out, uint64_t len);
	/* As read, for what is not wanted in one buffer: pieces in order, each given to fn as it
	 * comes in while later ones are on their way. buf is room for them, of at least 128 KiB.
	 * fn's error ends it. Bytes given to fn, or -errno when none were. */
	ssize_t (*read_pieces)(struct fs *fs, const struct fs_req *req, uint64_t node,
		const struct fs_handle *h, void *buf, size_t size, size_t len, uint64_t off,
		fs_piece_fn fn, void *arg);
	/* FIBMAP: the block of the device that holds this block of the file; asked where the mount
	 * is of a block device */
	int (*bmap)(struct fs *fs, const struct fs_req *req, uint64_t node, uint64_t block,
		uint64_t *ret);
};

enum fs_flag {
	FS_DEFAULT_PERMISSIONS =
		1 << 0, /* we check modes; else the server does, by access and open */
	FS_ALLOW_OTHER = 1 << 1,
	FS_READ_ONLY = 1 << 2,
	FS_WRITEBACK_CACHE = 1 << 5,
	FS_DONT_MASK = 1 << 6, /* the server applies the umask */
	FS_NOEXEC = 1 << 7,
	FS_AUTO_INVAL_DATA = 1 << 8,	 /* other mtime or size in attributes: kept data is stale */
	FS_EXPLICIT_INVAL_DATA = 1 << 9, /* kept data is stale only when the server says so */
	FS_CACHE_SYMLINKS = 1 << 10,
	/* Nobody but this view changes it (an image that the view has locked). */
	FS_SOLE_CLIENT = 1 << 11,
	/* Group and set-group-ID bit of a directory are handed down by us: the server would not. */
	FS_GROUP_FROM_DIR = 1 << 12,
	FS_POSIX_LOCKS = 1 << 13, /* the server keeps locks of fcntl(2) */
	FS_FLOCK_LOCKS = 1 << 14, /* and of flock(2) */
	FS_ACL = 1 << 15, /* POSIX ACLs count where we check permissions (view/inode_acl.c) */
	/* and what they mean for modes, and who inherits them, is for us to see to */
	FS_ACL_OURS = 1 << 16,
	FS_KEEPS_OWNERS = 1 << 17, /* of host files: owners that a virtual root sets are kept */
	FS_OPENS_ALL = 1 << 18,	   /* with `unchanged`: no file is left to the kernel to open */
	FS_SUBSECOND = 1 << 19,	   /* a time was no whole second: what the server keeps is finer */
	/* With FS_SOLE_CLIENT: and a file is found by the very names that the view gave it alone,
	 * not by other spellings (vfat), each of which is a file of its own to libfuse. So what the
	 * server says stays true for longer than it promises, until the view changes it. */
	FS_SOLE_NAMES = 1 << 20,
	FS_KEEPS_NONE = 1 << 21, /* what nobody uses is forgotten at once */
};

/* What a driver fills; the view owns it from fs_register on. */
struct fs {
	const struct fs_node_ops *node;
	const struct fs_file_ops *file;
	/* Ends it: no op runs any more. Waits for the server, at most until deadline_ns
	 * (monotonic). */
	void (*unmount)(struct fs *fs, uint64_t deadline_ns);
	void (*free)(struct fs *fs);
	/* enum fs_flag; a driver may learn them late, before its first op returns */
	atomic_uint flags;
	uint64_t root_node;
	dev_t dev;			      /* st_dev of its files, given by the view */
	void *itable;			      /* the view's table of its inodes */
	const char *type;		      /* "fuse.fuse2fs": statfs and mounts show it */
	_Atomic uint32_t max_read, max_write; /* of one request; 0: any */
	struct watches *watches;	      /* the view's */
	atomic_int nwatched;		      /* mirrors of its inodes (view/watch.h) */
	atomic_int mounted;		      /* mounts that have not been ended; the view's */
	atomic_int nmounts;		      /* mounts that exist; the view's */
	int (*server_pid)(struct fs *fs);
	/* Not NULL: the file system shows files of the host, and this is an O_PATH descriptor of
	 * one, valid while the node is known. What guests open are those files themselves. */
	int (*host_fd)(struct fs *fs, uint64_t node);
	/* Then too, may be NULL: before such a file is opened with these flags of open(2), or
	 * watched or linked to as the host's own. */
	int (*host_prepare)(struct fs *fs, const struct fs_req *req, uint64_t node, int flags);
	/* Then too, may be NULL: an open file of the host, which this link of /proc leads to and
	 * whose attributes these are. Is it one that is shown by other numbers or owners? They are
	 * corrected. Asked once `shows` is set, which is before there is such a file. */
	bool (*shown)(struct fs *fs, const char *link, struct fs_attr *attr);
	atomic_bool shows;
	/* Then too, may be NULL: of an open file of the first folder (host_folder), for which this
	 * is a descriptor of ours: are mode, owner and times of it its own, and the kernel's to
	 * change? */
	bool (*plain)(struct fs *fs, int fd);
	/* Not NULL: a mount of it lies on a folder which it shows where nothing was changed. Is
	 * what this path (from its root) leads to that folder's own, all the way? Then the kernel
	 * may be left to it. */
	bool (*unchanged)(struct fs *fs, const char *path);
	/* Then too: where is the folder now that was, and on the host is, at this path? 0: there;
	 * 1: *ret, malloc'ed; -ENOENT: it was removed. */
	int (*whereabouts)(struct fs *fs, const char *path, char **ret);
	/* Then too, may be NULL: a name that led to this node and was to be kept; does it still?
	 * For what others may have changed, up to the last hear(), which is called before, once a
	 * walk (not NULL with this). */
	bool (*still)(struct fs *fs, uint64_t parent, const char *name, uint64_t node);
	void (*hear)(struct fs *fs);
	/* How many folders that nobody uses are kept, where each costs descriptors. */
	unsigned keep_max;
	/* Where it is made of several folders of the host: that number i, as a descriptor, the
	 * topmost first; -1: no more. NULL: the root alone. */
	int (*host_folder)(struct fs *fs, unsigned i);
	/* May be NULL: its options change ("size=2M", of its own alone), and it becomes read-only
	 * or not. */
	int (*remount)(struct fs *fs, const char *options, bool read_only);
	/* What a file system that is made of this one keeps, and how that ends. */
	void *owner;
	void (*owner_free)(void *owner);
	const char
		*host_root; /* then: where its root is in the host's file system, for mountinfo */
	/* How often the server was not asked: opens of regular files, and reads that are caught
	 * (those of files that are kept wholly are not). */
	struct {
		atomic_ullong opens, opens_kept, reads, reads_kept;
	} hits;
	_Atomic(struct files *) polled; /* the file layer's, if it has files open that are polled */
	atomic_int lost; /* -errno: data was lost in write-back, and files_sync() has not told it */
	atomic_uint late_closes; /* last closes that the server is still to hear of */
};

#endif
