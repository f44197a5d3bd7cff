/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. A stack of ours tells what is in a folder of /proc/net or /sys, and what a
 * file there says, as text (NET_OP_OPEN); here that is a file system, each folder of which is made
 * up where a path comes to it (view->leads), for the network of who asks or of the process that is
 * named. Nothing is kept, and a network ends though somebody stands in a folder of it: a node knows
 * its number alone. A file is a node of its own for each look at it, so that each open file reads
 * what was said to it, as one that the kernel writes when it is read: from its beginning, once
 * more.
 *
 * Of a namespace it is a bind (fs/host) of what the kernel has there, for who stands in it: where
 * the guest itself went it would be in the host's.
 */
#include "sys/net/netdir.h"

#include <dirent.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "fs/host/host.h"
#include "net/net.h"
#include "sys/net/calls.h"
#include "sys/net/networks.h"
#include "view/mountinfo.h"

#define STATX_MNT_ID_UNIQUE_ 0x4000u /* newer than the headers here */
#define TEXT_MAX (64u << 20)
#define PROC_NET "/proc/self/net" /* as the stack is asked for it, whosever it is */

/* A file system of the host's that they are in. */
struct tree {
	dev_t dev;
	struct statfs statfs;
	struct mount_like mount;
};

enum { TREE_PROC, TREE_SYS, TREES };

struct netdir {
	struct fs fs;
	struct um *um;
	struct tree trees[TREES];
	struct timespec since;
	pthread_mutex_t lock; /* folders and links by name, and the nodes' nlookup; a leaf */
	void *named;	      /* tsearch(3) */
};

struct node {
	uint64_t nlookup;
	ino_t net;    /* the number of its network */
	ino_t number; /* that it is shown by; 0: number_of() */
	uid_t uid;
	gid_t gid;
	mode_t type;
	char *target; /* of a link */
	char path[];
};

static struct netdir *netdir_of(struct fs *fs)
{
	return container_of_(fs, struct netdir, fs);
}

static struct node *node_at(uint64_t nodeid)
{
	return (struct node *)(uintptr_t)nodeid;
}

static const struct tree *tree_of(const struct netdir *d, const char *path)
{
	return &d->trees[strncmp(path, "/proc/", 6) == 0 ? TREE_PROC : TREE_SYS];
}

/* ---- what the stack says ---- */

/* malloc'ed and terminated; -ENOENT, -errno. */
static int ask(
	struct um *um, ino_t number, const char *path, int flags, char **ret, size_t *ret_len)
{
	_cleanup_net_ struct net *n = network_by_number(um, number);
	_cleanup_fd_ int fd = -1;
	char self[FD_PATH_MAX];

	if (!n)
		return -ENOENT;
	/* its sockets of AF_UNIX are the host's kernel's */
	if (strcmp(path, PROC_NET "/unix") == 0 && !(flags & O_DIRECTORY))
		return read_file("/proc/self/net/unix", TEXT_MAX, ret, ret_len);
	fd = net_open(n, path, flags);
	return fd < 0 ? fd : read_file(fd_path(self, fd), TEXT_MAX, ret, ret_len);
}

static int ask_folder(struct um *um, const struct node *n, char **ret, size_t *ret_len)
{
	return ask(um, n->net, n->path, O_RDONLY | O_DIRECTORY, ret, ret_len);
}

/* A line of that: "d NAME". */
struct line {
	mode_t type;
	const char *name, *target;
	size_t len, target_len;
};

/* Takes the next one off the text; false: there is none. */
static bool next_line(const char **text, struct line *ret)
{
	const char *p = *text, *end = strchrnul(p, '\n'), *space;

	if (end - p < 3)
		return false;
	*ret = (struct line){ .type = p[0] == 'd'   ? S_IFDIR
				      : p[0] == 'l' ? S_IFLNK
						    : S_IFREG,
		.name = p + 2,
		.len = (size_t)(end - p) - 2 };
	space = ret->type == S_IFLNK ? memchr(ret->name, ' ', ret->len) : NULL;
	if (space) {
		ret->target = space + 1;
		ret->target_len = (size_t)(end - space) - 1;
		ret->len = (size_t)(space - ret->name);
	}
	*text = *end ? end + 1 : end;
	return true;
}

/* ---- nodes ---- */

static int compare(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	if (x->net != y->net)
		return x->net < y->net ? -1 : 1;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return strcmp(x->path, y->path);
}

static void node_free(struct node *n)
{
	free(n->target);
	free(n);
}

/* One more look-up of a node of this kind (which is taken): where it is a folder or a link, of that
 * which is known already. NULL: out of memory. */
static struct node *node_enter(struct netdir *d, struct node *n)
{
	struct node **there;

	if (n->type == S_IFREG) {
		n->nlookup = 1;
		return n;
	}
	pthread_mutex_lock(&d->lock);
	there = tsearch(n, &d->named, compare);
	if (there)
		(*there)->nlookup++;
	pthread_mutex_unlock(&d->lock);
	if (!there || *there != n)
		node_free(n);
	return there ? *there : NULL;
}

static struct node *node_new(ino_t net, mode_t type, const char *dir, const char *name, size_t len)
{
	const size_t size = strlen(dir) + 1 + len + 1;
	struct node *n = calloc(1, sizeof(*n) + size);

	if (!n)
		return NULL;
	n->net = net;
	n->type = type;
	snprintf(n->path, size, "%s%s%.*s", dir, len ? "/" : "", (int)len, name);
	return n;
}

static struct node *node_of_line(struct netdir *d, const struct node *dir, const struct line *l)
{
	struct node *n = node_new(dir->net, l->type, dir->path, l->name, l->len);

	if (n && l->type == S_IFLNK)
		n->target = strndup(l->target ? l->target : "", l->target_len);
	if (n && l->type == S_IFLNK && !n->target) {
		node_free(n);
		return NULL;
	}
	return n ? node_enter(d, n) : NULL;
}

static void netdir_forget(struct fs *fs, uint64_t node, uint64_t nlookup)
{
	struct netdir *d = netdir_of(fs);
	struct node *n = node_at(node);
	bool last;

	pthread_mutex_lock(&d->lock);
	n->nlookup -= nlookup < n->nlookup ? nlookup : n->nlookup;
	last = n->nlookup == 0;
	if (last && n->type != S_IFREG)
		(void)tdelete(n, &d->named, compare);
	pthread_mutex_unlock(&d->lock);
	if (last)
		node_free(n);
}

/* The same for the same name. Not as small as the numbers of what is well known in /proc. */
static uint64_t number_of(ino_t net, const char *path, size_t len)
{
	const uint64_t h = hash_bytes(HASH_BEGIN ^ net, path, len);

	return 0x80000000u | (uint32_t)(h >> 32 ^ h);
}

static void fill_attr(const struct netdir *d, const struct node *n, struct fs_attr *ret)
{
	const struct tree *t = tree_of(d, n->path);
	const bool proc = t == &d->trees[TREE_PROC];

	*ret = (struct fs_attr){
		.ino = n->number ? n->number : number_of(n->net, n->path, strlen(n->path)),
		.dev = t->dev,
		.size = !proc && n->type == S_IFREG ? 4096 : 0,
		.atime = d->since,
		.mtime = d->since,
		.ctime = d->since,
		.mode = n->type | (n->type == S_IFLNK	       ? 0777
					  : n->type == S_IFREG ? 0444
					  : proc	       ? 0555
							       : 0755),
		.nlink = n->type == S_IFDIR ? 2 : 1,
		.uid = n->uid,
		.gid = n->gid,
		.blksize = proc ? 1024 : 4096,
	};
}

/* ---- names ---- */

static int netdir_lookup(struct fs *fs, UNUSED const struct fs_req *req, uint64_t parent,
	const char *name, struct fs_entry *ret)
{
	struct netdir *d = netdir_of(fs);
	struct node *dir = node_at(parent), *n;
	_cleanup_free_ char *text = NULL;
	const char *rest;
	struct line l;
	int r = ask_folder(d->um, dir, &text, NULL);

	if (r < 0)
		return r;
	for (rest = text; next_line(&rest, &l);) {
		if (strlen(name) != l.len || memcmp(name, l.name, l.len) != 0)
			continue;
		n = node_of_line(d, dir, &l);
		if (!n)
			return -ENOMEM;
		*ret = (struct fs_entry){ .nodeid = (uintptr_t)n };
		fill_attr(d, n, &ret->attr);
		return 0;
	}
	return -ENOENT;
}

static int netdir_getattr(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	UNUSED const struct fs_handle *h, struct fs_attr *ret)
{
	fill_attr(netdir_of(fs), node_at(node), ret);
	return 0;
}

static int netdir_readlink(
	UNUSED struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, char *buf)
{
	const struct node *n = node_at(node);

	if (strlen(n->target) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(buf, n->target);
	return 0;
}

static int netdir_statfs(
	struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, struct statfs *ret)
{
	*ret = tree_of(netdir_of(fs), node_at(node)->path)->statfs;
	return 0;
}

static ssize_t netdir_listxattr(UNUSED struct fs *fs, UNUSED const struct fs_req *req,
	UNUSED uint64_t node, UNUSED void *buf, UNUSED size_t size)
{
	return 0;
}

static const struct fs_node_ops node_ops = {
	.size = sizeof(node_ops),
	.lookup = netdir_lookup,
	.forget = netdir_forget,
	.getattr = netdir_getattr,
	.readlink = netdir_readlink,
	.listxattr = netdir_listxattr,
	.statfs = netdir_statfs,
};

/* ---- open files ---- */

struct opened {
	pthread_mutex_t lock; /* all below; held while the stack is asked, which waits for nobody */
	char *text;
	size_t len;
	bool fresh; /* nothing was read of it yet */
};

static struct opened *opened_of(const struct fs_handle *h)
{
	return (struct opened *)(uintptr_t)h->fh;
}

static int open_text(struct netdir *d, const struct node *n, int flags, struct fs_handle *ret)
{
	struct opened *o = calloc(1, sizeof(*o));
	int r = o ? ask(d->um, n->net, n->path, flags, &o->text, &o->len) : -ENOMEM;

	if (r < 0) {
		free(o);
		return r;
	}
	pthread_mutex_init(&o->lock, NULL);
	o->fresh = true;
	*ret = (struct fs_handle){ .fh = (uintptr_t)o, .flags = FS_OPEN_DIRECT_IO };
	return 0;
}

static int netdir_open(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, int flags,
	struct fs_handle *ret)
{
	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	return open_text(netdir_of(fs), node_at(node), O_RDONLY, ret);
}

static ssize_t netdir_read(struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, void *buf, size_t len, uint64_t off)
{
	const struct node *n = node_at(node);
	struct opened *o = opened_of(h);
	char *text;
	int r = 0;

	pthread_mutex_lock(&o->lock);
	if (off == 0 && !o->fresh) {
		r = ask(netdir_of(fs)->um, n->net, n->path, O_RDONLY, &text, &o->len);
		if (r == 0) {
			free(o->text);
			o->text = text;
		}
	}
	o->fresh = false;
	if (off >= o->len)
		len = 0;
	else if (len > o->len - off)
		len = o->len - (size_t)off;
	if (r == 0 && len)
		memcpy(buf, o->text + off, len);
	pthread_mutex_unlock(&o->lock);
	return r < 0 ? r : (ssize_t)len;
}

static void netdir_release(UNUSED struct fs *fs, UNUSED uint64_t node, const struct fs_handle *h)
{
	struct opened *o = opened_of(h);

	pthread_mutex_destroy(&o->lock);
	free(o->text);
	free(o);
}

static int netdir_opendir(
	struct fs *fs, UNUSED const struct fs_req *req, uint64_t node, struct fs_handle *ret)
{
	return open_text(netdir_of(fs), node_at(node), O_RDONLY | O_DIRECTORY, ret);
}

/* "." and "..": true where that was all. */
static bool put_dots(const struct node *n, uint64_t off, fs_dirent_fn fn, void *arg)
{
	const char *slash = strrchr(n->path, '/');

	for (; off < 2; off++) {
		const size_t len = off ? (size_t)(slash - n->path) : strlen(n->path);
		const uint64_t number = off ? 0 : n->number;
		const struct fs_dirent ent = { .ino = number ?: number_of(n->net, n->path, len),
			.off = off + 1,
			.type = DT_DIR,
			.name = "..",
			.namelen = off + 1 };

		if (fn(arg, &ent) != 0)
			return true;
	}
	return false;
}

static int netdir_readdir(UNUSED struct fs *fs, UNUSED const struct fs_req *req, uint64_t node,
	const struct fs_handle *h, uint64_t off, fs_dirent_fn fn, void *arg)
{
	const struct node *n = node_at(node);
	const char *rest = opened_of(h)->text;
	char path[PATH_MAX];
	struct line l;

	if (put_dots(n, off, fn, arg))
		return 0;
	for (uint64_t k = 2; next_line(&rest, &l); k++) {
		struct fs_dirent ent = {
			.off = k + 1, .type = IFTODT(l.type), .name = l.name, .namelen = l.len
		};
		int len;

		if (k < off)
			continue;
		len = snprintf(path, sizeof(path), "%s/%.*s", n->path, (int)l.len, l.name);
		ent.ino = number_of(n->net, path, (size_t)len);
		if (fn(arg, &ent) != 0)
			return 0;
	}
	return 1;
}

static const struct fs_file_ops file_ops = {
	.size = sizeof(file_ops),
	.open = netdir_open,
	.read = netdir_read,
	.release = netdir_release,
	.opendir = netdir_opendir,
	.readdir = netdir_readdir,
	.releasedir = netdir_release,
};

/* ---- where they are ---- */

/* Is a canonical path such a folder, or below it? *ret_len: how long the folder's name is;
 * *ret_pid: the process of /proc that is named, 0: none is. */
static bool is_below(const char *path, size_t *ret_len, pid_t *ret_pid)
{
	static const char *const folders[] = { "/proc/sys/net", "/sys/class/net",
		"/sys/devices/virtual/net" };
	const char *p = path + 6;

	*ret_pid = 0;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		*ret_len = strlen(folders[i]);
		if (path_below(path, folders[i]))
			return true;
	}
	if (strncmp(path, "/proc/", 6) != 0 || *p < '1' || *p > '9')
		return false;
	*ret_pid = atoi(p);
	p += strspn(p, "0123456789");
	if (strncmp(p, "/task/", 6) == 0) {
		*ret_pid = atoi(p + 6);
		p += 6 + strspn(p + 6, "0123456789");
	}
	*ret_len = (size_t)(p - path) + strlen("/net");
	return path_below(p, "/net");
}

/* The folder itself, which is listed in the host's by the number that it has there, and of /proc is
 * its process's; NULL. */
static struct node *node_of_folder(struct netdir *d, ino_t net, const char *path, bool process)
{
	struct node *n = node_new(net, S_IFDIR, process ? PROC_NET : path, "", 0);
	struct stat st;

	if (n && stat(path, &st) == 0) {
		n->number = st.st_ino;
		n->uid = st.st_uid;
		n->gid = st.st_gid;
	}
	return n ? node_enter(d, n) : NULL;
}

/* Of a stack of ours. */
static struct mount *lead_to_text(struct netdir *d, struct net *n, const char *folder, bool process)
{
	struct node *node = node_of_folder(d, net_ino(n), folder, process);
	_cleanup_inode_ struct inode *root = NULL;
	struct fs_entry e = { 0 };

	if (!node)
		return NULL;
	e.nodeid = (uintptr_t)node;
	fill_attr(d, node, &e.attr);
	if (inode_from_entry(&d->fs, &e, NULL, NULL, &root) < 0)
		return NULL;
	return view_mount_made_up(&d->um->view, &d->fs, root, folder, &tree_of(d, folder)->mount);
}

/* Of a namespace: what the kernel has there. */
static struct mount *lead_to_kernel(
	struct netdir *d, struct net *n, const char *folder, bool process)
{
	_cleanup_inode_ struct inode *root = NULL;
	int fd = net_open(n, process ? PROC_NET : folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct mount *m = NULL;
	struct fs *fs;
	mode_t type;

	if (fd < 0)
		return NULL;
	if (hostfs_new(fd, folder, &fs, &type) < 0) {
		close(fd);
		return NULL;
	}
	if (inode_root(fs, type, &root) == 0)
		m = view_mount_made_up(&d->um->view, fs, root, folder, &tree_of(d, folder)->mount);
	if (!m)
		fs_discard(fs, take_ptr(&root));
	return m;
}

static struct mount *leads(void *arg, struct call *c, const char *path, size_t above)
{
	_cleanup_free_ char *folder = NULL;
	_cleanup_net_ struct net *n = NULL;
	struct netdir *d = arg;
	size_t len;
	pid_t pid;

	if (!is_below(path, &len, &pid) || len <= above || (pid && !task_is_ours(pid)) ||
		!net_in_our_namespace(c, pid ? pid : c->tid) ||
		network_of(d->um, pid ? pid : c->tid, &n) < 0 || !n)
		return NULL;
	folder = strndup(path, len);
	if (!folder)
		return NULL;
	return (net_stack(n) == NET_STACK_LWIP ? lead_to_text : lead_to_kernel)(d, n, folder, pid);
}

static void look_at_tree(struct tree *t, const char *path, const char *type)
{
	struct statx sx = { 0 };
	struct stat st;

	t->mount.type = type;
	if (stat(path, &st) == 0)
		t->dev = st.st_dev;
	if (statfs(path, &t->statfs) == 0) /* (the first of them are as those of mount(2)) */
		t->mount.flags = (unsigned long)t->statfs.f_flags &
				 (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
	if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &sx) == 0)
		t->mount.id = (int)sx.stx_mnt_id;
	if (statx(AT_FDCWD, path, 0, STATX_MNT_ID_UNIQUE_, &sx) == 0)
		t->mount.unique_id = sx.stx_mnt_id;
}

static void netdir_unmount(UNUSED struct fs *fs, UNUSED uint64_t deadline_ns)
{
}

int netdir_new(struct um *um, struct netdir **ret)
{
	struct netdir *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->um = um;
	d->fs = (struct fs){ .node = &node_ops,
		.file = &file_ops,
		.unmount = netdir_unmount,
		.root_node = 1, /* there is none */
		.type = "proc",
		.watches = um->view.watches,
		/* those that come and go are not to end it */
		.mounted = 1,
		.nmounts = 1,
		.flags = FS_DEFAULT_PERMISSIONS | FS_ALLOW_OTHER | FS_KEEPS_NONE };
	r = itable_init(&d->fs);
	if (r < 0) {
		free(d);
		return r;
	}
	pthread_mutex_init(&d->lock, NULL);
	clock_gettime(CLOCK_REALTIME, &d->since);
	look_at_tree(&d->trees[TREE_PROC], "/proc", "proc");
	look_at_tree(&d->trees[TREE_SYS], "/sys", "sysfs");
	d->fs.dev = d->trees[TREE_PROC].dev;
	um->view.leads_arg = d;
	atomic_store_explicit(&um->view.leads, leads, memory_order_release);
	*ret = d;
	return 0;
}

void netdir_free(struct netdir *d)
{
	if (!d)
		return;
	itable_release(&d->fs);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
