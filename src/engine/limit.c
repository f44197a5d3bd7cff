/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "engine/call.h"

#define RLIMIT_LOCKS_ 10 /* some libc headers hide the name */

/* The line of /proc/PID/limits. */
static const char *line_of(int resource)
{
	switch (resource) {
	case RLIMIT_NOFILE:
		return "\nMax open files ";
	case RLIMIT_FSIZE:
		return "\nMax file size ";
	case RLIMIT_LOCKS_:
		return "\nMax file locks ";
	default:
		return NULL;
	}
}

static const char *parse(const char *p, rlim_t *ret)
{
	char *end;

	p += strspn(p, " ");
	if (strncmp(p, "unlimited", 9) == 0) {
		*ret = RLIM_INFINITY;
		return p + 9;
	}
	*ret = strtoull(p, &end, 10);
	return end == p ? NULL : end;
}

/* prlimit(2) of another user's task asks for CAP_SYS_RESOURCE, which root in a container lacks
 * often; /proc tells everybody. */
int task_limit(pid_t pid, int resource, struct rlimit *ret)
{
	const char *line = line_of(resource), *p;
	_cleanup_free_ char *text = NULL;
	char path[64];
	struct rlimit rl;
	int r;

	if (prlimit(pid, (enum __rlimit_resource)resource, NULL, ret) == 0)
		return 0;
	if (errno != EPERM || !line)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	r = read_file(path, 65536, &text, NULL);
	if (r < 0)
		return r;
	p = strstr(text, line);
	p = p ? parse(p + strlen(line), &rl.rlim_cur) : NULL;
	if (!p || !parse(p, &rl.rlim_max))
		return -EPERM;
	*ret = rl;
	return 0;
}
