/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tmpfs/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "fs/host/host.h"

static void words_release(struct tmpfs_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->value[i]);
	free(w->text);
}

static bool is_id(const char *word)
{
	return strcmp(word, "uid") == 0 || strcmp(word, "gid") == 0;
}

/* One option; ids of the virtual root are the user's. ramfs knows no other than mode=, and ignores
 * them. */
static int take_word(struct tmpfs_words *w, const struct tmpfs_request *rq, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	if (strcmp(rq->type, "ramfs") == 0 && strcmp(word, "mode") != 0)
		return 0;
	if (w->n == TMPFS_WORDS_MAX)
		return -EINVAL;
	w->word[w->n] = word;
	w->value[w->n] = NULL;
	if (value && rq->virtual_root && is_id(word) && strcmp(value, "0") == 0)
		w->value[w->n] = str_printf("%u", word[0] == 'u' ? geteuid() : getegid());
	else if (value)
		w->value[w->n] = strdup(value);
	if (value && !w->value[w->n])
		return -ENOMEM;
	w->n++;
	return 0;
}

static int words_split(struct tmpfs_words *w, const struct tmpfs_request *rq)
{
	char *save = NULL, *word;
	int r = 0;

	w->text = strdup(rq->options ? rq->options : "");
	if (!w->text)
		return -ENOMEM;
	for (word = strtok_r(w->text, ",", &save); word && r == 0;
		word = strtok_r(NULL, ",", &save))
		r = take_word(w, rq, word);
	if (r == 0 && strcmp(rq->type, "ramfs") == 0) {
		char *limit = strdup("0");

		if (!limit || w->n == TMPFS_WORDS_MAX) {
			free(limit);
			return -ENOMEM;
		}
		w->word[w->n] = (char *)(uintptr_t) "size";
		w->value[w->n++] = limit;
	}
	return r;
}

int tmpfs_new(const struct tmpfs_request *rq, struct fs **ret, char ret_option[256])
{
	_cleanup_(words_release) struct tmpfs_words w = { NULL };
	size_t bad = SIZE_MAX;
	struct fs *fs = NULL;
	mode_t type;
	int r = words_split(&w, rq), fd;

	ret_option[0] = '\0';
	if (r < 0)
		return r;
	fd = tmpfs_of_kernel(&w, &bad);
	if (fd >= 0) {
		r = hostfs_new(fd, "/", &fs, &type);
		if (r < 0)
			close(fd);
	} else if (bad == SIZE_MAX) {
		log_debug("no tmpfs of the kernel (%s): a folder stands for it", strerror(-fd));
		r = tmpfs_of_folder(&w, rq->rundir, &fs, &bad);
	} else {
		r = fd;
	}
	if (bad != SIZE_MAX)
		snprintf(ret_option, 256, "%s%s%s", w.word[bad], w.value[bad] ? "=" : "",
			w.value[bad] ? w.value[bad] : "");
	if (r < 0)
		return r;
	fs->type = strcmp(rq->type, "ramfs") == 0 ? "ramfs" : "tmpfs";
	*ret = fs;
	return 0;
}
