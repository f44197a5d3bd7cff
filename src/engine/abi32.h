/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The structures of i386, as the kernel of x86_64 names them compat_*. */
#ifndef UM_ENGINE_ABI32_H
#define UM_ENGINE_ABI32_H

#include <stdint.h>

struct stat_old32 {
	uint16_t dev, ino, mode, nlink, uid, gid, rdev;
	uint32_t size, atime, mtime, ctime;
};

struct time32 {
	int32_t sec;
	uint32_t nsec;
};

struct stat32 {
	uint32_t dev, ino;
	uint16_t mode, nlink, uid, gid;
	uint32_t rdev, size, blksize, blocks;
	struct time32 atime, mtime, ctime;
	uint32_t unused[2];
};

struct stat64_32 {
	uint64_t dev;
	uint8_t pad0[4];
	uint32_t short_ino, mode, nlink, uid, gid;
	uint64_t rdev;
	uint8_t pad3[4];
	int64_t size;
	uint32_t blksize;
	uint64_t blocks;
	struct time32 atime, mtime, ctime;
	uint64_t ino;
} __attribute__((packed));

struct statfs32 {
	uint32_t type, bsize, blocks, bfree, bavail, files, ffree, fsid[2], namelen, frsize, flags,
		spare[4];
};

struct statfs64_32 {
	uint32_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree;
	uint32_t fsid[2], namelen, frsize, flags, spare[4];
} __attribute__((packed));

struct iovec32 {
	uint32_t base, len;
};

struct msghdr32 {
	uint32_t name;
	int32_t namelen;
	uint32_t iov, iovlen, control, controllen, flags;
};

struct mmsghdr32 {
	struct msghdr32 hdr;
	uint32_t len;
};

struct cmsghdr32 {
	uint32_t len;
	int32_t level, type;
};

/* fcntl(2)'s locks of i386: with a flock32 by the commands of all others, with a flock64_32 by
 * these and by those of open files. */
#define F32_GETLK64 12
#define F32_SETLK64 13
#define F32_SETLKW64 14

struct flock32 {
	int16_t type, whence;
	int32_t start, len, pid;
};

struct flock64_32 {
	int16_t type, whence;
	int64_t start, len;
	int32_t pid;
} __attribute__((packed));

_Static_assert(sizeof(struct stat_old32) == 32, "oldstat");
_Static_assert(sizeof(struct stat32) == 64, "stat");
_Static_assert(sizeof(struct stat64_32) == 96, "stat64");
_Static_assert(sizeof(struct statfs32) == 64, "statfs");
_Static_assert(sizeof(struct statfs64_32) == 84, "statfs64");
_Static_assert(sizeof(struct msghdr32) == 28, "msghdr");
_Static_assert(sizeof(struct flock32) == 16, "flock");
_Static_assert(sizeof(struct flock64_32) == 24, "flock64");

#endif
