/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/pathset.h"

#include <search.h>
#include <string.h>

static int by_path(const void *a, const void *b)
{
	return strcmp(a, b);
}

int pathset_add(struct pathset *set, const char *path)
{
	_cleanup_free_ char *part = strdup(path);

	if (!part)
		return -ENOMEM;
	while (*part && !tfind(part, &set->root, by_path)) {
		char *slash = strrchr(part, '/'), *key = strdup(part);

		if (!key || !tsearch(key, &set->root, by_path)) {
			free(key);
			return -ENOMEM;
		}
		*(slash ? slash : part) = 0;
	}
	return 0;
}

bool pathset_has(const struct pathset *set, const char *path)
{
	return tfind(path, &set->root, by_path) != NULL;
}

void pathset_release(struct pathset *set)
{
	tdestroy(set->root, free);
	set->root = NULL;
}
