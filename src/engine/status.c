/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/status.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int status_open(pid_t tid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

ssize_t status_again(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	if (n <= 0)
		return n < 0 ? -errno : -ESRCH;
	buf[n] = '\0';
	return n;
}

ssize_t status_read(pid_t tid, char *buf, size_t size)
{
	_cleanup_fd_ int fd = status_open(tid);

	return fd < 0 ? fd : status_again(fd, buf, size);
}

uint64_t status_number(const char *text, const char *key, int base)
{
	const char *p = strstr(text, key);

	return p ? strtoull(p + strlen(key), NULL, base) : 0;
}

const char *status_field(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	return p ? p + strlen(key) : NULL;
}

/* The next number of a line. */
static bool next_id(const char **at, uint32_t *ret)
{
	unsigned long id;
	char *end;

	if (!*at)
		return false;
	*at += strspn(*at, " \t");
	if (**at == '\n')
		return false;
	id = strtoul(*at, &end, 10);
	if (end == *at)
		return false;
	*at = end;
	*ret = (uint32_t)id;
	return true;
}

int status_ids(const char *text, const char *key, uint32_t ret[4])
{
	const char *p = status_field(text, key);
	int n = 0;

	while (n < 4 && next_id(&p, &ret[n]))
		n++;
	return n;
}

bool status_next_group(const char **at, gid_t *ret)
{
	return next_id(at, ret);
}
