/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One view from its start to its end. */
#ifndef UM_CMD_RUN_H
#define UM_CMD_RUN_H

#include "base/util.h"

struct run_options {
	char *const *argv;    /* the command, NULL-terminated */
	bool root;	      /* --root */
	const char *rootfs;   /* --rootfs or NULL: it is among the mounts; the command begins in its
				 root */
	struct rootfs *image; /* --rootfs oci: or NULL (cmd/rootfs.h), fetched */
	const char *name;     /* --name or NULL */
	char *const *mounts;  /* each "SOURCE:TARGET[,OPTIONS]", NULL-terminated; or NULL */
	char *const *cows;    /* each "[NAME][,of=DIR][,ro]" (--cow), NULL-terminated; or NULL */
	char *const *servers; /* each "TYPE=COMMAND" (-o server=), NULL-terminated; or NULL */
	const struct families *families; /* --net-family (net/family.h), or NULL; */
	char *const *net_families;	 /* and its words, NULL-terminated; or NULL */
	char *const
		*nets; /* each a network interface (--net: net/spec.h), NULL-terminated; or NULL */
	const uint64_t *cache_size; /* --cache-size in bytes, or NULL */
	const char *trace;	    /* file, "-" for standard error, NULL: none */
	bool dry_run;		    /* say what would be set up, run nothing */
	bool json;		    /* say it as JSON */
};

/* The exit status: the command's, 128+n when a signal ended it, 125 when the view could not be
 * set up. */
int run_view(const struct run_options *o);

#endif
