/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No made-up files. Goes when procfile.c comes. */
#include "sys/procfile.h"

bool procfile_open(UNUSED struct call *c, UNUSED int dirfd, UNUSED const char *word,
	UNUSED int flags, UNUSED enum verdict *ret)
{
	return false;
}

bool procfile_stat(UNUSED struct call *c, UNUSED int dirfd, UNUSED const char *word,
	UNUSED bool follow, UNUSED struct stat *ret)
{
	return false;
}

ssize_t procfile_readlink(UNUSED struct call *c, UNUSED int dirfd, UNUSED const char *word,
	UNUSED char *buf, UNUSED size_t size)
{
	return 0;
}

bool procfile_change(
	UNUSED struct call *c, UNUSED int dirfd, UNUSED const char *word, UNUSED int *ret)
{
	return false;
}
