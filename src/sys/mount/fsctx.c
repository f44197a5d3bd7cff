/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The newer way to mount: fsopen(2), fsconfig(2), fsmount(2), fspick(2); move_mount.c has its end.
 *
 * Theory of operation. A context, and a mount that is not attached yet, are virtual files that
 * carry what was asked for. Only move_mount() knows the place, which a server must be told: it ends
 * in mount_fuse() or um_mount() as mount(2) does. FSCONFIG_CMD_CREATE checks all that can be
 * checked before, so that errors come where programs look for them; read(2) of the context has the
 * words.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/guestmem.h"
#include "sys/mount/fsargs.h"
#include "sys/mount/fsctx.h"
#include "sys/task/ids.h"
#include "sys/mount/calls.h"
#include "sys/table.h"
#include "view/elsewhere.h"

#define FSOPEN_CLOEXEC_ 1
#define OPTIONS_MAX 4096

void fsctx_put(struct fsctx *x)
{
	if (atomic_fetch_sub(&x->refs, 1) != 1)
		return;
	free(x->type);
	free(x->source);
	free(x->options);
	free(x->message);
	if (x->picked)
		mount_put(x->picked);
	path_release(&x->tree);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

static void ctx_last_close(struct vfile *vf)
{
	fsctx_put(vf->priv);
}

/* One message, as the kernel gives them; -ENODATA when there is none. */
static enum verdict ctx_read(struct vfile *vf, struct call *c, UNUSED int fd)
{
	struct fsctx *x = vf->priv;
	_cleanup_free_ char *message = NULL;
	size_t len;
	int r;

	pthread_mutex_lock(&x->lock);
	message = take_ptr(&x->message);
	pthread_mutex_unlock(&x->lock);
	if (!message)
		return call_return(c, -ENODATA);
	len = strlen(message);
	if (len > c->args[2])
		return call_return(c, -EMSGSIZE);
	r = guest_write(c, call_addr(c, 1), message, len);
	return call_return(c, r < 0 ? r : (int64_t)len);
}

static const struct vfile_ops ctx_ops = {
	.size = sizeof(ctx_ops),
	.read = ctx_read,
	.last_close = ctx_last_close,
	.path = "anon_inode:[fscontext]",
};

static const struct vfile_ops mount_ops = {
	.size = sizeof(mount_ops),
	.last_close = ctx_last_close,
	.path = "/",
};

/* Answers with a file that stands for the context. Takes a reference of it. */
static enum verdict ctx_answer(
	struct call *c, struct fsctx *x, const struct vfile_ops *ops, bool cloexec)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	int mem = memfd_create("umview-fsctx", MFD_CLOEXEC);
	int r = mem < 0 ? -errno : vfile_new_device(c->um->files, mem, ops, x, &vf);

	if (r < 0) {
		fsctx_put(x);
		return call_return(c, r);
	}
	return guestfd_answer(c, vf->place, cloexec ? O_CLOEXEC : 0, ZONE_HOT);
}

/* Ours behind a descriptor: referenced as *ret_vf; NULL when it is none. */
static struct fsctx *ctx_of(
	struct call *c, int fd, const struct vfile_ops *ops, struct vfile **ret_vf)
{
	if (fd < VFD_BASE || vfile_of_fd(c, c->um->files, fd, ret_vf, NULL) < 0 || !*ret_vf)
		return NULL;
	return (*ret_vf)->ops == ops ? (*ret_vf)->priv : NULL;
}

struct fsctx *fsctx_mount_of(struct call *c, int fd, struct vfile **ret_vf)
{
	return ctx_of(c, fd, &mount_ops, ret_vf);
}

enum verdict fsctx_answer_mount(struct call *c, struct fsctx *x, bool cloexec)
{
	return ctx_answer(c, x, &mount_ops, cloexec);
}

struct fsctx *fsctx_new(const char *type)
{
	struct fsctx *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->tree = (struct path)PATH_INIT;
	atomic_init(&x->refs, 1);
	pthread_mutex_init(&x->lock, NULL);
	x->type = strdup(type);
	x->options = strdup("");
	if (x->type && x->options)
		return x;
	fsctx_put(x);
	return NULL;
}

/* Does anything in the view know the type? */
static int type_known(struct call *c, const char *type)
{
	struct server server = { NULL };
	int r;

	if (mount_type_is_fuse(type) || mount_type_is_ours(type))
		return 0;
	r = server_find(c->um->servers, type, &server);
	server_release(&server);
	return r;
}

enum verdict sys_fsopen(struct call *c)
{
	char type[128];
	struct fsctx *x;
	int r;

	if (guest_read_str(c, call_addr(c, 0), type, sizeof(type)) < 0)
		return CONTINUE;
	if (!mount_type_is_fuse(type) &&
		!(mount_type_is_overlay(type) && mount_overlay_is_ours(c)) &&
		(!ids_capable(c, CAP_SYS_ADMIN) ||
			(mount_type_is_kernels(type) && !mount_type_is_ours(type))))
		return CONTINUE;
	if (c->args[1] & ~(uint64_t)FSOPEN_CLOEXEC_)
		return call_return(c, -EINVAL);
	r = type_known(c, type);
	if (r < 0)
		return call_return(c, r);
	x = fsctx_new(type);
	if (!x)
		return call_return(c, -ENOMEM);
	snprintf(c->what, sizeof(c->what), "%s", type);
	return ctx_answer(c, x, &ctx_ops, c->args[1] & FSOPEN_CLOEXEC_);
}

/* ---- fsconfig ---- */

static const struct {
	const char *name;
	unsigned long set, clear;
} flag_names[] = {
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "lazytime", MS_LAZYTIME, 0 },
	{ "nolazytime", 0, MS_LAZYTIME },
};

/* Under the lock. */
static int add_option(struct fsctx *x, const char *key, const char *value)
{
	char *more = str_printf("%s%s%s%s%s", x->options, x->options[0] ? "," : "", key,
		value ? "=" : "", value ? value : "");

	if (!more)
		return -ENOMEM;
	if (strlen(more) >= OPTIONS_MAX) {
		free(more);
		return -EINVAL;
	}
	free(x->options);
	x->options = more;
	return 0;
}

static int replace(char **place, char *with)
{
	if (!with)
		return -ENOMEM;
	free(*place);
	*place = with;
	return 0;
}

/* Under the lock. */
static bool set_super_flag(struct fsctx *x, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (strcmp(key, flag_names[i].name) == 0) {
			x->flags = (x->flags & ~flag_names[i].clear) | flag_names[i].set;
			return true;
		}
	}
	return false;
}

/* Under the lock. As vfs_parse_fs_param(): the flags of all are one whatever value they are given.
 */
static int set_value(struct fsctx *x, const char *key, const char *value)
{
	if (set_super_flag(x, key))
		return 0;
	if (strcmp(key, "source") == 0)
		return x->source ? -EINVAL : replace(&x->source, strdup(value));
	if (strcmp(key, "subtype") == 0 && mount_type_is_fuse(x->type))
		return strchr(x->type, '.')
			       ? -EINVAL
			       : replace(&x->type, str_printf("%s.%s", x->type, value));
	return add_option(x, key, value);
}

const char *fsctx_source(const struct fsctx *x)
{
	return x->source || !mount_type_is_ours(x->type) ? x->source : "none";
}

static int check_served(struct call *c, struct fsctx *x, char **ret_message)
{
	struct mount_request rq = { .source = fsctx_source(x),
		.target = "/",
		.type = x->type,
		.options = x->options,
		.flags = x->flags,
		.cwd = "/",
		.dry_run = true };
	_cleanup_free_ char *cwd = NULL, *plan = NULL;
	int r;

	if (!rq.source)
		return -EINVAL;
	if (path_of_cwd(c, &c->um->view, c->tid, &cwd) == 0)
		rq.cwd = cwd;
	r = um_mount(c->um, c, &rq, &plan);
	if (r < 0 && plan)
		*ret_message = str_printf("e %s\n", plan);
	return r;
}

/* Under the lock of a context that nobody else uses sensibly meanwhile: it is let go for checks. */
static int create(struct call *c, struct fsctx *x)
{
	char *message = NULL;
	int r;

	if (x->phase != CTX_CONFIG || x->picked)
		return -EBUSY;
	x->phase = CTX_CREATED; /* what was set stays as it is from now on */
	pthread_mutex_unlock(&x->lock);
	r = mount_type_is_fuse(x->type) ? mount_fuse_check(c, x->options)
					: check_served(c, x, &message);
	pthread_mutex_lock(&x->lock);
	if (r < 0) {
		x->phase = CTX_CONFIG;
		free(x->message);
		x->message = message;
	}
	return r;
}

static int reconfigure(struct call *c, struct fsctx *x)
{
	const unsigned long super = MS_RDONLY | MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME;
	unsigned long flags;
	_cleanup_free_ char *options = strdup(x->options);
	struct mount *m;
	int r;

	if (!x->picked)
		return -EBUSY;
	if (!options)
		return -ENOMEM;
	m = mount_get(x->picked);
	flags = (m->flags & ~super) | (x->flags & super);
	pthread_mutex_unlock(&x->lock);
	r = mount_remount(c, m, options, flags);
	mount_put(m);
	pthread_mutex_lock(&x->lock);
	return r;
}

/* One command on a context, under its lock. */
static int config(struct call *c, struct fsctx *x, unsigned cmd, const char *key)
{
	char value[OPTIONS_MAX];

	if (cmd == FSCONFIG_CMD_CREATE || cmd == FSCONFIG_CMD_CREATE_EXCL_)
		return create(c, x);
	if (cmd == FSCONFIG_CMD_RECONFIGURE)
		return reconfigure(c, x);
	if (x->phase != CTX_CONFIG)
		return -EBUSY;
	switch (cmd) {
	case FSCONFIG_SET_FLAG:
		return set_super_flag(x, key) ? 0 : add_option(x, key, NULL);
	case FSCONFIG_SET_STRING:
	case FSCONFIG_SET_PATH:
	case FSCONFIG_SET_PATH_EMPTY: {
		ssize_t n;

		pthread_mutex_unlock(&x->lock);
		n = guest_read_str(c, call_addr(c, 3), value, sizeof(value));
		pthread_mutex_lock(&x->lock);
		if (x->phase != CTX_CONFIG)
			return -EBUSY; /* another thread went on: what was set is in use */
		if (n == -ENAMETOOLONG)
			return -EINVAL;
		return n < 0 ? (int)n : set_value(x, key, value);
	}
	case FSCONFIG_SET_FD:
		snprintf(value, sizeof(value), "%d", (int)c->args[4]);
		return set_value(x, key, value);
	default:
		return -EOPNOTSUPP;
	}
}

enum verdict sys_fsconfig(struct call *c)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	struct fsctx *x = ctx_of(c, call_fd(c, 0), &ctx_ops, &vf);
	unsigned cmd = (unsigned)c->args[1];
	char key[256] = "";
	ssize_t n = 0;
	int r;

	if (!x)
		return CONTINUE;
	r = fsconfig_args(c);
	if (r < 0)
		return call_return(c, r);
	if (c->args[2])
		n = guest_read_str(c, call_addr(c, 2), key, sizeof(key));
	if (n < 0)
		return call_return(c, n == -ENAMETOOLONG ? -EINVAL : n);
	snprintf(c->what, sizeof(c->what), "%u %.100s", cmd, key);
	pthread_mutex_lock(&x->lock);
	r = config(c, x, cmd, key);
	pthread_mutex_unlock(&x->lock);
	return call_return(c, r);
}

/* ---- fsmount, fspick ---- */

enum verdict sys_fsmount(struct call *c)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	struct fsctx *x = ctx_of(c, call_fd(c, 0), &ctx_ops, &vf);
	unsigned long flags;
	int r;

	elsewhere_note(&c->um->view, c->tid);
	if (!x && !fs_is_for_view(c))
		return CONTINUE;
	if (c->args[1] & ~1ull)
		return call_return(c, -EINVAL);
	r = mount_attr_flags(c->args[2], &flags);
	if (r == 0 && !x)
		r = fs_not_a_context(c, call_fd(c, 0));
	if (r < 0)
		return call_return(c, r);
	pthread_mutex_lock(&x->lock);
	if (x->phase != CTX_CREATED) {
		r = x->phase == CTX_CONFIG ? -EINVAL : -EBUSY;
	} else {
		x->phase = CTX_MOUNTED;
		x->flags |= flags;
		atomic_fetch_add(&x->refs, 1);
	}
	pthread_mutex_unlock(&x->lock);
	return r < 0 ? call_return(c, r) : ctx_answer(c, x, &mount_ops, c->args[1] & 1);
}

enum verdict sys_fspick(struct call *c)
{
	_cleanup_path_ struct path p = PATH_INIT;
	unsigned flags = (unsigned)c->args[2];
	struct fsctx *x;
	int r;

	if (!view_has_mounts(&c->um->view) && !fs_is_for_view(c))
		return CONTINUE;
	if (flags & ~(FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW | FSPICK_NO_AUTOMOUNT |
			    FSPICK_EMPTY_PATH))
		return fs_is_for_view(c) ? call_return(c, -EINVAL) : CONTINUE;
	r = path_resolve_arg(c, &c->um->view, call_fd(c, 0), call_addr(c, 1),
		(flags & FSPICK_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
			(flags & FSPICK_EMPTY_PATH ? PATH_EMPTY : 0) | PATH_REALIZE,
		&p);
	if (r == 0 && fs_is_for_view(c))
		r = fs_check_dirfd(c, call_fd(c, 0), &p);
	if (r < 0)
		return call_return(c, r);
	if (p.kind != PATH_VIRTUAL)
		return CONTINUE;
	if (!mount_root_is(p.mnt, p.inode))
		return call_return(c, -EINVAL);
	x = fsctx_new(p.mnt->type);
	if (!x)
		return call_return(c, -ENOMEM);
	x->picked = mount_get(p.mnt);
	x->flags = p.mnt->flags;
	return ctx_answer(c, x, &ctx_ops, flags & FSPICK_CLOEXEC);
}
