/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks in a format of their own (of virtual machines, compressed), and partitions whose server
 * must have a file to itself.
 *
 * Theory of operation. A server of the table (share/umview/servers: qcow2, gzip-disk, part ...)
 * shows the disk as a file, "nbd", on a mount point in the run directory; that is mounted as any
 * file system is, by um_mount(). From there on that file is the source. The mount belongs to the
 * one that it was made for and ends with it.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/log.h"
#include "sys/mount/job.h"

#define DISK_NAME "nbd"	     /* nbdfuse(1): its file where none is named */
#define DISK_MAX (1ll << 42) /* bytes; longer than what is compressed may be */
#define BUSY_NS (5 * NSEC_PER_SEC)
#define UNPACK_NS (5 * NSEC_PER_SEC)
#define TICK_MS 100
enum { HEAD = 1 << 20 }; /* bytes; where superblocks and partition tables are */

/* A program of its own unpacks: what it reads may be hostile. Its process, *ret what it writes to;
 * or -errno. */
static pid_t start_unpacker(const char *program, int from, int *ret)
{
	char *const argv[] = { (char *)program, "-dc", NULL };
	posix_spawn_file_actions_t actions;
	int fds[2], r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = -posix_spawn_file_actions_init(&actions);
	if (r == 0)
		r = -posix_spawn_file_actions_adddup2(&actions, from, 0);
	if (r == 0)
		r = -posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	if (r == 0)
		r = -posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = -posix_spawnp(&pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	if (r < 0)
		close(fds[0]);
	else
		*ret = fds[0];
	return r < 0 ? r : pid;
}

/* What tells what a compressed file holds, into a file of ours. */
static int unpack_head(const char *program, int from, int to)
{
	const uint64_t deadline = now_ns() + UNPACK_NS;
	_cleanup_free_ char *buf = malloc(HEAD);
	_cleanup_fd_ int fd = -1;
	size_t len = 0;
	ssize_t n = 1;
	pid_t pid;

	if (!buf || lseek(from, 0, SEEK_SET) < 0)
		return -ENOMEM;
	pid = start_unpacker(program, from, &fd);
	if (pid < 0)
		return (int)pid;
	while (n > 0 && len < HEAD && now_ns() < deadline) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, TICK_MS) <= 0)
			continue;
		n = read(fd, buf + len, HEAD - len);
		if (n > 0)
			len += (size_t)n;
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return write_all(to, buf, len);
}

/* Does a compressed file hold a disk, and no archive? */
static bool holds_disk(const struct mount_job *j, const char *program)
{
	struct image_file head = IMAGE_FILE_NONE;
	_cleanup_free_ char *type = NULL, *why = NULL, *parts = NULL;
	int fd = memfd_create("umview-disk", MFD_CLOEXEC);
	bool is = false;

	if (fd < 0 || image_file_init(&head, j->um, fd, false) < 0)
		return false;
	if (unpack_head(program, j->image.fd, fd) == 0 && ftruncate(fd, DISK_MAX) == 0) {
		if (image_type(&head, "", NULL, &type, &why) == 0)
			is = !image_type_is_packed(type);
		else
			is = (parts = partition_list(&head));
	}
	image_file_release(&head);
	return is;
}

struct disk_kind {
	const char *magic;    /* image_magic() */
	const char *server;   /* the type in the table of what opens it; NULL: nothing does */
	const char *unpacker; /* of what may be something else */
};

/* NULL: it is open, or none. */
static const struct disk_kind *disk_kind(const struct mount_job *j)
{
	static const struct disk_kind kinds[] = {
		{ "qcow2", "qcow2" },
		{ "vmdk", "vmdk" },
		{ "vdi", "vdi" },
		{ "vhd", "vhd" },
		{ "vhdx", "vhdx" },
		{ "gzip", "gzip-disk", "gzip" },
		{ "xz", "xz-disk", "xz" },
		{ "zstd", NULL, "zstd" },
		{ "bzip2", NULL, "bzip2" },
	};
	_cleanup_free_ char *type = NULL, *why = NULL;
	const char *magic = image_magic(&j->image);

	for (size_t i = 0; magic && i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(magic, kinds[i].magic) != 0)
			continue;
		/* libblkid has the first word */
		if (image_type(&j->image, "", NULL, &type, &why) < 0 || strcmp(type, magic) != 0)
			return NULL;
		return !kinds[i].unpacker || holds_disk(j, kinds[i].unpacker) ? &kinds[i] : NULL;
	}
	return NULL;
}

static char *make_place(struct mount_job *j)
{
	_cleanup_free_ char *dir = str_printf("%s/disk-XXXXXX", j->um->rundir);

	if (!dir || !mkdtemp(dir)) {
		mount_job_fail(
			j, -errno, "cannot make %s: %s", dir ? dir : "a folder", strerror(errno));
		return NULL;
	}
	return realpath(dir, NULL);
}

int mount_open_as(struct mount_job *j, const char *type)
{
	_cleanup_free_ char *place = make_place(j), *message = NULL;
	_cleanup_free_ char *options = str_printf("%s%s", j->o.flags & MS_RDONLY ? "ro" : "rw",
		j->o.backing_files ? ",backing-files" : "");
	struct mount_request rq = { .source = j->source,
		.target = place,
		.type = type,
		.options = options,
		.from_host = j->rq->from_host && !j->disks[0],
		.disk = &j->part,
		.dry_run = j->rq->dry_run };
	size_t n = 0;
	int r;

	while (n < MOUNT_DISKS && j->disks[n])
		n++;
	if (!place || n == MOUNT_DISKS)
		return place ? -ELOOP : -ENOENT;
	if (!options)
		return -ENOMEM;
	r = um_mount(j->um, j->c, &rq, &message);
	if (r < 0 || rq.dry_run) {
		(void)rmdir(place);
		*j->ret_message = take_ptr(&message);
		return r < 0 ? r : 1;
	}
	if (mount_type_read_only(type))
		j->o.flags |= MS_RDONLY;
	if (!j->shown)
		j->shown = take_ptr(&j->source);
	free(j->source);
	j->source = str_printf("%s/" DISK_NAME, place);
	j->disks[n] = take_ptr(&place);
	image_file_release(&j->image);
	j->part = (struct image_part){ 0 };
	r = j->source ? mount_open_source(j) : -ENOMEM;
	return r < 0 ? mount_job_fail(j, r,
			       "%s: it was opened as a disk of type %s, but not found: %s",
			       j->shown, type, strerror(-r))
		     : 0;
}

int mount_open_disk(struct mount_job *j)
{
	const struct disk_kind *kind;

	if (j->image.file < 0 || j->o.server ||
		(j->type && (mount_job_is_fuse(j) || image_type_is_packed(j->type))))
		return 0;
	kind = disk_kind(j);
	if (!kind)
		return 0;
	return kind->server ? mount_open_as(j, kind->server)
			    : mount_job_fail(j, -EOPNOTSUPP,
				      "%s holds a disk, which can be opened where it is "
				      "compressed by gzip or xz, not by %s: unpack it first "
				      "(%s -dk)",
				      j->source, kind->magic, kind->unpacker);
}

/* What was written to it is in the image when it is down: a last close may be under way still. */
static void close_disk(struct um *um, const char *target)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	uint64_t until = now_ns() + BUSY_NS;
	int r;

	while ((r = um_umount(um, NULL, target, 0)) == -EBUSY && now_ns() < until)
		(void)nanosleep(&nap, NULL);
	if (r == -EBUSY)
		r = um_umount(um, NULL, target, MNT_DETACH);
	if (r < 0 && r != -EINVAL) /* the view's end has taken it down already */
		log_warn("%s: %s", target, strerror(-r));
	(void)rmdir(target);
}

void mount_close_disks(struct um *um, char *disks[MOUNT_DISKS])
{
	for (size_t i = MOUNT_DISKS; i-- > 0;) {
		if (disks[i])
			close_disk(um, disks[i]);
		free(disks[i]);
		disks[i] = NULL;
	}
}
