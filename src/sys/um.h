/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor: what every handler reaches through c->um.
 */
#ifndef UM_SYS_UM_H
#define UM_SYS_UM_H

#include "engine/call.h"
#include "file/vfile.h"
#include "view/view.h"

struct mountsrv; /* pending and served mounts: sys/mount/mountsrv.h */
struct loops;	 /* virtual loop devices: dev/loop/loop.h */
struct ids;	 /* virtual identities: sys/task/ids.h */
struct net;	 /* a network of the view's own: net/net.h */
struct networks; /* and those that guests make: sys/net/networks.h */
struct ctl;	 /* control socket */
struct trace;
struct tablefiles; /* /proc/PID/mounts that can be polled: sys/proc/tablefile.h */

struct um {
	struct engine *engine;
	struct view view;
	struct files *files;
	char *const *servers; /* "TYPE=COMMAND" of -o server=, NULL-terminated; or NULL */
	struct mountsrv *mountsrv;
	struct ids *ids;     /* NULL without --root */
	struct loops *loops; /* NULL without --root */
	/* NULL without --net: the host's network. Set when servers make calls already. */
	struct net *_Atomic net;
	struct networks *networks;
	const uint64_t *cache_size;	 /* --cache-size; NULL without */
	const struct families *families; /* net/family.h; NULL without --net-family */
	char *const
		*settings; /* lines of fstab(5) of what was asked for and is no mount; or NULL */
	struct ctl *ctl;
	struct trace *trace;
	struct tablefiles *tablefiles;
	char *rundir;		 /* $XDG_RUNTIME_DIR/umview/ID, 0700 */
	char *name;		 /* --name, or the ID */
	_Atomic pid_t first;	 /* the command's process; 0 until it is started */
	atomic_bool mapped_part; /* of some file has been mapped: see sys/fd/map.c, mremap(2) */
	bool mount_refused;	 /* a filter outside refuses mount(2): see sys/mount/carry.h */
};

#endif
