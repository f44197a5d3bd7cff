/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What exec.c has found, and execrun.c makes the guest run. */
#ifndef UM_SYS_TASK_EXEC_H
#define UM_SYS_TASK_EXEC_H

#include <linux/limits.h>

#include "sys/task/binfmt.h"
#include "sys/um.h"

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000
#endif

#define EXEC_DEPTH_MAX 5 /* of interpreters that are scripts, as exec_binprm() has it */

/* One file of the chain. */
struct exec_image {
	struct path path; /* PATH_REAL or PATH_VIRTUAL */
	bool native;	  /* the kernel finds the same by the same words */
	int fd;		  /* open for reading; -1: not readable */
	char head[IMAGE_HEAD];
	size_t nhead;
	struct script script;
};

struct exec {
	struct call *c;
	struct fs_req req;
	int dirfd;
	char word[PATH_MAX];
	/* as the kernel calls it: AT_EXECFN, and a script's own name */
	char filename[PATH_MAX + 32];
	gaddr_t word_at, argv, envp;
	unsigned flags;
	bool pinned;  /* it is to be run by its descriptor */
	bool changed; /* something is not what the kernel would find */
	struct exec_image img[EXEC_DEPTH_MAX + 1];
	int last; /* the image that is not a script */
	const char *head[2 * EXEC_DEPTH_MAX + 3];
};

/* Opens what an exec is to run, for reading: image->path is PATH_VIRTUAL. -EACCES as execve(2). */
int MUST_CHECK exec_open_virtual(struct exec *x, struct exec_image *img);
/* Runs the last image: lets the call go on, or makes it another. */
enum verdict exec_run(struct exec *x);
/* Runs this real file instead of what was named. */
enum verdict exec_run_real(struct exec *x, const char *real);

static inline const char *exec_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

#endif
