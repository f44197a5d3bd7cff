/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bind mounts: what is on a mount of the view is bound as itself, what is the host's by a file
 * system that shows it (fs/host). What the host has mounted below a directory is seen through the
 * bind, as by mount --rbind.
 */
#include "sys/mount/bind.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "fs/host/host.h"
#include "fs/overlay/overlay.h"
#include "layer/entry.h"
#include "sys/mount/calls.h"
#include "view/mountinfo.h"

/* Which of the host's mounts a file is on, as mountinfo has it. */
struct host_mount {
	char *root; /* the file in its file system: the fourth field, for a bind of it */
	char *type, *source, *options;
};

static void host_mount_release(struct host_mount *m)
{
	free(m->root);
	free(m->type);
	free(m->source);
	free(m->options);
}

static int mount_id(int fd)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
		return -errno;
	return stx.stx_mask & STATX_MNT_ID ? (int)stx.stx_mnt_id : -ENOSYS;
}

static int host_mount_of(int fd, const char *path, struct host_mount *ret)
{
	_cleanup_free_ char *text = mountinfo_read(getpid());
	int id = mount_id(fd);
	struct mountinfo mi;

	if (id < 0)
		return id;
	if (!text)
		return -ENOMEM;
	if (!mountinfo_find(text, (uint64_t)id, &mi))
		return -ENOENT;
	/* a name that leads there by another mount */
	ret->root = path_below(path, mi.point) ? mountinfo_inside(&mi, path) : strdup("/");
	return ret->root ? mountinfo_super(&mi, &ret->type, &ret->source, &ret->options) : -ENOMEM;
}

/* The host's file as an O_PATH descriptor. */
static int open_source(const struct path *from)
{
	int fd = from->last[0] ? openat(from->dirfd, from->last, O_PATH | O_NOFOLLOW | O_CLOEXEC)
			       : fcntl(from->dirfd, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? -errno : fd;
}

static bool may_keep_owners(const struct um *um, int fd)
{
	char path[FD_PATH_MAX];
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) &&
	       (um->ids || getxattr(fd_path(path, fd), XATTR_OVERRIDE, NULL, 0) >= 0);
}

/* A folder with nothing in it, that has no name any more. */
static int empty_folder(const struct um *um)
{
	_cleanup_free_ char *path = str_printf("%s/below.XXXXXX", um->rundir);
	int fd;

	if (!path || !mkdtemp(path))
		return path ? -errno : -ENOMEM;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	(void)rmdir(path); /* else it goes with the run directory */
	return fd;
}

/* What keeps owners is an overlay, over nothing. */
static int owned_new(struct um *um, int fd, struct fs **ret)
{
	_cleanup_free_ struct overlay_layers *l = calloc(1, sizeof(*l));
	_cleanup_free_ char *message = NULL;
	char upper[FD_PATH_MAX], lower[FD_PATH_MAX];
	_cleanup_fd_ int below = empty_folder(um);
	struct statfs sfs;
	int r;

	if (!l)
		return -ENOMEM;
	if (below < 0 || fstatfs(fd, &sfs) < 0)
		return below < 0 ? below : -errno;
	l->lower[l->nlower++] = fd_path(lower, below);
	l->upper = fd_path(upper, fd);
	l->owners = true;
	l->root = um->ids;
	l->magic = sfs.f_type;
	r = overlay_new(l, ret, &message);
	if (r == 0) {
		(*ret)->host_folder = NULL; /* all that is in it is in one */
		(*ret)->type = "none";
	}
	return r;
}

static int bind_host(struct um *um, const struct path *from, const struct path *where,
	unsigned long flags, const struct mount_as *as, bool owned, struct mount **ret)
{
	_cleanup_(host_mount_release) struct host_mount hm = { NULL };
	_cleanup_inode_ struct inode *root = NULL;
	struct fs *fs = NULL;
	mode_t type = S_IFDIR;
	int fd = open_source(from), r;

	if (fd < 0)
		return fd;
	owned = owned && may_keep_owners(um, fd);
	r = host_mount_of(fd, from->name, &hm);
	if (r == 0 && (flags & MS_RDONLY)) {
		int ro = hostfs_clone_ro(fd, from->name);

		if (ro >= 0) {
			close(fd);
			fd = ro;
		}
	}
	if (r == 0 && owned)
		r = owned_new(um, fd, &fs);
	else if (r == 0)
		r = hostfs_new(fd, hm.root, &fs, &type);
	if (r < 0 || owned)
		close(fd);
	if (r < 0)
		return r;
	if (flags & MS_RDONLY)
		atomic_fetch_or(&fs->flags, FS_READ_ONLY);
	r = inode_root(fs, type, &root);
	if (r == 0)
		r = view_mount_as(
			&um->view, fs, root, where, hm.source, hm.type, hm.options, flags, as, ret);
	if (r < 0)
		fs_discard(fs, take_ptr(&root));
	return r;
}

int um_bind_owned(struct um *um, const struct path *from, const struct path *where,
	unsigned long flags, struct mount **ret)
{
	return from->kind == PATH_REAL ? bind_host(um, from, where, flags, NULL, true, ret)
				       : um_bind(um, from, where, flags, ret);
}

int um_bind_as(struct um *um, const struct path *from, const struct path *where,
	unsigned long flags, const struct mount_as *as, struct mount **ret)
{
	struct mount_as own = as ? *as : (struct mount_as){ .rule = RULE_NONE };
	_cleanup_free_ char *options = NULL;
	struct mount *m = from->mnt;
	int r;

	if (from->kind == PATH_REAL)
		return bind_host(um, from, where, flags, as, false, ret);
	options = mount_options_copy(m);
	if (!options)
		return -ENOMEM;
	own.locked_ro = m->locked_ro;
	r = view_mount_as(&um->view, m->fs, from->inode, where, m->source, m->type, options,
		atomic_load(&m->flags) | flags, &own, ret);
	if (r == 0)
		(*ret)->server = m->server;
	return r;
}

/* What the kernel shows to each process as that process's own, and its devices. */
static bool is_kernels(const char *name)
{
	static const char *const tops[] = { "/proc", "/sys", "/dev" };

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		if (path_below(name, tops[i]))
			return true;
	}
	return false;
}

int um_bind(struct um *um, const struct path *from, const struct path *where, unsigned long flags,
	struct mount **ret)
{
	const struct mount_as leads = { .rule = RULE_HOST, .leads = from->name, .guests = true };
	bool is_host = from->kind == PATH_REAL && is_kernels(from->name);

	return um_bind_as(um, from, where, flags, is_host ? &leads : NULL, ret);
}
