/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names of AF_UNIX sockets, as the guest knows them.
 *
 * Theory of operation. A socket on a served mount is bound by us to a real name (sock.c), which
 * getsockname(2) and getpeername(2) would tell. What the guest said to bind(2) is kept beside it
 * in the run directory, as the text of a symbolic link: "n1.2" for the socket "s1.2". One that is
 * bound in a folder of the host has a name of that folder, "b3/socket", while it is bound, and what
 * was said is in "w3".
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "sys/net/abstract.h"
#include "sys/net/sockname.h"
#include "sys/net/stack.h"
#include "sys/um.h"

/* The link of a socket's real name; false: that is none of ours. */
static bool link_path(const struct um *um, const char *real, char ret[PATH_MAX])
{
	size_t n = strlen(um->rundir);
	unsigned long long dev, node;
	char end;

	if (strncmp(real, um->rundir, n) != 0)
		return false;
	if (sscanf(real + n, "/b%llx%c", &node, &end) == 2 && end == '/')
		return snprintf(ret, PATH_MAX, "%s/w%llx", um->rundir, node) < PATH_MAX;
	if (sscanf(real + n, "/s%llx.%llx%c", &dev, &node, &end) != 2)
		return false;
	return snprintf(ret, PATH_MAX, "%s/n%llx.%llx", um->rundir, dev, node) < PATH_MAX;
}

bool sockname_said(const struct um *um, const char *real, char ret[PATH_MAX])
{
	char path[PATH_MAX];
	ssize_t n = link_path(um, real, path) ? readlink(path, ret, PATH_MAX - 1) : -1;

	if (n < 0)
		return false;
	ret[n] = '\0';
	return true;
}

void sockname_keep(const struct um *um, const struct sockaddr_un *real, const char *word)
{
	char path[PATH_MAX];

	if (!link_path(um, real->sun_path, path))
		return;
	unlink(path); /* of another socket, which is gone */
	if (symlink(word, path) < 0)
		log_debug("the name of a socket is not kept: %s", word);
}

/* The same for the same word in the same folder, so that there are no more links than names. */
static unsigned long long key_of(int dirfd, const char *word)
{
	struct stat st = { 0 };
	uint64_t h;

	(void)fstat(dirfd, &st); /* 0 then, which is a key as well */
	h = hash_bytes(HASH_BEGIN, &st.st_ino, sizeof(st.st_ino));
	h = hash_bytes(h, &st.st_dev, sizeof(st.st_dev));
	return hash_bytes(h, word, strlen(word)) & 0xffffffff;
}

static int make_link(const char *path, const char *body)
{
	if (symlink(body, path) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	unlink(path);
	return symlink(body, path) < 0 ? -errno : 0;
}

int sockname_bind(const struct um *um, int fd, int dirfd, const char *name, const char *word)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	unsigned long long key = key_of(dirfd, word);
	char dir[PATH_MAX], said[PATH_MAX], self[FD_PATH_MAX];
	int r, n = snprintf(
		       sun.sun_path, sizeof(sun.sun_path), "%s/b%llx/%s", um->rundir, key, name);

	if (n >= (int)sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	snprintf(dir, sizeof(dir), "%s/b%llx", um->rundir, key);
	snprintf(said, sizeof(said), "%s/w%llx", um->rundir, key);
	r = make_link(dir, fd_path(self, dirfd));
	if (r < 0)
		return r;
	if (bind(fd, (struct sockaddr *)&sun,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1)) < 0)
		r = -errno;
	unlink(dir);
	if (r == 0 && make_link(said, word) < 0)
		log_debug("the name of a socket is not kept: %s", word);
	return r;
}

static enum verdict tell_name(struct call *c, int (*name)(int, struct sockaddr *, socklen_t *))
{
	struct {
		struct sockaddr_un sun;
		char nul; /* counted in the length, whether sun_path has room for it or not */
	} a = { 0 };
	socklen_t len = sizeof(a.sun);
	_cleanup_fd_ int fd = -1;
	char said[PATH_MAX];
	enum verdict v;
	size_t n;
	int room, r;

	if (stack_call(c, &v))
		return v;
	if (!view_has_mounts(&c->um->view) && !abstract_names(c))
		return CONTINUE;
	fd = guestfd_get(c, call_fd(c, 0));
	if (fd < 0 || name(fd, (struct sockaddr *)&a.sun, &len) < 0 || len > sizeof(a.sun) ||
		a.sun.sun_family != AF_UNIX)
		return CONTINUE;
	if (!abstract_strip(c, &a.sun, &len)) {
		if (!sockname_said(c->um, a.sun.sun_path, said))
			return CONTINUE;
		n = strnlen(said, sizeof(a.sun.sun_path));
		memset(a.sun.sun_path, 0, sizeof(a.sun.sun_path));
		memcpy(a.sun.sun_path, said, n);
		len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	}
	r = guest_read(c, call_addr(c, 2), &room, sizeof(room));
	if (r == 0 && room < 0)
		r = -EINVAL;
	if (r == 0 && room > 0)
		r = guest_write(c, call_addr(c, 1), &a, (size_t)room < len ? (size_t)room : len);
	if (r == 0)
		r = guest_write(c, call_addr(c, 2), &len, sizeof(len));
	return call_return(c, r);
}

enum verdict sys_getsockname(struct call *c)
{
	return tell_name(c, getsockname);
}

enum verdict sys_getpeername(struct call *c)
{
	return tell_name(c, getpeername);
}
