/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/setup.h"

#include "dev/loop/loop.h"
#include "sys/mount/carry.h"
#include "sys/task/ids.h"
#include "sys/mount/mountsrv.h"
#include "sys/net/networks.h"
#include "sys/proc/tablefile.h"
#include "view/watch.h"

#define FILES_END_NS (10 * NSEC_PER_SEC)

int um_init(struct um *um, bool root)
{
	int r = view_init(&um->view);

	um->mount_refused = mount_is_refused();
	if (r < 0)
		return r;
	r = tablefiles_new(&um->view, &um->tablefiles);
	if (r < 0)
		return r;
	r = watches_new(um->rundir, &um->view.watches);
	if (r < 0)
		return r;
	r = files_new(&um->view, um->rundir, um->cache_size, &um->files);
	if (r == 0)
		r = mountsrv_new(um, &um->mountsrv);
	if (r == 0)
		r = networks_new(&um->networks);
	if (r == 0 && root)
		r = ids_new(&um->view, &um->ids);
	if (r == 0 && root)
		r = loops_new(&um->loops);
	if (r == 0 && root)
		ids_install(um->ids);
	um->view.virtual_root = root;
	return r;
}

void um_release(struct um *um)
{
	if (um->mountsrv)
		mountsrv_free(um->mountsrv);
	if (um->files)
		files_free(um->files, now_ns() + FILES_END_NS);
	tablefiles_free(um->tablefiles);
	if (um->view.mounts.next)
		view_release(&um->view);
	watches_free(um->view.watches);
	loops_free(um->loops);
	ids_free(um->ids);
	networks_free(um->networks);
}
