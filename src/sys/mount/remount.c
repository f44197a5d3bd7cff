/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A mount whose server was started for reading only becomes writable: by another server. So nobody
 * may use it meanwhile, where a kernel does not mind.
 */
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "dev/loop/loop.h"
#include "sys/mount/calls.h"
#include "view/elsewhere.h"

/* What is needed to mount it again. */
struct again {
	char *target, *source, *type, *options;
	int loop; /* kept from being cleared meanwhile; -1: none */
};

static void again_release(struct again *a)
{
	free(a->target);
	free(a->source);
	free(a->type);
	free(a->options);
}

/* A loop device that is itself read-only stays so. */
static int hold_loop(struct um *um, struct again *a)
{
	struct loop_source ls;
	int n = loop_number(a->source), r;

	a->loop = -1;
	if (n < 0 || !um->loops)
		return 0;
	r = loop_mounting(um, n, &ls);
	if (r < 0)
		return r;
	free(ls.path);
	close(ls.fd);
	a->loop = n;
	return ls.read_only ? -EACCES : 0;
}

static int mount_anew(struct um *um, struct call *c, const struct again *a, unsigned long flags)
{
	struct mount_request rq = { .source = a->source,
		.target = a->target,
		.type = a->type,
		.options = a->options,
		.flags = flags };
	_cleanup_free_ char *message = NULL;
	_cleanup_mount_ struct mount *m = NULL;
	int r = um_mount(um, c, &rq, &message);

	if (r < 0) {
		log_warn(
			"%s is not mounted again: %s", a->target, message ? message : strerror(-r));
		return r;
	}
	m = view_mount_at(&um->view, 0, a->target);
	/* its image cannot be written to */
	return m && (atomic_load(&m->fs->flags) & FS_READ_ONLY) ? -EACCES : 0;
}

static int swap(struct um *um, struct call *c, const struct again *a, unsigned long flags)
{
	int r = um_umount(um, c, a->target, 0);

	if (r < 0)
		return r;
	r = mount_anew(um, c, a, flags);
	if (r < 0 && r != -EACCES && mount_anew(um, c, a, flags | MS_RDONLY) < 0)
		log_warn("%s: it is gone", a->target);
	return r;
}

int remount_writable(struct call *c, struct mount *m, unsigned long flags)
{
	_cleanup_mount_ struct mount *top = view_mount_at(&c->um->view, m->ns, m->target);
	_cleanup_(again_release) struct again a = { .loop = -1 };
	struct um *um = c->um;
	int r;

	if (top != m || is_elsewhere(&um->view, c->tid) || atomic_load(&m->fs->mounted) != 1 ||
		!mountsrv_whole_image(um->mountsrv, m->fs) || mount_type_read_only(m->type))
		return -EACCES;
	a = (struct again){ .target = strdup(m->target),
		.source = strdup(m->source),
		.type = strdup(m->type),
		.options = strdup(m->options),
		.loop = -1 };
	if (!a.target || !a.source || !a.type || !a.options)
		return -ENOMEM;
	r = hold_loop(um, &a);
	if (r == 0)
		r = swap(um, c, &a, flags);
	if (a.loop >= 0)
		loop_unmounted(um, a.loop);
	return r;
}
