/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "view/mountinfo.h"

#include <stdio.h>
#include <string.h>

#define MOUNTINFO_MAX (16u << 20)

/* Undoes the escapes of one field, up to the next space. */
static void get_escaped(const char *s, char buf[PATH_MAX])
{
	size_t n = 0;

	while (*s && *s != ' ' && *s != '\n' && n + 1 < PATH_MAX) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			buf[n++] = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			buf[n++] = *s++;
		}
	}
	buf[n] = '\0';
}

bool mountinfo_next(const char **text, struct mountinfo *ret)
{
	while (**text) {
		const char *line = *text, *f;
		int at = 0;

		*text = strchrnul(line, '\n');
		*text += **text == '\n';
		if (sscanf(line, "%d %*d %u:%u %n", &ret->id, &ret->major, &ret->minor, &at) != 3 || !at)
			continue;
		get_escaped(line + at, ret->root);
		f = strchr(line + at, ' ');
		if (!f)
			continue;
		get_escaped(f + 1, ret->point);
		return true;
	}
	return false;
}

char *mountinfo_read(pid_t tid)
{
	char path[64], *text;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", tid);
	return read_file(path, MOUNTINFO_MAX, &text, NULL) < 0 ? NULL : text;
}

const char *path_below(const char *path, const char *top)
{
	size_t n = strcmp(top, "/") == 0 ? 0 : strlen(top);

	if (strncmp(path, top, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return n == 0 && path[1] == '\0' ? path + 1 : path + n;
}
