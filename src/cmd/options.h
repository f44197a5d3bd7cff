/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of umview. */
#ifndef UM_CMD_OPTIONS_H
#define UM_CMD_OPTIONS_H

#include "base/log.h"
#include "cmd/rootfs.h"
#include "cmd/run.h"

enum action { ACTION_RUN, ACTION_CHECK, ACTION_LIST, ACTION_HELP, ACTION_VERSION };

struct options {
	enum action action;
	struct run_options run;
	char **mounts; /* run.mounts: owned, its strings are argv's or of made */
	size_t nmounts;
	char **made; /* of --bind and -F; owned, with its strings */
	size_t nmade;
	char **nets;		   /* run.nets */
	struct families *families; /* run.families */
	size_t nnets;
	bool host_basics;    /* --host-basics */
	struct rootfs image; /* run.image, of --rootfs oci: */
	char **cows;	     /* run.cows */
	size_t ncows;
	char **net_families; /* run.net_families */
	size_t nnet_families;
	char **servers; /* run.servers */
	size_t nservers;
	uint64_t cache_size; /* what run.cache_size points to */
	char *shell[2];	     /* run.argv where no command was given */
	const char *log;     /* file or NULL */
	enum log_level log_level;
};

/* Parses; strings stay argv's. 0; or -EINVAL after a message that says what is wrong and what to
 * do. */
int MUST_CHECK options_parse(struct options *o, char **argv);
void options_release(struct options *o);
void options_help(void);

#endif
