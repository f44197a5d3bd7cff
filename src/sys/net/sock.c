/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AF_UNIX sockets with names.
 *
 * Theory of operation. A socket bound to a name on a served mount is bound by us to a real name in
 * the run directory, which follows from the device and inode number of the socket node that the
 * server makes; connect and send look the node up and go to the same real name. The calls are
 * made on our dup of the guest's socket, so that its state is the guest's own; but what
 * tells the other side who made it (connect(2): SO_PEERCRED; sendto(2), sendmsg(2): SO_PASSCRED) by
 * the guest itself, unless it has a tracer or (of a path) a tree of its own. So it is with abstract
 * names that the kernel knows by another (abstract.c). What the other side sees of us is
 * the real name where a message's sender is told (recvfrom(2), accept(2)).
 */
#include <assert.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/rundir.h"
#include "engine/abi.h"
#include "engine/inject.h"
#include "engine/nr.h"
#include "engine/own.h"
#include "sys/net/abstract.h"
#include "sys/path/at.h"
#include "sys/path/attrs.h"
#include "sys/fd/fd.h"
#include "sys/net/calls.h"
#include "sys/net/networks.h"
#include "sys/net/sock.h"
#include "sys/net/sockname.h"
#include "sys/net/stack.h"
#include "sys/table.h"
#include "sys/task/hop.h"
#include "view/elsewhere.h"
#include "view/hostids.h"

ssize_t sock_path(struct call *c, gaddr_t addr, uint64_t len, char word[PATH_MAX])
{
	struct sockaddr_un sun = { 0 };
	int r;

	if (!addr.v || (int)len <= (int)offsetof(struct sockaddr_un, sun_path) ||
		len > sizeof(struct sockaddr_storage))
		return 0;
	if (len > sizeof(sun))
		len = sizeof(sun);
	r = guest_read(c, addr, &sun, len);
	if (r < 0)
		return r;
	if (sun.sun_family != AF_UNIX || !sun.sun_path[0])
		return 0;
	memcpy(word, sun.sun_path, sizeof(sun.sun_path));
	word[sizeof(sun.sun_path)] = '\0';
	return (ssize_t)strlen(word);
}

static int addr_fill(struct sockaddr_un *sun, socklen_t *len, const char *path)
{
	size_t n = strlen(path);

	if (n >= sizeof(sun->sun_path))
		return -ENAMETOOLONG;
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(sun->sun_path, path, n + 1);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return 0;
}

/* The real name of a socket node. */
static int node_addr(struct um *um, struct inode *ino, struct sockaddr_un *sun, socklen_t *len)
{
	_cleanup_free_ char *path = str_printf("%s/s%llx.%llx", um->rundir,
		(unsigned long long)ino->fs->dev, (unsigned long long)ino->nodeid);

	return path ? addr_fill(sun, len, path) : -ENOMEM;
}

int sock_get_unix(struct call *c, int guest_fd)
{
	int fd = guestfd_get(c, guest_fd), domain = 0;
	socklen_t len = sizeof(domain);

	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
		domain == AF_UNIX)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- bind ---- */

/* A name in a directory of the host; AT_FDCWD: an absolute one. */
static int bind_host(struct at *a, int fd, int dirfd, const char *name, const char *word)
{
	char path[REAL_PATH_MAX], dir[FD_PATH_MAX];
	struct sockaddr_un sun;
	socklen_t len;
	int r = -ENAMETOOLONG;

	if (dirfd != AT_FDCWD) {
		real_enter(a);
		r = sockname_bind(a->c->um, fd, dirfd, name, word);
		hostids_leave(a->switched);
		a->switched = false;
	}
	if (r != -ENAMETOOLONG && r != -EACCES) {
		if (r == 0)
			fchmodat(dirfd, name, 0777 & ~a->req.umask, 0);
		return r;
	}
	/* by a name that is not kept */
	if (dirfd == AT_FDCWD)
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%s/%s", fd_path(dir, dirfd), name);
	r = addr_fill(&sun, &len, path);
	if (r < 0)
		return r;
	real_enter(a);
	r = (int)real_result(a, bind(fd, (struct sockaddr *)&sun, len));
	if (r == 0)
		fchmodat(dirfd, name, 0777 & ~a->req.umask, 0);
	return r;
}

/* The socket is the guest's, where owners are kept that the host does not know. */
static void own_socket(struct at *a)
{
	struct fs_setattr set = {
		.set = FS_SET_UID | FS_SET_GID, .uid = a->req.uid, .gid = a->req.gid
	};
	_cleanup_inode_ struct inode *made = NULL;
	struct inode *dir = a->p.parent;
	struct fs_attr attr;
	int r;

	if (!(dir->fs->flags & FS_KEEPS_OWNERS))
		return;
	r = inode_getattr(dir, &a->req, false, &attr);
	if (r == 0 && (attr.mode & S_ISGID))
		set.gid = attr.gid;
	if (r == 0)
		r = inode_lookup(dir, &a->req, a->p.last, &made);
	if (r == 0)
		r = inode_setattr(made, &a->req, NULL, &set);
	if (r < 0)
		log_debug("a socket has the owner that it has on the host: %s", a->p.name);
}

/* Nothing is shown there; what hides a file of a lower layer may be. */
static int bind_on_host(struct at *a, int fd, const char *word)
{
	struct inode *dir = a->p.parent;
	int r = inode_host_prepare(dir, &a->req, O_CREAT);

	if (r == 0)
		r = bind_host(a, fd, inode_host_fd(dir), a->p.last, word);
	if (r == -EADDRINUSE && dir->fs->host_prepare &&
		unlinkat(inode_host_fd(dir), a->p.last, 0) == 0)
		r = bind_host(a, fd, inode_host_fd(dir), a->p.last, word);
	if (r == 0)
		own_socket(a);
	return r;
}

static int bind_virtual(struct at *a, int fd, const char *word)
{
	_cleanup_inode_ struct inode *made = NULL;
	struct sockaddr_un sun;
	socklen_t len;
	mode_t mode = S_IFSOCK | 0777;
	int r;

	r = at_lock(a, false);
	if (r < 0)
		return r;
	if (a->p.inode || !a->p.last[0])
		return -EADDRINUSE;
	if (a->p.slash)
		return -ENOENT;
	r = path_want_write(&a->p);
	if (r == 0)
		r = attrs_may_create(a->p.parent, &a->req);
	if (r == 0 && a->p.mnt->fs->host_fd)
		return bind_on_host(a, fd, word);
	if (r == 0)
		r = inode_mknod(a->p.parent, &a->req, a->p.last, mode, 0, &made);
	if (r < 0)
		return r == -EEXIST ? -EADDRINUSE : r == -ENOSYS ? -EPERM : r;
	r = node_addr(a->c->um, made, &sun, &len);
	if (r == 0) {
		/* the number may have been another socket's, which is gone */
		unlink(sun.sun_path);
		r = bind(fd, (struct sockaddr *)&sun, len) < 0 ? -errno : 0;
		if (r == 0) { /* who may connect is said by the node */
			chmod(sun.sun_path, 0777);
			sockname_keep(a->c->um, &sun, word);
		}
	}
	if (r < 0 && inode_unlink(a->p.parent, &a->req, a->p.last) < 0)
		log_debug("a socket's node without a socket stays: %s", a->p.name);
	return r;
}

/* False: it is no such name. */
static bool bind_abstract(struct call *c, enum verdict *ret)
{
	_cleanup_fd_ int fd = -1;
	struct sockaddr_un sun;
	socklen_t len;
	int r = abstract_read(c, call_addr(c, 1), c->args[2], true, &sun, &len);

	if (r != 0)
		fd = sock_get_unix(c, call_fd(c, 0));
	if (r == 0 || fd < 0)
		return false;
	if (r == 1)
		r = bind(fd, (struct sockaddr *)&sun, len) < 0 ? -errno : 0;
	*ret = call_return(c, r);
	return true;
}

enum verdict sys_bind(struct call *c)
{
	_cleanup_at_ struct at a = AT_INIT;
	_cleanup_fd_ int fd = -1;
	char word[PATH_MAX];
	ssize_t n;
	enum verdict v;

	if (stack_call(c, &v))
		return v;
	if (bind_abstract(c, &v))
		return v;
	if (!view_has_mounts(&c->um->view))
		return CONTINUE;
	n = sock_path(c, call_addr(c, 1), c->args[2], word);
	if (n <= 0)
		return n < 0 ? call_return(c, n) : CONTINUE;
	fd = sock_get_unix(c, call_fd(c, 0));
	if (fd < 0)
		return CONTINUE;
	if (!at_resolve_word(&a, c, AT_FDCWD, word, PATH_PARENT | PATH_CREATE))
		return a.verdict;
	if (a.p.kind == PATH_VIRTUAL)
		return call_return(c, bind_virtual(&a, fd, word));
	return call_return(c, bind_host(&a, fd, a.dirfd, a.name, word));
}

/* ---- the other end ---- */

bool sock_peer(struct at *a, struct call *c, const char *word, int *ret)
{
	struct sockaddr_un sun;
	char said[PATH_MAX];
	socklen_t len;
	int r;

	if (sockname_said(c->um, word, said))
		word = said;
	if (!at_resolve_word(a, c, AT_FDCWD, word, PATH_FOLLOW | PATH_LOOK)) {
		if (a->verdict == DONE)
			*ret = (int)c->ret;
		return a->verdict == DONE;
	}
	if (a->p.kind != PATH_VIRTUAL) {
		real_enter(a);
		*ret = (int)real_result(a, openat(a->dirfd, a->name, O_PATH | O_CLOEXEC));
		return true;
	}
	if (inode_type(a->p.inode) != S_IFSOCK)
		r = -ECONNREFUSED;
	else
		r = inode_permission(a->p.inode, &a->req, MAY_WRITE);
	if (r == 0 && a->p.mnt->fs->host_fd) {
		r = fcntl(inode_host_fd(a->p.inode), F_DUPFD_CLOEXEC, 0);
		r = r < 0 ? -errno : r;
	} else if (r == 0) {
		r = node_addr(c->um, a->p.inode, &sun, &len);
		/* the guest's user, as whom we connect, may not search our directory */
		r = r < 0 ? r : open(sun.sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		r = r == -1 ? -ECONNREFUSED : r; /* nobody of this view has bound it */
	}
	*ret = r;
	return true;
}

void sock_peer_addr(int peer, struct sockaddr_un *sun, socklen_t *len)
{
	char path[FD_PATH_MAX];
	int r = addr_fill(sun, len, fd_path(path, peer));

	assert(r == 0);
}

/* The address by which the guest reaches it: 0; -EPERM, in a tree of its own no path of ours leads
 * it anywhere. */
static int guest_addr(
	struct call *c, int peer, struct hop *hop, struct sockaddr_un *sun, socklen_t *len)
{
	return is_elsewhere(&c->um->view, c->tid) || hop_make(c, peer, NULL, NULL, 0, hop) < 0 ||
			       addr_fill(sun, len, hop->path) < 0
		       ? -EPERM
		       : 0;
}

enum verdict sock_call_at(
	struct call *c, int at, const struct sockaddr_un *sun, socklen_t len, int close_fd)
{
	struct inject_args a = { .nr = c->nr, .waits = true, .close_fd = close_fd };

	memcpy(a.args, c->args, sizeof(a.args));
	a.str[at] = (const char *)sun;
	a.str_len[at] = len;
	a.args[at + 1] = len;
	return inject_call(c, &a);
}

enum verdict sock_call_peer(struct call *c, int at, int peer)
{
	_cleanup_hop_ struct hop hop = { 0 };
	struct sockaddr_un sun;
	socklen_t len;
	int r = guest_addr(c, peer, &hop, &sun, &len);

	return r < 0 ? call_return(c, r) : sock_call_at(c, at, &sun, len, hop.guest_fd);
}

enum verdict sock_sendmsg_at(struct call *c, const struct msghdr *msg,
	const struct sockaddr_un *sun, socklen_t len, int close_fd)
{
	struct inject_args a = {
		.nr = __NR_sendmsg, .waits = true, .points = 3, .close_fd = close_fd
	};
	struct msghdr m = *msg;
	char narrow[ABI_MSGHDR32];

	if (inject_is_foreign(c))
		return call_return(c, -EPERM);
	m.msg_namelen = len;
	memcpy(a.args, c->args, sizeof(a.args));
	a.str[1] = (const char *)&m;
	a.str_len[1] = sizeof(m);
	a.narrow = narrow;
	a.narrow_len = abi_narrow_msghdr(&m, narrow);
	a.str[3] = (const char *)sun;
	a.str_len[3] = len;
	return inject_call(c, &a);
}

enum verdict sock_sendmsg_peer(struct call *c, const struct msghdr *msg, int peer)
{
	_cleanup_hop_ struct hop hop = { 0 };
	struct sockaddr_un sun;
	socklen_t len;
	int r = inject_is_foreign(c) ? -EPERM : guest_addr(c, peer, &hop, &sun, &len);

	return r < 0 ? call_return(c, r) : sock_sendmsg_at(c, msg, &sun, len, hop.guest_fd);
}
static_assert(offsetof(struct msghdr, msg_name) == 0, "inject_args.points");

static enum verdict connect_blocking(
	struct call *c, struct at *a, int fd, const struct sockaddr_un *sun, socklen_t len)
{
	struct blocking b;
	long r = blocking_begin_socket(&b, fd, SO_SNDTIMEO);

	if (r < 0)
		return call_return(c, r);
	do {
		real_enter(a);
		r = real_result(a, connect(fd, (const struct sockaddr *)sun, len));
	} while (blocking_again(&b, c, r));
	return call_return(c, blocking_end(&b, r));
}

/* The other side is told who connects: so the guest does, and we where it cannot be made to. */
static enum verdict connect_peer(struct call *c, struct at *a, int fd, int peer)
{
	struct sockaddr_un sun;
	enum verdict v;
	socklen_t len;

	if (peer < 0)
		return call_return(c, peer);
	v = sock_call_peer(c, 1, peer);
	if (v != DONE || c->ret != -EPERM)
		return v;
	sock_peer_addr(peer, &sun, &len);
	return connect_blocking(c, a, fd, &sun, len);
}

/* Is it the name of the view's own control socket? */
static bool names_own(struct call *c)
{
	static const char name[] = "\0" RUNDIR_OWN;
	struct sockaddr_un sun;

	return c->args[2] == RUNDIR_OWN_LEN &&
	       guest_read(c, call_addr(c, 1), &sun, RUNDIR_OWN_LEN) == 0 &&
	       sun.sun_family == AF_UNIX && memcmp(sun.sun_path, name, sizeof(name) - 1) == 0;
}

/* By whom we do it the control socket would not see who connects: so that is asked here. */
static enum verdict connect_own(struct call *c, struct at *a, int fd)
{
	_cleanup_fd_ int dir = -1, unused = -1;
	struct sockaddr_un sun;
	struct fs_req req;
	int r;

	a->c = c;
	fs_req_init(&req, c);
	if (req.uid != 0 && req.uid != call_own_ids(c).uid)
		return call_return(c, -EACCES);
	r = rundir_socket(c->um->rundir, RUNDIR_CTL, &sun, &dir, &unused);
	return r < 0 ? call_return(c, r) : connect_blocking(c, a, fd, &sun, sizeof(sun));
}

enum verdict sys_connect(struct call *c)
{
	_cleanup_at_ struct at a = AT_INIT;
	_cleanup_fd_ int fd = -1, peer = -1;
	struct sockaddr_un sun;
	char word[PATH_MAX];
	socklen_t len;
	ssize_t n;
	int err;
	enum verdict v;

	if (stack_call(c, &v))
		return v;
	if (names_own(c)) {
		fd = sock_get_unix(c, call_fd(c, 0));
		return fd < 0 ? CONTINUE : connect_own(c, &a, fd);
	}
	err = abstract_read(c, call_addr(c, 1), c->args[2], false, &sun, &len);
	if (err != 0) {
		a.c = c;
		fd = sock_get_unix(c, call_fd(c, 0));
		if (fd < 0 || err < 0)
			return fd < 0 ? CONTINUE : call_return(c, err);
		v = sock_call_at(c, 1, &sun, len, 0);
		return v != DONE || c->ret != -EPERM ? v : connect_blocking(c, &a, fd, &sun, len);
	}
	if (!view_has_mounts(&c->um->view) && !networks_any(c->um))
		return CONTINUE;
	n = sock_path(c, call_addr(c, 1), c->args[2], word);
	if (n <= 0)
		return n < 0 ? call_return(c, n) : CONTINUE;
	if (net_hides_socket(c, word))
		return call_return(c, -ENOENT);
	fd = sock_get_unix(c, call_fd(c, 0));
	if (fd < 0 || !sock_peer(&a, c, word, &peer))
		return CONTINUE;
	return connect_peer(c, &a, fd, peer);
}
