/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes, entries and names of a server: checked as the kernel checks them, then converted. */
#include "fs/fuse/conn.h"

#include <string.h>
#include <sys/sysmacros.h>

int fuse_check_attr(const struct fuse_attr *a)
{
	return mode_type_known(a->mode) && a->size <= INT64_MAX ? 0 : -EIO;
}

/* How long something stays valid; what the server has set beyond 100 years is that. */
static uint64_t valid_ns(uint64_t sec, uint32_t nsec)
{
	const uint64_t max = 3155760000ull;

	if (sec >= max)
		return max * NSEC_PER_SEC;
	return sec * NSEC_PER_SEC + (nsec < NSEC_PER_SEC ? nsec : NSEC_PER_SEC - 1);
}

static struct timespec take_time(uint64_t sec, uint32_t nsec)
{
	return (struct timespec){ .tv_sec = (time_t)sec,
		.tv_nsec = nsec < NSEC_PER_SEC ? nsec : NSEC_PER_SEC - 1 };
}

/* The kernel's 32-bit device numbers: 12 bits major, 20 bits minor. */
static dev_t decode_dev(uint32_t dev)
{
	return makedev((dev & 0xfff00) >> 8, (dev & 0xff) | ((dev >> 12) & 0xfff00));
}

uint32_t fuse_encode_dev(dev_t dev)
{
	uint32_t min = minor(dev);

	return (min & 0xff) | (major(dev) << 8) | ((min & ~0xffu) << 12);
}

void fuse_take_attr(
	const struct fuse_attr *a, uint64_t valid, uint32_t valid_nsec, struct fs_attr *ret)
{
	*ret = (struct fs_attr){
		.ino = a->ino,
		.size = a->size,
		.blocks = a->blocks,
		.atime = take_time(a->atime, a->atimensec),
		.mtime = take_time(a->mtime, a->mtimensec),
		.ctime = take_time(a->ctime, a->ctimensec),
		.mode = a->mode,
		.nlink = a->nlink,
		.uid = a->uid,
		.gid = a->gid,
		.rdev = decode_dev(a->rdev),
		.blksize = a->blksize ? a->blksize : 4096,
		.valid_ns = valid_ns(valid, valid_nsec),
	};
}

int fuse_take_entry(const struct fuse_entry_out *e, mode_t type, struct fs_entry *ret)
{
	if (e->nodeid == 0 || e->nodeid == FUSE_ROOT_ID || fuse_check_attr(&e->attr) ||
		(type && (e->attr.mode & S_IFMT) != type))
		return -EIO;
	ret->nodeid = e->nodeid;
	ret->generation = e->generation;
	ret->entry_valid_ns = valid_ns(e->entry_valid, e->entry_valid_nsec);
	fuse_take_attr(&e->attr, e->attr_valid, e->attr_valid_nsec, &ret->attr);
	return 0;
}

bool fuse_is_dot(const char *name, size_t len)
{
	return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

bool fuse_name_ok(const char *name, size_t len)
{
	return len > 0 && len <= FUSE_NAME_LEN_MAX && !memchr(name, '/', len) &&
	       !memchr(name, '\0', len);
}

static const char *const opcode_names[FUSE_NR_OPCODES] = {
	[FUSE_LOOKUP] = "LOOKUP",
	[FUSE_FORGET] = "FORGET",
	[FUSE_GETATTR] = "GETATTR",
	[FUSE_SETATTR] = "SETATTR",
	[FUSE_READLINK] = "READLINK",
	[FUSE_SYMLINK] = "SYMLINK",
	[FUSE_MKNOD] = "MKNOD",
	[FUSE_MKDIR] = "MKDIR",
	[FUSE_UNLINK] = "UNLINK",
	[FUSE_RMDIR] = "RMDIR",
	[FUSE_RENAME] = "RENAME",
	[FUSE_LINK] = "LINK",
	[FUSE_OPEN] = "OPEN",
	[FUSE_READ] = "READ",
	[FUSE_WRITE] = "WRITE",
	[FUSE_STATFS] = "STATFS",
	[FUSE_RELEASE] = "RELEASE",
	[FUSE_FSYNC] = "FSYNC",
	[FUSE_SETXATTR] = "SETXATTR",
	[FUSE_GETXATTR] = "GETXATTR",
	[FUSE_LISTXATTR] = "LISTXATTR",
	[FUSE_REMOVEXATTR] = "REMOVEXATTR",
	[FUSE_FLUSH] = "FLUSH",
	[FUSE_INIT] = "INIT",
	[FUSE_OPENDIR] = "OPENDIR",
	[FUSE_READDIR] = "READDIR",
	[FUSE_RELEASEDIR] = "RELEASEDIR",
	[FUSE_FSYNCDIR] = "FSYNCDIR",
	[FUSE_GETLK] = "GETLK",
	[FUSE_SETLK] = "SETLK",
	[FUSE_SETLKW] = "SETLKW",
	[FUSE_ACCESS] = "ACCESS",
	[FUSE_CREATE] = "CREATE",
	[FUSE_INTERRUPT] = "INTERRUPT",
	[FUSE_BMAP] = "BMAP",
	[FUSE_DESTROY] = "DESTROY",
	[FUSE_IOCTL] = "IOCTL",
	[FUSE_POLL] = "POLL",
	[FUSE_NOTIFY_REPLY] = "NOTIFY_REPLY",
	[FUSE_BATCH_FORGET] = "BATCH_FORGET",
	[FUSE_FALLOCATE] = "FALLOCATE",
	[FUSE_READDIRPLUS] = "READDIRPLUS",
	[FUSE_RENAME2] = "RENAME2",
	[FUSE_LSEEK] = "LSEEK",
	[FUSE_COPY_FILE_RANGE] = "COPY_FILE_RANGE",
	[FUSE_SYNCFS] = "SYNCFS",
	[FUSE_TMPFILE] = "TMPFILE",
};

const char *fuse_opcode_name(unsigned opcode)
{
	return opcode < FUSE_NR_OPCODES ? opcode_names[opcode] : NULL;
}
