/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links of /proc on a walk. Those below /proc/PID lead to files, not to names; where such a file
 * is a placeholder, the walk goes on at what it stands for.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "view/opened.h"
#include "view/root.h"
#include "view/walk.h"

int walk_real_error(const struct walk *w, int err)
{
	/* our own want, which tells nothing about the path */
	if (err == -EMFILE || err == -ENFILE || err == -ENOMEM)
		return err;
	return w->touched ? err : WALK_NATIVE;
}

bool walk_is_magic(const char *path)
{
	return strncmp(path, "/proc/", 6) == 0 && path[6] >= '0' && path[6] <= '9';
}

bool walk_is_magic_file(const char *path)
{
	const char *last = strrchr(path, '/');

	if (!walk_is_magic(path))
		return false;
	return strcmp(last, "/cwd") == 0 || strcmp(last, "/exe") == 0 ||
	       strcmp(last, "/root") == 0 ||
	       (last - path >= 3 && memcmp(last - 3, "/fd", 3) == 0) ||
	       (last - path >= 10 && memcmp(last - 10, "/map_files", 10) == 0);
}

static int magic_to_real(struct walk *w, const char *path)
{
	char name[PATH_MAX], self[FD_PATH_MAX];
	_cleanup_fd_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st, by_name;
	ssize_t n;

	if (fd < 0)
		return walk_real_error(w, -errno);
	if (fstat(fd, &st) < 0)
		return walk_real_error(w, -errno);
	if (!walk_rest_empty(w->rest) && !S_ISDIR(st.st_mode))
		return walk_real_error(w, -ENOTDIR);
	n = read_link(AT_FDCWD, fd_path(self, fd), name, sizeof(name));
	if (n < 0)
		return walk_real_error(w, (int)n);
	/* another mount namespace's, or in no tree at all */
	if (S_ISDIR(st.st_mode) && st.st_nlink &&
		(stat(name, &by_name) < 0 || by_name.st_dev != st.st_dev ||
			by_name.st_ino != st.st_ino))
		return walk_real_error(w, -ENOENT);
	place_set_real(&w->at, name, (size_t)n, take_fd(&fd));
	/* /proc/PID/root: another root may lie on it */
	return n == 1 ? walk_cross_here(w) : WALK_MORE;
}

/* /proc/PID/root, where another root lies on the host's? */
static bool is_covered_root(struct walk *w, const char *link)
{
	_cleanup_mount_ struct mount *m = view_mount_at(w->v, w->ns, "/");
	char name[8];

	return m && read_link(AT_FDCWD, link, name, sizeof(name)) == 1;
}

bool walk_seen_through_file(struct walk *w, const char *link)
{
	_cleanup_mount_ struct mount *m = NULL;
	_cleanup_free_ char *name = NULL;
	struct inode *ino;
	struct mount *mnt;
	char real[PATH_MAX];
	const char *at;
	struct stat st;
	bool free_way;

	if (!atomic_load_explicit(&w->v->nseen_through, memory_order_relaxed) || w->root_fd >= 0 ||
		stat(link, &st) < 0 || !st.st_nlink ||
		read_link(AT_FDCWD, link, real, sizeof(real)) < 0 || real[0] != '/')
		return false;
	name = view_opened_name_of(w->v, st.st_dev, st.st_ino, real);
	at = name ? name : real;
	m = view_seen_through(w->v, at, &free_way);
	if (!m)
		return false;
	/* of a link that is open itself (O_PATH) the name would be followed */
	if (S_ISLNK(st.st_mode) && place_over(w->v, walk_req(w), at, false, &mnt, &ino) > 0) {
		place_set_virtual(&w->at, mnt, ino);
		w->touched = true;
		return true;
	}
	place_set_real(&w->at, at, strlen(at), -1);
	return true;
}

/* A folder of the host's that is elsewhere in the view: 1, with `at` there; 0: it is none. */
static int to_moved(struct walk *w, const char *link)
{
	struct inode *ino;
	struct mount *mnt;
	char real[PATH_MAX];
	struct stat st;
	int r;

	if (!atomic_load_explicit(&w->v->nseen_through, memory_order_relaxed) || w->root_fd >= 0 ||
		stat(link, &st) < 0 || !S_ISDIR(st.st_mode) ||
		read_link(AT_FDCWD, link, real, sizeof(real)) < 0)
		return 0;
	r = place_over(w->v, walk_req(w), real, true, &mnt, &ino);
	if (r > 0) {
		place_set_virtual(&w->at, mnt, ino);
		w->touched = true;
	}
	return r;
}

pid_t walk_root_link(const char *link)
{
	const char *slash = strrchr(link, '/'), *digits = slash;

	if (!walk_is_magic(link) || strcmp(slash, "/root") != 0)
		return 0;
	while (digits[-1] != '/')
		digits--;
	return atoi(digits);
}

int walk_follow_magic(struct walk *w, size_t len)
{
	int r;
	struct inode *ino;
	struct mount *mnt;
	char path[PATH_MAX];

	if (w->flags & (PATH_NO_MAGIC | PATH_NO_SYMLINKS) || ++w->links > WALK_MAX_LINKS)
		return walk_real_error(w, -ELOOP);
	if (w->root && !w->rooted)
		return walk_real_error(w, -EXDEV);
	memcpy(path, w->full, len);
	path[len] = '\0';
	w->start_link[0] = '\0';
	w->alive = w->led = false;
	walk_no_last(w, false);
	if (place_is_placeholder(w->v, path, &mnt, &ino)) {
		if (w->flags & PATH_NO_XDEV) {
			inode_put(ino);
			mount_put(mnt);
			return -EXDEV;
		}
		place_set_virtual(&w->at, mnt, ino);
		w->touched = true;
		return WALK_MORE;
	}
	r = walk_root_link(path) ? root_enter(w, walk_root_link(path)) : to_moved(w, path);
	if (r)
		return r < 0 ? r : WALK_MORE;
	if (!(w->flags & PATH_LOOK) && walk_seen_through_file(w, path))
		return WALK_MORE;
	if (view_has_rules(w->v)) {
		char name[PATH_MAX];

		if (read_link(AT_FDCWD, path, name, sizeof(name)) > 0 &&
			walk_is_ruled(w, path, name))
			return walk_by_name(w, name);
	}
	if (!w->touched && walk_rest_empty(w->rest) && !is_covered_root(w, path))
		return WALK_NATIVE;
	return magic_to_real(w, path);
}
