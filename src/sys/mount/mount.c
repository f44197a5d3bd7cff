/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mount(2). A server's mount of /dev/fuse is made here at once, as the kernel makes it; file
 * systems of a kernel's own, which need a server to be started, are given to um_mount() with
 * --root, where the guest is root of its view, and for root where the kernel cannot mount them: on
 * a mount of the view. What concerns no mount of the view is the kernel's to do or to refuse.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine.h"
#include "fs/fuse/dev.h"
#include "sys/mount/bind.h"
#include "sys/task/ids.h"
#include "sys/mount/calls.h"
#include "sys/mount/mountsrv.h"
#include "sys/net/netns.h"
#include "sys/table.h"
#include "view/elsewhere.h"
#include "view/root.h"
#include "view/space.h"

#define MOUNT_DATA_MAX 4096
#define MOUNT_FLAGS                                                                                \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS | MS_DIRSYNC | MS_NOATIME | \
		MS_NODIRATIME | MS_RELATIME | MS_LAZYTIME | MS_NOSYMFOLLOW)
#define MS_PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

bool mount_type_is_fuse(const char *type)
{
	return strcmp(type, "fuse") == 0 || strcmp(type, "fuseblk") == 0 ||
	       strncmp(type, "fuse.", 5) == 0 || strncmp(type, "fuseblk.", 8) == 0;
}

/* As do_mount(): the flags of a new mount, with the kernel's default for access times. */
unsigned long mount_flags_new(unsigned long flags)
{
	unsigned long f = flags & MOUNT_FLAGS;

	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		f |= MS_RELATIME;
	if (flags & (MS_STRICTATIME | MS_NOATIME))
		f &= ~(unsigned long)MS_RELATIME;
	return f;
}

int mount_where(struct call *c, int dirfd, const char *word, unsigned flags, struct path *ret)
{
	int r = path_resolve(c, &c->um->view, dirfd, word, flags | PATH_REALIZE, ret);

	/* a guest that has gone where the view cannot follow (chroot, its own name space) */
	return r == 0 && !ret->name ? -EPERM : r;
}

bool mount_is_foreign(struct call *c, const struct mount *m)
{
	ino_t space = space_of(&c->um->view, c->tid);

	if (space && m->ns != space)
		return true;
	return is_elsewhere(&c->um->view, c->tid) && m->ns != elsewhere_ns(&c->um->view, c->tid);
}

bool path_is_mount_root(const struct path *p)
{
	return p->kind == PATH_VIRTUAL && p->mnt && mount_root_is(p->mnt, p->inode) && p->name &&
	       strcmp(p->name, p->mnt->target) == 0;
}

/* What mountinfo shows of a FUSE mount beyond its flags (fuse_show_options() of the kernel). */
static char *show_options(const struct fuse_options *o, bool blk)
{
	char max_read[32] = "", blksize[32] = "";

	if (o->max_read && o->max_read != UINT32_MAX)
		snprintf(max_read, sizeof(max_read), ",max_read=%u", o->max_read);
	if (blk && o->blksize && o->blksize != 512)
		snprintf(blksize, sizeof(blksize), ",blksize=%u", o->blksize);
	return str_printf("user_id=%u,group_id=%u%s%s%s%s", o->user_id, o->group_id,
		o->default_permissions ? ",default_permissions" : "",
		o->allow_other ? ",allow_other" : "", max_read, blksize);
}

/* A connection to the server that has this device open, with its root inode. */
static int make_fs(
	struct vfile *dev, const struct fuse_options *o, struct fs **ret, struct inode **ret_root)
{
	struct fs_entry e;
	struct inode *root;
	struct fs *fs;
	int r = fuse_dev_mount(dev, o, &fuse_notify_view, &fs);

	if (r < 0)
		return r;
	r = itable_init(fs);
	if (r < 0) {
		fs->free(fs);
		return r;
	}
	fuse_root_entry(fs, &e);
	r = inode_from_entry(fs, &e, NULL, NULL, &root);
	if (r < 0) {
		fs_discard(fs, NULL);
		return r;
	}
	*ret = fs;
	*ret_root = root;
	return 0;
}

struct fuse_mount {
	const char *source, *type;
	unsigned long flags;
	struct fuse_options o;
	const struct path *where;
	struct mount_pending *pending; /* may be NULL */
	pid_t server;
};

/* Is a file found by the names that it was given, and by no other spelling of them? Of what is not
 * known here it is not said. */
static bool names_exact(const char *type, const char *options)
{
	static const char *const exact[] = { "ext2", "ext3", "ext4", "ntfs", "ntfs3", "zip" };

	if (mount_options_have(options, "ignore_case")) /* lowntfs-3g */
		return false;
	for (size_t i = 0; type && i < ARRAY_SIZE(exact); i++)
		if (strcmp(type, exact[i]) == 0)
			return true;
	return false;
}

static int fuse_attach(
	struct call *c, const struct fuse_mount *fm, struct vfile *dev, struct mount **ret)
{
	const struct mount_pending *p = fm->pending;
	_cleanup_free_ char *shown = show_options(&fm->o, strncmp(fm->type, "fuseblk", 7) == 0);
	unsigned long flags = mount_flags_new(fm->flags);
	struct inode *root;
	struct fs *fs;
	int r;

	if (!shown)
		return -ENOMEM;
	if (p)
		flags = p->flags | (flags & MS_RDONLY);
	r = make_fs(dev, &fm->o, &fs, &root);
	if (r < 0)
		return r;
	if (flags & MS_RDONLY)
		atomic_fetch_or(&fs->flags, FS_READ_ONLY);
	if (p && p->lock_fd >= 0)
		atomic_fetch_or(&fs->flags,
			FS_SOLE_CLIENT | ((flags & MS_RDONLY) || names_exact(p->type, p->options)
							 ? FS_SOLE_NAMES
							 : 0));
	if (!mount_type_is_fuse(p && p->type ? p->type : fm->type))
		atomic_fetch_or(&fs->flags, FS_GROUP_FROM_DIR);
	/* the server keeps ACLs, and no more */
	if (p && p->type && (!strncmp(p->type, "ext", 3) || !strcmp(p->type, "overlay")))
		atomic_fetch_or(&fs->flags, FS_ACL | FS_ACL_OURS);
	fuse_conn_set_server(fs, fm->server);
	r = view_mount(&c->um->view, fs, root, fm->where, p && p->source ? p->source : fm->source,
		p && p->type ? p->type : fm->type, p && p->options ? p->options : shown, flags,
		ret);
	if (r < 0) {
		fs_discard(fs, root);
		return r;
	}
	inode_put(root);
	(*ret)->server = fm->server;
	r = task_mark_service_tree(fm->server);
	if (r < 0)
		log_debug("server %d is not marked (%d): the view will wait for it", fm->server, r);
	return fuse_conn_start(fs);
}

pid_t mount_server_of(struct call *c)
{
	_cleanup_free_ char *stat = NULL;
	pid_t tgid = call_tgid(c), parent = 0;
	char path[64], *paren;

	snprintf(path, sizeof(path), "/proc/%d/stat", tgid);
	if (read_file(path, 4096, &stat, NULL) < 0)
		return tgid;
	paren = strrchr(stat, ')');
	if (!strstr(stat, "fusermount") || !paren || sscanf(paren + 1, " %*c %d", &parent) != 1)
		return tgid;
	return parent;
}

/* The options as the kernel demands them, and the open device that they name. */
static int fuse_device(
	struct call *c, const char *data, struct fuse_options *o, struct vfile **ret_dev)
{
	struct vfile *dev = NULL;
	int r = fuse_options_parse(data, o);

	if (r < 0)
		return r;
	if (o->fd < 0 || !o->have_rootmode || !o->have_user_id || !o->have_group_id)
		return -EINVAL;
	r = vfile_of_fd(c, c->um->files, o->fd, &dev, NULL);
	if (r == 0 && !fuse_dev_is(dev))
		r = -EINVAL;
	if (r == 0)
		*ret_dev = dev;
	else if (dev)
		vfile_put(dev);
	return r;
}

int mount_fuse_check(struct call *c, const char *data)
{
	_cleanup_vfile_ struct vfile *dev = NULL;
	struct fuse_options o;

	return fuse_device(c, data, &o, &dev);
}

int mount_fuse(struct call *c, const char *source, const char *type, const char *data,
	unsigned long flags, const struct path *where)
{
	struct fuse_mount fm = { .source = source, .type = type, .flags = flags, .where = where };
	_cleanup_mount_ struct mount *m = NULL;
	_cleanup_vfile_ struct vfile *dev = NULL;
	int r;

	r = fuse_device(c, data, &fm.o, &dev);
	if (r < 0)
		return r == -EBADF ? -EINVAL : r;
	fm.pending = mountsrv_pending_get(c->um->mountsrv, where->name);
	if (fm.pending)
		fm.where = fm.pending->where;
	fm.server = mount_server_of(c);
	r = fuse_attach(c, &fm, dev, &m);
	if (fm.pending)
		mountsrv_pending_done(fm.pending, m, r);
	else if (r == 0 && task_mark_service_tree(fm.server) < 0)
		log_warn("%s: its server is not known to be one", where->name);
	return r;
}

int mount_set_flags(struct call *c, struct mount *m, unsigned long new)
{
	struct fs_req req;
	int r;

	if (!(new &MS_RDONLY) && m->locked_ro)
		return -EPERM;
	if (!(new &MS_RDONLY) && (m->fs->flags & FS_READ_ONLY))
		return remount_writable(c, m, new); /* the server was told so at its start */
	if ((new &MS_RDONLY) && !(m->flags & MS_RDONLY)) {
		fs_req_init(&req, c);
		r = files_sync(c->um->files, m->fs, &req);
		if (r < 0)
			return r;
	}
	atomic_store(&m->flags, new);
	view_changed(&c->um->view);
	return 0;
}

static int note_options(struct call *c, struct mount *m, const char *options)
{
	_cleanup_free_ char *old = mount_options_copy(m);
	_cleanup_free_ char *now = old ? mount_options_merge(old, options) : NULL;

	return now ? view_set_options(&c->um->view, m->fs, now) : -ENOMEM;
}

int mount_remount(struct call *c, struct mount *m, const char *options, unsigned long flags)
{
	struct fs *fs = m->fs;
	int r = fs->remount ? fs->remount(fs, options, flags & MS_RDONLY) : 0;

	/* a kernel that does not let us reach it */
	if (r == -EPERM && !*options)
		r = 0;
	if (r == 0 && fs->remount && *options)
		r = note_options(c, m, options);
	return r < 0 ? r : mount_set_flags(c, m, flags);
}

/* MS_REMOUNT of a mount of the view; the kernel's for others. */
static int do_remount(struct call *c, const struct path *p, const char *data, unsigned long flags)
{
	const unsigned long atime = MS_RELATIME | MS_NOATIME | MS_NODIRATIME;
	unsigned long new = mount_flags_new(flags);

	if (ids_mounts_are_others(c))
		return -EPERM;
	if (!path_is_mount_root(p))
		return -EINVAL;
	if (mount_is_foreign(c, p->mnt))
		return -EACCES; /* its flags are those of all */
	if (!(flags & (atime | MS_STRICTATIME)))
		new = (new & ~atime) | (p->mnt->flags & atime);
	return flags & MS_BIND ? mount_set_flags(c, p->mnt, new)
			       : mount_remount(c, p->mnt, data, new);
}

static int do_bind(struct call *c, const struct path *from, const char *target, unsigned long flags)
{
	_cleanup_path_ struct path where = PATH_INIT;
	_cleanup_mount_ struct mount *m = NULL;
	unsigned long new;
	int r;

	if (!ids_may_mount(c))
		return -EPERM;
	r = mount_where(c, AT_FDCWD, target, PATH_FOLLOW, &where);
	if (r < 0)
		return r;
	new = mount_flags_new(flags & ~(unsigned long)MS_RDONLY);
	return flags & MS_REC ? um_bind_all(c->um, c, from, &where, new, &m)
			      : um_bind(c->um, from, &where, new, &m);
}

/* The moved one is a new mount of the same file system. */
int mount_move(struct call *c, const struct path *from, const struct path *where)
{
	_cleanup_mount_ struct mount *m = NULL, *old = mount_get(from->mnt);
	int r;

	if (!ids_may_mount(c))
		return -EPERM;
	if (!path_is_mount_root(from))
		return -EINVAL;
	if (old->rule)
		return -EPERM;
	if (where->kind == PATH_VIRTUAL && where->mnt == old)
		return -ELOOP;
	r = um_bind(c->um, from, where, 0, &m);
	if (r < 0)
		return r;
	r = view_detach(&c->um->view, old, 0);
	mount_ended(r < 0 ? m : old);
	if (r < 0 && view_detach(&c->um->view, m, MNT_DETACH) < 0)
		log_warn("%s: a failed move left a mount there", where->name);
	return r;
}

/* MS_MOVE of a mount of the view. */
static int do_move(struct call *c, const struct path *from, const char *target)
{
	_cleanup_path_ struct path where = PATH_INIT;
	int r;

	if (!ids_may_mount(c))
		return -EPERM;
	r = mount_where(c, AT_FDCWD, target, PATH_FOLLOW, &where);
	return r < 0 ? r : mount_move(c, from, &where);
}

/* Is the target on a mount of the view, where the kernel can put nothing? 1, 0 or -errno. */
static int target_is_virtual(struct call *c, const char *target)
{
	_cleanup_path_ struct path p = PATH_INIT;
	int r;

	if (!view_has_mounts(&c->um->view))
		return 0;
	r = path_resolve(c, &c->um->view, AT_FDCWD, target, PATH_FOLLOW, &p);
	return r < 0 ? r : p.kind == PATH_VIRTUAL;
}

/* MS_BIND and MS_MOVE of something real. The kernel's own root may let the kernel do it. */
static enum verdict bind_real(
	struct call *c, const struct path *from, const char *target, unsigned long flags)
{
	int r = target_is_virtual(c, target);

	if (r < 0)
		return call_return(c, r);
	if (from->kind == PATH_REAL && (flags & MS_BIND) && (r || ids_capable(c, CAP_SYS_ADMIN)))
		return call_return(c, do_bind(c, from, target, flags));
	return r ? call_return(c, -EPERM) : CONTINUE;
}

/* Propagation of a mount of the host's. What the view mounts is never seen elsewhere, so its root
 * has what it asks for. */
static enum verdict propagate_real(struct call *c, const struct path *p)
{
	struct statx sx;

	if (space_of(&c->um->view, c->tid))
		return call_return(c, 0);
	if (!ids_capable(c, CAP_SYS_ADMIN) || ids_kernel_capable(c, CAP_SYS_ADMIN))
		return CONTINUE;
	if (statx(p->dirfd, p->last, AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_TYPE, &sx) < 0)
		return call_return(c, -errno);
	return call_return(c, sx.stx_attributes & STATX_ATTR_MOUNT_ROOT ? 0 : -EINVAL);
}

/* What is asked of a place that a mount of the view may be: true when it was answered. */
static bool change_existing(struct call *c, unsigned long flags, const char *source,
	const char *target, const char *data, enum verdict *ret)
{
	const char *what = flags & (MS_REMOUNT | MS_PROPAGATION) ? target : source;
	_cleanup_path_ struct path p = PATH_INIT;
	int r;

	if (!(flags & (MS_REMOUNT | MS_BIND | MS_MOVE | MS_PROPAGATION)))
		return false;
	*ret = CONTINUE;
	if (!view_has_mounts(&c->um->view) && !ids_capable(c, CAP_SYS_ADMIN))
		return true;
	r = path_resolve(c, &c->um->view, AT_FDCWD, what, PATH_FOLLOW | PATH_REALIZE, &p);
	if (r < 0)
		*ret = call_return(c, r);
	else if (p.kind != PATH_VIRTUAL && (flags & MS_REMOUNT))
		*ret = CONTINUE;
	else if (p.kind != PATH_VIRTUAL)
		*ret = flags & MS_PROPAGATION ? propagate_real(c, &p)
					      : bind_real(c, &p, target, flags);
	else if (flags & MS_REMOUNT)
		*ret = call_return(c, do_remount(c, &p, data, flags));
	else if (flags & MS_PROPAGATION)
		*ret = call_return(c, path_is_mount_root(&p) ? 0 : -EINVAL);
	else
		*ret = call_return(c,
			flags & MS_MOVE ? do_move(c, &p, target) : do_bind(c, &p, target, flags));
	return true;
}

/* By a guest with a root of its own: what its word leads to, as the view names it. What leads
 * nowhere stays a word. */
static int name_from_root(struct call *c, const char *word, const char **ret, char **ret_owned)
{
	_cleanup_path_ struct path p = PATH_INIT;

	if (!atomic_load(&c->um->view.roots) ||
		path_resolve(c, &c->um->view, AT_FDCWD, word, PATH_FOLLOW | PATH_REALIZE, &p) < 0 ||
		!p.name)
		return 0;
	*ret = *ret_owned = take_ptr(&p.name);
	return 0;
}

/* As get_fs_type(): a type that nothing serves is told before the source is looked at. */
static int check_type(
	struct call *c, const char *source, const char *target, const char *type, const char *data)
{
	_cleanup_path_ struct path where = PATH_INIT;
	struct server s = { 0 };
	int r;

	if (mount_type_is_ours(type) || strstr(source, "://") || strstr(data, "server="))
		return 0;
	r = server_find(c->um->servers, type, &s);
	server_release(&s);
	if (r != -ENODEV)
		return 0;
	r = mount_where(c, AT_FDCWD, target, PATH_FOLLOW, &where);
	return r < 0 ? r : -ENODEV;
}

/* A file system of the kernel's own kind. */
static enum verdict mount_served(struct call *c, const char *source, const char *target,
	const char *type, const char *data, unsigned long flags)
{
	_cleanup_free_ char *message = NULL, *cwd = NULL;
	struct mount_request rq = { .source = source,
		.target = target,
		.type = type,
		.options = data,
		.flags = flags & MOUNT_FLAGS };
	_cleanup_free_ char *from = NULL;
	int r = check_type(c, source, target, type, data);

	if (r == 0)
		r = path_of_cwd(c, &c->um->view, c->tid, &cwd);
	if (r == 0)
		r = name_from_root(c, source, &rq.source, &from);
	if (r < 0)
		return call_return(c, r);
	(void)root_strip(&c->um->view, c,
		cwd); /* the target is looked for from there, and may not be found */
	rq.cwd = cwd;
	r = um_mount(c->um, c, &rq, &message);
	if (r < 0)
		log_warn("mount %s on %s: %s", source, target, message ? message : strerror(-r));
	return call_return(c, r);
}

/* Kernel file systems that no server stands for: the kernel says what it thinks of them. */
bool mount_type_is_kernels(const char *type)
{
	static const char *const types[] = { "proc", "sysfs", "tmpfs", "devtmpfs", "devpts",
		"cgroup", "cgroup2", "mqueue", "overlay", "bpf", "tracefs", "debugfs", "securityfs",
		"nfs", "ramfs", "hugetlbfs", "configfs", "binfmt_misc", "autofs", "rpc_pipefs",
		"efivarfs" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(type, types[i]) == 0)
			return true;
	}
	return false;
}

/* Where the host has what a virtual root mounts of the kernel's own; NULL: it may not. */
static const char *place_of_type(const char *type)
{
	static const struct {
		const char *type, *place;
	} types[] = { { "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" },
		{ "devpts", "/dev/pts" }, { "mqueue", "/dev/mqueue" },
		{ "cgroup2", "/sys/fs/cgroup" }, { "hugetlbfs", "/dev/hugepages" },
		{ "debugfs", "/sys/kernel/debug" }, { "tracefs", "/sys/kernel/tracing" },
		{ "securityfs", "/sys/kernel/security" },
		{ "binfmt_misc", "/proc/sys/fs/binfmt_misc" } };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(type, types[i].type) == 0)
			return types[i].place;
	}
	return NULL;
}

/* mount -t proc by the view's root shows there what the host has. */
static int mount_kernels(struct call *c, const char *place, const char *target, unsigned long flags)
{
	_cleanup_path_ struct path from = PATH_INIT;

	from.kind = PATH_REAL;
	from.dirfd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	from.name = from.dirfd < 0 ? NULL : strdup(place);
	if (!from.name)
		return from.dirfd < 0 ? -ENODEV : -ENOMEM;
	return do_bind(c, &from, target, flags);
}

bool mount_type_is_memory(const char *type)
{
	return strcmp(type, "tmpfs") == 0 || strcmp(type, "ramfs") == 0;
}

bool mount_type_is_overlay(const char *type)
{
	return strcmp(type, "overlay") == 0;
}

bool mount_type_is_ours(const char *type)
{
	return mount_type_is_memory(type) || mount_type_is_overlay(type);
}

bool mount_overlay_is_ours(struct call *c)
{
	struct view *v = &c->um->view;

	return (view_has_rules(v) ||
		       atomic_load_explicit(&v->nseen_through, memory_order_relaxed)) &&
	       ids_may_mount(c);
}

/* Does the guest's word lead the kernel to the same place? */
static bool word_leads(struct call *c, const char *word)
{
	_cleanup_path_ struct path p = PATH_INIT;

	return path_resolve(c, &c->um->view, AT_FDCWD, word, PATH_FOLLOW, &p) == 0 &&
	       path_word_leads(c, AT_FDCWD, word, &p);
}

/* A guest that is elsewhere keeps its mounts in the kernel, where they lie on what the view has
 * seen through (view/over.c). An overlay's folders are not the kernel's to find. */
static bool is_guests_own(struct call *c, unsigned long flags, const char *source,
	const char *target, const char *type)
{
	bool change = flags & (MS_REMOUNT | MS_PROPAGATION);

	if (!atomic_load(&c->um->view.nseen_through) || !is_elsewhere(&c->um->view, c->tid))
		return false;
	if (!change && !(flags & (MS_BIND | MS_MOVE)))
		return mount_type_is_kernels(type) && !mount_type_is_overlay(type) &&
		       word_leads(c, target);
	return word_leads(c, target) && (change || word_leads(c, source));
}

enum verdict sys_mount(struct call *c)
{
	_cleanup_free_ char *source = malloc(PATH_MAX), *target = malloc(PATH_MAX),
			    *data = calloc(1, MOUNT_DATA_MAX + 1);
	_cleanup_path_ struct path where = PATH_INIT;
	unsigned long flags = c->args[3];
	char type[128] = "";
	enum verdict v;
	ssize_t n = 0;
	int r;

	elsewhere_note(&c->um->view, c->tid);
	if (!source || !target || !data)
		return call_return(c, -ENOMEM);
	source[0] = '\0';
	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~(unsigned long)MS_MGC_MSK;
	if (c->args[2])
		n = guest_read_str(c, call_addr(c, 2), type, sizeof(type));
	if (n >= 0)
		n = guest_read_str(c, call_addr(c, 1), target, PATH_MAX);
	if (n < 0)
		return CONTINUE; /* the kernel says which error */
	snprintf(c->what, sizeof(c->what), "%s %.120s", type, target);
	if (c->args[0] && guest_read_str(c, call_addr(c, 0), source, PATH_MAX) < 0)
		return CONTINUE;
	if (netns_mount(c, source, target, type, flags, &r))
		return call_return(c, r);
	if (c->args[4] && guest_read_str(c, call_addr(c, 4), data, MOUNT_DATA_MAX) < 0)
		data[0] = '\0';
	if (is_guests_own(c, flags, source, target, type))
		return CONTINUE;
	if (change_existing(c, flags, source, target, data, &v))
		return v;
	if (!mount_type_is_fuse(type)) {
		bool served = type[0] && (!mount_type_is_kernels(type) || mount_type_is_ours(type));

		if (!served && place_of_type(type) && ids_capable(c, CAP_SYS_ADMIN) &&
			!ids_kernel_capable(c, CAP_SYS_ADMIN))
			return call_return(c, mount_kernels(c, place_of_type(type), target, flags));
		if (served && (ids_capable(c, CAP_SYS_ADMIN) ||
				      (mount_type_is_overlay(type) && mount_overlay_is_ours(c))))
			return mount_served(c, source, target, type, data, flags);
		r = target_is_virtual(c, target);
		if (r <= 0)
			return r < 0 ? call_return(c, r) : CONTINUE;
		if (!ids_may_mount(c))
			return call_return(c, -EPERM);
		if (served)
			return mount_served(c, source, target, type, data, flags);
		return call_return(c, type[0] ? -EPERM : -EINVAL);
	}
	r = mount_where(c, AT_FDCWD, target, PATH_FOLLOW, &where);
	if (r == 0)
		r = mount_fuse(c, source, type, data, flags, &where);
	return call_return(c, r);
}
