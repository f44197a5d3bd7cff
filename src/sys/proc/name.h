/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of sys/proc/file.h, recognised. */
#ifndef UM_SYS_PROC_NAME_H
#define UM_SYS_PROC_NAME_H

#include "sys/proc/file.h"

enum special_kind {
	SPECIAL_NONE,
	SPECIAL_TABLE,	  /* /proc/PID/mounts & co */
	SPECIAL_STATUS,	  /* /proc/PID/status */
	SPECIAL_IDMAP,	  /* /proc/PID/uid_map, gid_map */
	SPECIAL_MAPS,	  /* /proc/PID/maps, smaps */
	SPECIAL_LINK,	  /* /proc/PID/{exe,cwd,root}, /proc/PID/fd/N, /proc/PID/map_files/A-B */
	SPECIAL_FDINFO,	  /* /proc/PID/fdinfo/N */
	SPECIAL_OURS,	  /* /proc/SUPERVISOR/{fd,fdinfo,map_files} */
	SPECIAL_FUSE,	  /* /dev/fuse */
	SPECIAL_LOOP,	  /* /dev/loopN, /dev/loop/N */
	SPECIAL_LOOP_CTL, /* /dev/loop-control */
	SPECIAL_LOOP_SYS, /* /sys/block/loopN/... */
	SPECIAL_RUN,	  /* /run/mount/... */
	SPECIAL_SHADOW,	  /* /etc/shadow, /etc/gshadow: rest is which */
	SPECIAL_NET, /* /proc/net, /sys/class/net and the like, /etc/resolv.conf; the name is in
			rest */
};

enum link_kind { LINK_EXE, LINK_CWD, LINK_ROOT, LINK_FD, LINK_MAP };

struct special {
	enum special_kind kind;
	enum procfile_table table;
	enum link_kind link;
	pid_t pid;	/* whose file of /proc it is */
	int num;	/* descriptor, loop device */
	char rest[256]; /* what follows /sys/block/loopN/, /run/mount/ or map_files/ */
};

/* Does the word, relative to dirfd, name a made-up file? */
bool special_parse(struct call *c, int dirfd, const char *word, struct special *s);

/* The word made absolute and normalized, by words alone; NULL: relative to what has no path, or out
 * of memory. */
char *special_absolute(struct call *c, int dirfd, const char *word);

/* A process by the number that the guest has read in its /proc: 0 if there is none. */
pid_t special_pid(struct call *c, const char *digits);

#endif
