/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: the path handlers show us each word before it is resolved. Nearly all are
 * turned down by their last component alone. What remains is made absolute by words ("." and ".."
 * as well: symbolic links to these files, but for /etc/mtab, are not looked for), recognised, and
 * answered: a table as a memfd that is read-only for the guest, a device by its driver.
 */
#include "sys/proc/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "dev/loop/loop.h"
#include "engine/engine.h"
#include "engine/nr.h"
#include "fs/fuse/dev.h"
#include "net/net.h"
#include "sys/task/binfmt.h"
#include "sys/task/ids.h"
#include "sys/net/calls.h"
#include "sys/net/networks.h"
#include "sys/proc/idmapfile.h"
#include "sys/proc/name.h"
#include "sys/proc/tablefile.h"
#include "sys/mount/runmount.h"
#include "sys/task/shadow.h"
#include "view/elsewhere.h"
#include "view/root.h"

#define FDINFO_MAX (1u << 20)

/* Answers with a file of this content, which the guest can only read. */
static enum verdict answer_text(
	struct call *c, const char *name, const char *text, size_t len, int flags)
{
	_cleanup_fd_ int mem = -1, ro = -1;
	char path[FD_PATH_MAX];
	int r;

	if ((flags & O_ACCMODE) != O_RDONLY)
		return call_return(c, -EACCES);
	if (flags & O_DIRECTORY)
		return call_return(c, -ENOTDIR);
	mem = memfd_create(name, MFD_CLOEXEC);
	if (mem < 0)
		return call_return(c, -errno);
	r = write_all(mem, text, len);
	if (r < 0)
		return call_return(c, r);
	ro = open(fd_path(path, mem), O_RDONLY | O_CLOEXEC);
	if (ro < 0)
		return call_return(c, -errno);
	return guestfd_answer(c, ro, flags & O_CLOEXEC, ZONE_LOWEST);
}

static bool open_table(struct call *c, const struct special *s, int flags, enum verdict *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r;

	/* by the root of a view it may be opened to wait for a mount that he is going to make */
	if ((flags & O_PATH) || !task_is_ours(s->pid) ||
		!(view_has_mounts(&c->um->view) || c->um->ids))
		return false;
	r = mounttable_text(c->um, s->pid, s->table, &text, &len);
	if (r < 0)
		*ret = call_return(c, r);
	else if (!tablefile_open(c, s->pid, s->table, &text, len, flags, ret))
		*ret = answer_text(c, "mounts", text, len, flags);
	return true;
}

static bool open_status(struct call *c, const struct special *s, int flags, enum verdict *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r;

	if ((flags & O_PATH) || !c->um->ids || !task_is_ours(s->pid))
		return false;
	r = ids_status_text(c->um->ids, s->pid, &text, &len);
	if (r == -EPERM)
		return false;
	*ret = r < 0 ? call_return(c, r) : answer_text(c, "status", text, len, flags);
	return true;
}

static bool open_maps(struct call *c, const struct special *s, int flags, enum verdict *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r;

	if ((flags & O_PATH) || !view_has_mounts(&c->um->view) || !task_is_ours(s->pid))
		return false;
	r = maps_text(c->um, s->pid, s->num ? "smaps" : "maps", &text, &len);
	if (r == 0)
		return false; /* the kernel's, which tells of later mappings and answers ioctl(2)
				 too */
	*ret = r < 0 ? call_return(c, r) : answer_text(c, "maps", text, len, flags);
	return true;
}

/* What stands for a file of the view has the mount and the number of that file. */
static bool open_fdinfo(struct call *c, const struct special *s, int flags, enum verdict *ret)
{
	_cleanup_inode_ struct inode *ino = NULL;
	_cleanup_mount_ struct mount *mnt = NULL;
	_cleanup_free_ char *host = NULL, *text = NULL;
	struct view *v = &c->um->view;
	const char *rest;
	char path[64];
	struct stat st;

	if ((flags & O_PATH) || !view_has_mounts(v))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", s->pid, s->num);
	if (!v->placeholder || stat(path, &st) < 0 ||
		!v->placeholder(v->placeholder_arg, &st, &ino, &mnt))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", s->pid, s->num);
	if (read_file(path, FDINFO_MAX, &host, NULL) < 0)
		return false;
	rest = strstr(host, "\nino:\t");
	rest = rest ? strchr(rest + 1, '\n') : NULL;
	text = str_printf("%.*smnt_id:\t%d\nino:\t%llu%s", (int)strcspn(host, "m"), host, mnt->id,
		(unsigned long long)inode_number(ino), rest ? rest : "\n");
	*ret = text ? answer_text(c, "fdinfo", text, strlen(text), flags) : call_return(c, -ENOMEM);
	return true;
}

/* A file of passwords that only root may read. */
static bool open_shadow(struct call *c, const char *path, int flags, enum verdict *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if ((flags & (O_PATH | O_ACCMODE)) != O_RDONLY || !shadow_wanted(c, path) ||
		shadow_text(path + 1, &text, &len) < 0)
		return false;
	*ret = answer_text(c, "shadow", text, len, flags);
	return true;
}

/* A file that each network has its own of. A listener cannot hand over what was opened with O_PATH:
 * it is open for reading instead. */
static enum verdict open_net(struct call *c, const struct special *s, int flags)
{
	_cleanup_fd_ int fd = -1;

	if (flags & O_PATH)
		flags &= ~(O_PATH | O_ACCMODE);
	fd = netfile_open(c, s->pid, s->rest, flags);
	return fd < 0 ? call_return(c, fd) : guestfd_answer(c, fd, flags & O_CLOEXEC, ZONE_LOWEST);
}

static void stat_net(struct call *c, const struct special *s, bool follow, struct stat *ret)
{
	_cleanup_fd_ int fd = netfile_open(c, s->pid, s->rest, O_PATH | (follow ? 0 : O_NOFOLLOW));

	if (fd < 0 || fstat(fd, ret) < 0)
		ret->st_mode = 0;
}

/* The text of a symbolic link; 0 where it is none. */
static ssize_t readlink_net(struct call *c, const struct special *s, char *buf, size_t size)
{
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	/* the kernel would tell of the process that opened it, and when it is read */
	if (netfile_is_namespace(s->rest))
		return netfile_namespace(c, s->pid, buf, size);
	fd = netfile_open(c, s->pid, s->rest, O_PATH | O_NOFOLLOW);
	n = fd < 0 ? fd : readlinkat(fd, "", buf, size);

	return fd < 0 ? fd : n < 0 ? (errno == ENOENT ? -EINVAL : -errno) : n;
}

bool procfile_open(struct call *c, int dirfd, const char *word, int flags, enum verdict *ret)
{
	struct special s;

	if (!special_parse(c, dirfd, word, &s))
		return false;
	switch (s.kind) {
	case SPECIAL_TABLE:
		return open_table(c, &s, flags, ret);
	case SPECIAL_STATUS:
		return open_status(c, &s, flags, ret);
	case SPECIAL_IDMAP:
		return idmapfile_open(c, s.pid, (enum nsid)s.num, flags, ret);
	case SPECIAL_MAPS:
		return open_maps(c, &s, flags, ret);
	case SPECIAL_FDINFO:
		return open_fdinfo(c, &s, flags, ret);
	case SPECIAL_OURS:
		/* what our placeholders are is not for guests, as with another user's process */
		*ret = call_return(c, -EACCES);
		return true;
	case SPECIAL_FUSE:
		if (flags & O_PATH)
			return false;
		*ret = fuse_dev_open(c, c->um->files, flags);
		return true;
	case SPECIAL_LOOP:
		return loop_open(c, s.num, flags, ret);
	case SPECIAL_LOOP_CTL:
		return loop_ctl_open(c, flags, ret);
	case SPECIAL_LOOP_SYS: {
		char text[PATH_MAX + 2];
		ssize_t n = loop_sys_read(c->um, s.num, s.rest, text, sizeof(text));

		if (n == 0 || (n < 0 && strncmp(s.rest, "loop", 4) != 0))
			return false;
		*ret = n < 0 ? call_return(c, (int)n)
			     : answer_text(c, "loop", text, (size_t)n, flags);
		return true;
	}
	case SPECIAL_SHADOW:
		return open_shadow(c, s.rest, flags, ret);
	case SPECIAL_RUN:
		*ret = runmount_open(c, s.rest, flags);
		return true;
	case SPECIAL_NET:
		*ret = open_net(c, &s, flags);
		return true;
	case SPECIAL_LINK:
	case SPECIAL_NONE:
		break;
	}
	return false;
}

static void device_stat(struct stat *st, mode_t mode, unsigned maj, unsigned min)
{
	*st = (struct stat){
		.st_mode = mode,
		.st_nlink = 1,
		.st_rdev = makedev(maj, min),
		.st_blksize = 4096,
		.st_ino = 0x10000 + maj * 256 + min,
		.st_dev = makedev(0, 5),
	};
	clock_gettime(CLOCK_REALTIME, &st->st_mtim);
	st->st_atim = st->st_ctim = st->st_mtim;
}

bool procfile_stat(struct call *c, int dirfd, const char *word, bool follow, struct stat *ret)
{
	struct special s;
	char text[PATH_MAX + 2];
	ssize_t n;

	if (!special_parse(c, dirfd, word, &s))
		return false;
	switch (s.kind) {
	case SPECIAL_FUSE:
		device_stat(ret, S_IFCHR | 0666, 10, 229);
		return true;
	case SPECIAL_LOOP_CTL:
		device_stat(ret, S_IFCHR | 0660, 10, 237);
		return true;
	case SPECIAL_LOOP:
		if (!loop_exists(c->um, s.num))
			return false;
		device_stat(ret, S_IFBLK | 0660, 7, (unsigned)s.num);
		ret->st_gid = 6;
		return true;
	case SPECIAL_LOOP_SYS:
		n = loop_sys_read(c->um, s.num, s.rest, text, sizeof(text));
		ret->st_mode = 0;
		if (n < 0)
			return strncmp(s.rest, "loop", 4) == 0;
		device_stat(ret, n > 0 ? S_IFREG | 0444 : S_IFDIR | 0755, 0, 0);
		ret->st_size = n > 0 ? 4096 : 0;
		return true;
	case SPECIAL_NET:
		stat_net(c, &s, follow, ret);
		return true;
	case SPECIAL_RUN:
		if (runmount_stat(c->um, s.rest, ret) < 0)
			ret->st_mode = 0;
		return true;
	default:
		return false;
	}
}

/* A real program that runs as a copy, because of its ELF interpreter. */
static int exe_copy(const char *link, char **ret)
{
	char target[PATH_MAX];

	if (read_link(AT_FDCWD, link, target, sizeof(target)) < 0)
		return 0;
	*ret = exe_copy_name(target);
	return *ret != NULL;
}

/* Where a link of /proc leads, when it is a placeholder of ours; else 0. */
static int link_target(struct call *c, const struct special *s, char **ret)
{
	static const char *const names[] = { "exe", "cwd", "root" };
	_cleanup_inode_ struct inode *ino = NULL;
	_cleanup_mount_ struct mount *mnt = NULL;
	struct view *v = &c->um->view;
	struct stat st;
	char path[64];

	if (s->link == LINK_MAP)
		return maps_target(c->um, s->pid, s->rest, ret);
	*ret = s->link == LINK_ROOT ? root_name_of(v, c->um, s->pid) : NULL;
	if (*ret) {
		(void)root_strip(v, c, *ret); /* what is not below its root has its whole name */
		return 1;
	}
	if (s->link == LINK_FD)
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", s->pid, s->num);
	else
		snprintf(path, sizeof(path), "/proc/%d/%s", s->pid, names[s->link]);
	if (stat(path, &st) < 0)
		return 0;
	if (!v->placeholder || !v->placeholder(v->placeholder_arg, &st, &ino, &mnt)) {
		_cleanup_vfile_ struct vfile *vf = files_find(c->um->files, &st);

		if (!vf && s->link == LINK_EXE)
			return exe_copy(path, ret);
		if (!vf && networks_any_stack(c->um) && network_knows(c->um, &st)) {
			*ret = str_printf("net:[%llu]", (unsigned long long)st.st_ino);
			return *ret ? 1 : -ENOMEM;
		}
		if (!vf || !vf->ops || !vf->ops->path)
			return 0;
		*ret = strdup(vf->ops->path);
		return *ret ? 1 : -ENOMEM;
	}
	*ret = path_of_placeholder(v, c, path, mnt, ino);
	if (*ret)
		(void)root_strip(v, c, *ret); /* what is not below its root has its whole name */
	return *ret ? 1 : -ENOMEM;
}

ssize_t procfile_readlink(struct call *c, int dirfd, const char *word, char *buf, size_t size)
{
	_cleanup_free_ char *target = NULL;
	struct special s;
	size_t len;
	int r;

	if (!special_parse(c, dirfd, word, &s))
		return 0;
	if (s.kind == SPECIAL_NET)
		return readlink_net(c, &s, buf, size);
	if (s.kind != SPECIAL_LINK)
		return 0;
	r = link_target(c, &s, &target);
	if (r <= 0)
		return r;
	len = strlen(target);
	if (len >= PATH_MAX) /* d_path() */
		return -ENAMETOOLONG;
	if (len > size)
		len = size;
	memcpy(buf, target, len);
	return (ssize_t)len;
}

/* The new name of a rename or link, when it is in /run/mount too. */
static bool new_run_name(struct call *c, char *buf, size_t size)
{
	bool at = c->nr == __NR_renameat || c->nr == __NR_renameat2 || c->nr == __NR_linkat;
	char word[PATH_MAX];
	struct special s;

	if (guest_read_str(c, call_addr(c, at ? 3 : 1), word, sizeof(word)) < 0 ||
		!special_parse(c, at ? call_fd(c, 2) : AT_FDCWD, word, &s) || s.kind != SPECIAL_RUN)
		return false;
	snprintf(buf, size, "%s", s.rest);
	return true;
}

static bool renames(int nr)
{
	return nr == __NR_rename || nr == __NR_renameat || nr == __NR_renameat2 ||
	       nr == __NR_link || nr == __NR_linkat;
}

/* The network's file is there as if it were mounted: it is written to, not replaced. */
static bool would_replace_resolv(int nr, const struct special *s)
{
	return s->kind == SPECIAL_NET && netfile_is_resolv(s->rest) &&
	       (renames(nr) || nr == __NR_unlink || nr == __NR_unlinkat);
}

bool procfile_change(struct call *c, int dirfd, const char *word, int *ret)
{
	char new_name[sizeof(((struct special *)0)->rest)];
	bool has_new;
	struct special s;

	if (c->um->ids && (c->nr == __NR_chown || c->nr == __NR_lchown || c->nr == __NR_fchownat)) {
		if (ids_chown(c, dirfd, word)) {
			*ret = 0;
			return true;
		}
	}
	if (!special_parse(c, dirfd, word, &s))
		return false;
	if (would_replace_resolv(c->nr, &s)) {
		*ret = -EBUSY;
		return true;
	}
	if (!c->um->ids || s.kind != SPECIAL_RUN)
		return false;
	has_new = renames(c->nr) && new_run_name(c, new_name, sizeof(new_name));
	*ret = runmount_change(c, s.rest, has_new ? new_name : NULL);
	return true;
}
