/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tmpfs/internal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "fs/host/host.h"
#include "fs/overlay/overlay.h"
#include "view/inode.h"

static void words_release(struct tmpfs_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->value[i]);
	free(w->text);
}

/* Is it about the root alone? */
static bool is_of_root(const char *word)
{
	return strcmp(word, "uid") == 0 || strcmp(word, "gid") == 0 || strcmp(word, "mode") == 0;
}

/* One option. ramfs knows no other than mode=, and ignores them. */
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
	if (value)
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

/* ---- of the kernel's ---- */

/* What a mount of it keeps. */
struct memory {
	struct tmpfs_kernel k;
	char *type;
	bool owners;
};

static void memory_free(void *owner)
{
	struct memory *m = owner;

	tmpfs_kernel_release(&m->k);
	free(m->type);
	free(m);
}

static int memory_remount(struct fs *fs, const char *options, bool read_only)
{
	const struct memory *m = fs->owner;
	const struct tmpfs_request rq = {
		.type = m->type, .options = options, .virtual_root = m->owners
	};
	_cleanup_(words_release) struct tmpfs_words w = { NULL };
	int r = words_split(&w, &rq);

	/* whose the root is was said when it was made, and so was its mode: tmpfs ignores these */
	for (size_t i = 0; i < w.n; i++)
		w.ours[i] = is_of_root(w.word[i]);
	return r < 0 ? r : tmpfs_kernel_remount(&m->k, &w, read_only);
}

/* Where owners are kept, its root is a folder of an overlay: one with nothing below. */
enum { OWN_FILES = 4 };
static const char *const own_folders[] = { "below", "upper", "work" };

/* The files that it takes are not the user's to pay for; whose the root is becomes ours. */
static int adapt_words(struct tmpfs_words *w)
{
	for (size_t i = 0; i < w->n; i++) {
		unsigned long long n;
		char *more, *end;

		w->ours[i] = is_of_root(w->word[i]);
		if (strcmp(w->word[i], "nr_inodes") != 0 || !w->value[i])
			continue;
		n = strtoull(w->value[i], &end, 0);
		if (*end || !n) /* a multiple of many, or no limit */
			continue;
		more = str_printf("%llu", n + OWN_FILES);
		if (!more)
			return -ENOMEM;
		free(w->value[i]);
		w->value[i] = more;
	}
	return 0;
}

/* What mode=, uid= and gid= say of the root. -EINVAL: *ret_bad. */
static int root_attr(const struct tmpfs_words *w, struct fs_setattr *ret, size_t *ret_bad)
{
	*ret = (struct fs_setattr){ .set = FS_SET_MODE | FS_SET_UID | FS_SET_GID, .mode = 01777 };
	for (size_t i = 0; i < w->n; i++) {
		const bool mode = strcmp(w->word[i], "mode") == 0;
		unsigned long n;
		char *end;

		if (!w->ours[i])
			continue;
		n = strtoul(w->value[i] ? w->value[i] : "", &end, mode ? 8 : 10);
		if (!w->value[i] || end == w->value[i] || *end || n >= UINT32_MAX) {
			*ret_bad = i;
			return -EINVAL;
		}
		if (mode)
			ret->mode = (mode_t)n & 07777;
		else if (w->word[i][0] == 'u')
			ret->uid = (uid_t)n;
		else
			ret->gid = (gid_t)n;
	}
	return 0;
}

static int make_overlay(int root, const char *type, const struct fs_setattr *set, struct fs **ret)
{
	_cleanup_free_ struct overlay_layers *l = calloc(1, sizeof(*l));
	_cleanup_free_ char *message = NULL;
	struct fs_req req = { .uid = 0 };
	char path[ARRAY_SIZE(own_folders)][FD_PATH_MAX + 8];
	struct fs_attr attr;
	int r;

	if (!l)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(own_folders); i++) {
		char fd[FD_PATH_MAX];

		snprintf(path[i], sizeof(path[i]), "%s/%s", fd_path(fd, root), own_folders[i]);
		if (mkdirat(root, own_folders[i], 0755) < 0)
			return -errno;
	}
	l->lower[l->nlower++] = path[0];
	l->upper = path[1];
	l->work = path[2];
	l->owners = l->root = true;
	l->magic = strcmp(type, "ramfs") == 0 ? RAMFS_MAGIC : TMPFS_MAGIC;
	l->own_files = OWN_FILES;
	r = overlay_new(l, ret, &message);
	if (r < 0)
		return r;
	(*ret)->host_folder = NULL; /* all that is in it is in one */
	r = (*ret)->node->setattr(*ret, &req, (*ret)->root_node, NULL, set, &attr);
	if (r < 0)
		fs_discard(*ret, NULL);
	return r;
}

/* k is taken. */
static int show_kernels(const struct tmpfs_request *rq, struct tmpfs_kernel *k,
	const struct fs_setattr *set, struct fs **ret)
{
	struct memory *m = calloc(1, sizeof(*m));
	struct fs *fs = NULL;
	mode_t type;
	int fd, r;

	if (!m) {
		tmpfs_kernel_release(k);
		return -ENOMEM;
	}
	*m = (struct memory){ .k = *k, .type = strdup(rq->type), .owners = rq->virtual_root };
	r = m->type ? 0 : -ENOMEM;
	if (r == 0 && rq->virtual_root) {
		r = make_overlay(k->root, rq->type, set, &fs);
	} else if (r == 0) {
		fd = fcntl(k->root, F_DUPFD_CLOEXEC, 3);
		r = fd < 0 ? -errno : hostfs_new(fd, "/", &fs, &type);
		if (r < 0)
			um_cleanup_fd(&fd);
	}
	if (r < 0) {
		memory_free(m);
		return r;
	}
	fs->owner = m;
	fs->owner_free = memory_free;
	fs->remount = memory_remount;
	*ret = fs;
	return 0;
}

int tmpfs_new(const struct tmpfs_request *rq, struct fs **ret, char ret_option[256])
{
	_cleanup_(words_release) struct tmpfs_words w = { NULL };
	struct fs_setattr set = { .set = 0 };
	struct tmpfs_kernel k;
	size_t bad = SIZE_MAX;
	struct fs *fs = NULL;
	int r = words_split(&w, rq);

	ret_option[0] = '\0';
	if (r == 0 && rq->virtual_root)
		r = adapt_words(&w);
	if (r < 0)
		return r;
	if (rq->virtual_root)
		r = root_attr(&w, &set, &bad);
	if (r == 0)
		r = tmpfs_of_kernel(&w, &k, &bad);
	if (r == 0) {
		r = show_kernels(rq, &k, &set, &fs);
	} else if (bad == SIZE_MAX) {
		log_debug("no tmpfs of the kernel (%s): a folder stands for it", strerror(-r));
		r = tmpfs_of_folder(&w, rq, &fs, &bad);
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
