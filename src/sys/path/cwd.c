/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A virtual working directory is a real one: the placeholder of the virtual
 * directory, a deleted empty directory. The guest enters it by a call of its own that is given a
 * path to our descriptor; fork, exec and threads then are the kernel's business. getcwd alone
 * must be told what the kernel cannot know.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/inject.h"
#include "engine/nr.h"
#include "sys/path/chroot.h"
#include "sys/fd/fd.h"
#include "sys/task/hop.h"
#include "sys/task/ids.h"
#include "sys/table.h"
#include "view/elsewhere.h"
#include "view/root.h"

/* The same by a descriptor. */
static enum verdict enter_by_fd(struct call *c, int fd)
{
	struct inject_args a = { .nr = __NR_fchdir };
	_cleanup_hop_ struct hop hop = { 0 };
	int r = hop_give(c, fd, &hop);

	if (r < 0)
		return call_return(c, r);
	a.args[0] = (uint64_t)hop.guest_fd;
	a.close_fd = hop.guest_fd;
	return inject_call(c, &a);
}

/* Runs the guest's call on another path: chdir or chroot to `real`, or to our descriptor fd. */
static enum verdict enter(struct call *c, int fd, const char *real)
{
	struct inject_args a = { .nr = c->nr };
	_cleanup_hop_ struct hop hop = { 0 };
	int r = hop_make(c, fd, real, NULL, 0, &hop);

	if (r < 0)
		return call_return(c, r);
	a.str[0] = hop.path;
	a.close_fd = hop.guest_fd;
	return inject_call(c, &a);
}

/* A guest with a tracer of its own: the word is written over in place. */
static enum verdict enter_in_place(struct call *c, int fd, const char *real)
{
	_cleanup_hop_ struct hop hop = { 0 };
	struct in_place ip = { 0 };
	char word[PATH_MAX];
	ssize_t n = guest_read_str(c, call_addr(c, 0), word, sizeof(word));
	enum verdict v;

	if (n < 0)
		return call_return(c, n);
	if ((fd >= 0 ? fstat(fd, &ip.then) : stat(real, &ip.then)) < 0)
		return call_return(c, -errno);
	ip.at = call_addr(c, 0);
	ip.old = word;
	if (hop_make_slow(c, fd, real, inject_room(c, ip.at, word), &hop) < 0)
		return call_return(c, -EACCES);
	ip.path = hop.path;
	ip.link = hop.link;
	ip.copied = hop_shorten;
	ip.arg = &hop;
	v = inject_in_place(c, &ip);
	if (v == DONE && c->ret == -ENAMETOOLONG)
		c->ret = -EACCES;
	return v;
}

/* Does the kernel, by the guest's word, come to the folder that a mount is seen through to? */
static bool kernel_comes_to(struct call *c, const struct path *p)
{
	char word[PATH_MAX];

	return p->own.fd >= 0 && guest_read_str(c, call_addr(c, 0), word, sizeof(word)) > 0 &&
	       path_word_leads(c, AT_FDCWD, word, p);
}

static enum verdict enter_path(struct call *c, const struct path *p)
{
	bool elsewhere = is_elsewhere(&c->um->view, c->tid);
	_cleanup_fd_ int fd = -1;
	char real[PATH_MAX];
	struct fs_req req;
	enum verdict v;
	int r;

	if (p->kind == PATH_REAL && elsewhere) {
		fd = openat(p->dirfd, p->last[0] ? p->last : ".",
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return call_return(c, -errno);
	} else if (p->kind == PATH_REAL) {
		r = hop_real_path(p, real, sizeof(real));
		if (r < 0)
			return call_return(c, r);
	} else {
		fs_req_init(&req, c);
		r = inode_permission(p->inode, &req, MAY_EXEC | MAY_ACCESS);
		if (r < 0)
			return call_return(c, r);
		if (elsewhere && kernel_comes_to(c, p))
			return CONTINUE;
		fd = file_open_dir(c->um->files, p->mnt, p->inode);
		r = fd < 0 ? fd : file_note_own(c->um->files, fd, &p->own);
		if (r < 0)
			return call_return(c, r);
	}
	v = elsewhere ? enter_by_fd(c, fd) : enter(c, fd, real);
	if (v == DONE && c->ret == -EPERM && !elsewhere)
		return enter_in_place(c, fd, real);
	return v;
}

enum verdict sys_chdir(struct call *c)
{
	_cleanup_path_ struct path p = PATH_INIT;
	int r;

	if (!view_has_mounts(&c->um->view) && !atomic_load(&c->um->view.leads))
		return CONTINUE;
	r = path_resolve_arg(c, &c->um->view, AT_FDCWD, call_addr(c, 0),
		PATH_FOLLOW | PATH_DIRECTORY | PATH_LOOK, &p);
	if (r < 0)
		return call_return(c, r);
	if (p.kind == PATH_NATIVE)
		return CONTINUE;
	if (p.name)
		snprintf(c->what, sizeof(c->what), "%.*s", (int)sizeof(c->what) - 1, p.name);
	return enter_path(c, &p);
}

/* Is the working directory a placeholder? */
static struct vfile *virtual_cwd(struct call *c)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/cwd", c->tid);
	if (stat(path, &st) < 0 || st.st_nlink != 0)
		return NULL;
	return files_find(c->um->files, &st);
}

/* Is it a folder of the host's that was renamed or removed in the view? */
static bool moved_cwd(struct call *c)
{
	_cleanup_free_ char *name = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cwd", c->tid);
	name = path_moved_name(&c->um->view, path);
	return name;
}

/* A moved one's name that ends so is one that is gone. */
static bool path_is_deleted(const char *name)
{
	static const char mark[] = " (deleted)";
	size_t n = strlen(name);

	return n >= sizeof(mark) && strcmp(name + n - sizeof(mark) + 1, mark) == 0;
}

enum verdict sys_getcwd(struct call *c)
{
	_cleanup_vfile_ struct vfile *vf = NULL;
	_cleanup_free_ char *name = NULL;
	uint64_t size = c->args[1];
	size_t len;
	int r;

	if (!view_has_mounts(&c->um->view))
		return CONTINUE;
	vf = virtual_cwd(c);
	if (!vf && !atomic_load(&c->um->view.roots) && !moved_cwd(c))
		return CONTINUE;
	if (vf && vf->inode->deleted)
		return call_return(c, -ENOENT);
	r = path_of_cwd(c, &c->um->view, c->tid, &name);
	if (r < 0)
		return call_return(c, r);
	if ((!vf && path_is_deleted(name)) || !root_strip(&c->um->view, c, name))
		return call_return(c, -ENOENT);
	len = strlen(name) + 1;
	if (len > PATH_MAX)
		return call_return(c, -ENAMETOOLONG);
	if (len > size)
		return call_return(c, -ERANGE);
	r = guest_write(c, call_addr(c, 0), name, len);
	return call_return(c, r < 0 ? r : (int64_t)len);
}

/* fchdir(2): a placeholder's own mode says nothing. */
enum verdict sys_fchdir(struct call *c)
{
	_cleanup_vfd_ struct vfd v = VFD_INIT;
	int r;

	if (!vfd_get(&v, c, call_fd(c, 0)) || v.vf->kind != VFILE_DIR)
		return CONTINUE;
	fs_req_init(&v.req, c);
	r = inode_permission(v.vf->inode, &v.req, MAY_EXEC | MAY_ACCESS);
	return r < 0 ? call_return(c, r) : CONTINUE;
}

enum verdict sys_chroot(struct call *c)
{
	_cleanup_path_ struct path p = PATH_INIT;
	bool may = ids_kernel_capable(c, CAP_SYS_CHROOT);
	char real[PATH_MAX];
	struct fs_req req;
	int r;

	if (!may && chroot_is_virtual(c, CAP_SYS_CHROOT))
		return chroot_virtual(c);
	if (!may && !view_has_mounts(&c->um->view))
		return CONTINUE; /* EPERM, or what is wrong with the path */
	r = path_resolve_arg(
		c, &c->um->view, AT_FDCWD, call_addr(c, 0), PATH_FOLLOW | PATH_DIRECTORY, &p);
	if (r < 0)
		return call_return(c, r);
	if (p.kind == PATH_VIRTUAL) {
		fs_req_init(&req, c);
		r = inode_permission(p.inode, &req, MAY_EXEC | MAY_ACCESS);
		if (!is_elsewhere(&c->um->view, c->tid))
			path_seek_own(&p);
		if (r == 0 && may && kernel_comes_to(c, &p)) {
			atomic_store(&c->um->view.exotic, true);
			return CONTINUE;
		}
		return call_return(c, r < 0 ? r : -EPERM);
	}
	if (!may)
		return p.kind == PATH_NATIVE ? CONTINUE : call_return(c, -EPERM);
	atomic_store(&c->um->view.exotic, true);
	if (p.kind == PATH_NATIVE)
		return CONTINUE;
	if (is_elsewhere(&c->um->view, c->tid))
		return call_return(c, -EPERM);
	r = hop_real_path(&p, real, sizeof(real));
	return r < 0 ? call_return(c, r) : enter(c, -1, real);
}
