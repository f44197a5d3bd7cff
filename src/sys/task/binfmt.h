/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program file says about how it is to be started: #! lines, and ELF's PT_INTERP. */
#ifndef UM_SYS_TASK_BINFMT_H
#define UM_SYS_TASK_BINFMT_H

#include <limits.h>

#include "base/util.h"

#define IMAGE_HEAD 256 /* what the kernel looks at (BINPRM_BUF_SIZE) */

struct script {
	char line[IMAGE_HEAD];
	const char *interp; /* both point into line */
	const char *arg;    /* NULL: none */
};

/* Parses the first bytes of a file as binfmt_script does. 0; -ENOEXEC: no script, or a bad one. */
int MUST_CHECK script_parse(const char *head, size_t n, struct script *ret);

/* The name in PT_INTERP: its length; 0: none (static, or no ELF at all). -errno of a read. */
int MUST_CHECK elf_interp(int fd, char ret[PATH_MAX]);

/* The kernel calls a program that is such a copy "/memfd:umview-exe:NAME (deleted)". */
#define EXE_COPY "umview-exe:"
/* The NAME in that, malloc'ed; NULL when it is no such link or line, or memory is out. */
char *exe_copy_name(const char *link);

/* A copy of an ELF file whose PT_INTERP is another name: a memfd, or -errno. `name` is
 * what /proc shall call it (too long: its end). */
int MUST_CHECK elf_with_interp(int fd, const char *name, const char *interp);

/* The #! line of a script, with another interpreter: a memfd, or -errno. */
int MUST_CHECK script_with_interp(const struct script *s, const char *interp);

#endif
