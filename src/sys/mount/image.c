/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images: what libblkid finds in them, and locks, so that none is mounted twice for writing. */
#include <blkid/blkid.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "sys/mount/internal.h"

static void probe_free(blkid_probe *pr)
{
	if (*pr)
		blkid_free_probe(*pr);
}

static const char *probe_value(blkid_probe pr, const char *name)
{
	const char *value = NULL;

	return blkid_probe_lookup_value(pr, name, &value, NULL) == 0 ? value : NULL;
}

/* What libblkid found, as a mount's type or as a reason why there is none. */
static int judge(const struct image_file *f, blkid_probe pr, const char *path, char **ret_type,
	char **ret_message)
{
	const char *type = probe_value(pr, "TYPE"), *usage = probe_value(pr, "USAGE");
	const char *table = probe_value(pr, "PTTYPE");

	if (usage && strcmp(usage, "crypto") == 0) {
		*ret_message = str_printf("%s is encrypted (%s): open it first (cryptsetup needs "
					  "root), then mount what it gives",
			path, type);
		return -EINVAL;
	}
	if (type && usage && strcmp(usage, "filesystem") != 0) {
		*ret_message = str_printf("%s holds no file system but %s (%s)", path, type, usage);
		return -EINVAL;
	}
	if (type) {
		*ret_type = strdup(type);
		return *ret_type ? 0 : -ENOMEM;
	}
	if (table) {
		_cleanup_free_ char *all = partition_list(f);

		*ret_message =
			str_printf("%s is a whole disk with a %s partition table: choose one "
				   "with the option partition=N: %s",
				path, table, all ? all : "it cannot be read");
	} else {
		*ret_message = str_printf("%s: no file system known to libblkid is in it; if you "
					  "know better, give the option type=TYPE",
			path);
	}
	return -EINVAL;
}

static uint64_t le(const unsigned char *p, int n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* How long a file system says it is: 0 when its type is none of these. (libblkid tells it from
 * util-linux 2.39 on.) */
static uint64_t fs_size(int fd, off_t at, const char *type)
{
	unsigned char sb[1024];

	if (strncmp(type, "ext", 3) == 0 && pread(fd, sb, sizeof(sb), at + 1024) == sizeof(sb)) {
		uint64_t blocks = le(sb + 4, 4);

		if (le(sb + 96, 4) & 0x80) /* INCOMPAT_64BIT */
			blocks |= le(sb + 0x150, 4) << 32;
		return le(sb + 24, 4) > 6 ? 0 : blocks * (1024ull << le(sb + 24, 4));
	}
	if (strcmp(type, "squashfs") == 0 && pread(fd, sb, 96, at) == 96)
		return le(sb + 40, 8);
	if (strcmp(type, "iso9660") == 0 && pread(fd, sb, 256, at + 32768) == 256)
		return le(sb + 80, 4) * le(sb + 128, 2);
	if (strcmp(type, "ntfs") == 0 && pread(fd, sb, 512, at) == 512)
		return le(sb + 40, 8) * le(sb + 11, 2);
	return 0;
}

/* The message of a copy that was cut short. */
static void note_truncated(
	int fd, blkid_probe pr, const char *path, const struct image_part *part, char **ret_message)
{
	const char *type = probe_value(pr, "TYPE");
	uint64_t want = type ? fs_size(fd, (off_t)part->offset, type) : 0, size = part->size;

	if (want > size)
		*ret_message = str_printf("%s is truncated: its file system (%s) has %llu bytes, "
					  "the file only %llu",
			path, type, (unsigned long long)want, (unsigned long long)size);
}

/* Files that are no file system, but that a server shows as one, or that need a program before. */
static const struct magic {
	const char *type;
	unsigned at;
	unsigned char n, bytes[8];
} magics[] = {
	{ "zip", 0, 4, "PK\3\4" },
	{ "zip", 0, 4, "PK\5\6" }, /* with nothing in it */
	{ "tar", 257, 5, "ustar" },
	{ "7z", 0, 6, "7z\xbc\xaf\x27\x1c" },
	{ "rar", 0, 4, "Rar!" },
	{ "cpio", 0, 5, "07070" },
	{ "cpio", 0, 2, "\xc7\x71" },
	{ "rpm", 0, 4, "\xed\xab\xee\xdb" },
	{ "deb", 0, 7, "!<arch>" },
	{ "xar", 0, 4, "xar!" },
	{ "cab", 0, 4, "MSCF" },
	{ "gzip", 0, 2, "\x1f\x8b" },
	{ "bzip2", 0, 3, "BZh" },
	{ "xz", 0, 6,
		"\xfd"
		"7zXZ" },
	{ "zstd", 0, 4, "\x28\xb5\x2f\xfd" },
	{ "qcow2", 0, 4, "QFI\xfb" },
	{ "vmdk", 0, 4, "KDMV" },
	{ "vdi", 64, 4, "\x7f\x10\xda\xbe" },
	{ "vhd", 0, 8, { 'c', 'o', 'n', 'e', 'c', 't', 'i', 'x' } }, /* not one of fixed size */
	{ "vhdx", 0, 8, { 'v', 'h', 'd', 'x', 'f', 'i', 'l', 'e' } },
};

bool image_type_is_packed(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if (strcmp(type, magics[i].type) == 0)
			return true;
	}
	return false;
}

const char *image_magic(const struct image_file *f)
{
	unsigned char head[512] = "";

	if (pread(f->fd, head, sizeof(head), 0) <= 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if (memcmp(head + magics[i].at, magics[i].bytes, magics[i].n) == 0)
			return magics[i].type;
	}
	return NULL;
}

static int probe(const struct image_file *f, const char *path, const struct image_part *part,
	bool whole, char **ret_type, char **ret_message)
{
	_cleanup_(probe_free) blkid_probe pr = blkid_new_probe();
	const char *magic = whole ? image_magic(f) : NULL;
	int r;

	if (!pr)
		return -ENOMEM;
	if (blkid_probe_set_device(pr, f->fd, (blkid_loff_t)part->offset,
		    whole ? 0 : (blkid_loff_t)part->size) != 0)
		return -EIO;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE);
	blkid_probe_enable_partitions(pr, whole);
	r = blkid_do_safeprobe(pr);
	if (r == -2) {
		*ret_message = str_printf("%s: more than one file system could be in it: give the "
					  "option type=TYPE",
			path);
		return -EINVAL;
	}
	if (r < 0) {
		*ret_message = str_printf("%s: cannot be read: %s", path, strerror(errno));
		return -EIO;
	}
	if (magic && !probe_value(pr, "TYPE")) {
		*ret_type = strdup(magic);
		return *ret_type ? 0 : -ENOMEM;
	}
	note_truncated(f->fd, pr, path, part, ret_message);
	if (*ret_message)
		return -EINVAL;
	return judge(f, pr, path, ret_type, ret_message);
}

int image_type(const struct image_file *f, const char *path, const struct image_part *part,
	char **ret_type, char **ret_message)
{
	struct image_part all = { .size = UINT64_MAX };
	struct stat st;
	int r;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		*ret_message = str_printf("%s is no image: it is neither a regular file nor a "
					  "block device",
			path);
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTBLK;
	}
	if (S_ISREG(st.st_mode) && st.st_size == 0) {
		*ret_message = str_printf("%s is empty", path);
		return -EINVAL;
	}
	if (S_ISREG(st.st_mode))
		all.size = (uint64_t)st.st_size;
	if (part && part->size && part->offset < all.size) {
		all.size -= part->offset;
		all.offset = part->offset;
		if (part->size < all.size)
			all.size = part->size;
		r = image_file_want(f, all.offset);
		return r < 0 ? r : probe(f, path, &all, false, ret_type, ret_message);
	}
	return probe(f, path, &all, true, ret_type, ret_message);
}

/* Who holds the lock, as the holder wrote it. */
static void locked_message(const char *lock, const char *path, bool rw, char **ret_message)
{
	_cleanup_fd_ int fd = open(lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char by[256] = "";
	ssize_t n = fd < 0 ? 0 : pread(fd, by, sizeof(by) - 1, 0);

	if (n > 0)
		by[strcspn(by, "\n")] = '\0';
	*ret_message = str_printf("%s is already mounted %s in view %s%s", path,
		strncmp(by, "rw ", 3) == 0 ? "read-write" : "read-only",
		strlen(by) > 3 ? by + 3 : "(unknown)",
		rw ? "" : ": it cannot be mounted at the same time");
}

/*
 * The lock file, with the part locked; a file that its last holder removed meanwhile is none. Who
 * has it holds flock(2) as well, which keeps it from being removed. -EAGAIN.
 */
static int open_lock(const char *lock, const struct image_part *part, bool rw)
{
	struct flock range = { .l_type = rw ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)part->offset };

	if (part->size && part->size <= (uint64_t)INT64_MAX - part->offset)
		range.l_len = (off_t)part->size;
	for (;;) {
		_cleanup_fd_ int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		struct stat here, there;

		if (fd < 0 || flock(fd, LOCK_SH) < 0 || fstat(fd, &here) < 0)
			return -errno;
		if (stat(lock, &there) < 0 || there.st_ino != here.st_ino ||
			there.st_dev != here.st_dev)
			continue;
		return fcntl(fd, F_OFD_SETLK, &range) < 0 ? -errno : take_fd(&fd);
	}
}

void image_unlock(int fd)
{
	char name[FD_PATH_MAX], lock[PATH_MAX];

	if (flock(fd, LOCK_EX | LOCK_NB) == 0 &&
		read_link(AT_FDCWD, fd_path(name, fd), lock, sizeof(lock)) > 0)
		(void)unlink(lock); /* nobody else has it; what stays is found at the next start */
	close(fd);
}

int image_lock(struct um *um, int image, const struct image_part *part, const char *path, bool rw,
	char **ret_message)
{
	_cleanup_free_ char *lock = NULL, *line = NULL;
	_cleanup_fd_ int fd = -1;
	struct stat st;
	char *slash;

	if (fstat(image, &st) < 0)
		return -errno;
	lock = strdup(um->rundir);
	slash = lock ? strrchr(lock, '/') : NULL;
	if (!slash)
		return -ENOMEM;
	*slash = '\0';
	slash = str_printf("%s/lock-%x-%x-%llu", lock, major(st.st_dev), minor(st.st_dev),
		(unsigned long long)st.st_ino);
	free(lock);
	lock = slash;
	if (!lock)
		return -ENOMEM;
	fd = open_lock(lock, part, rw);
	if (fd == -EAGAIN || fd == -EACCES) {
		locked_message(lock, path, rw, ret_message);
		return -EBUSY;
	}
	if (fd < 0) {
		*ret_message = str_printf(
			"%s: cannot make the lock file %s: %s", path, lock, strerror(-fd));
		return fd;
	}
	line = str_printf("%s %s\n", rw ? "rw" : "ro", um->name ? um->name : "");
	if (line && (ftruncate(fd, 0) < 0 || write_all(fd, line, strlen(line)) < 0))
		log_warn("%s: %s", lock, strerror(errno));
	return take_fd(&fd);
}
