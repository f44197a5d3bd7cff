/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz-path [SECONDS [SEED [SEEDS]]]: path resolution against the kernel's own.
 *
 * Two trees are the same, but for that tree A is real and that of B t/ and t/m/ are mounts of
 * file systems in memory. Random words are resolved in both, by the kernel and by us, and must
 * lead to the same place or fail with the same error; between the words the trees are changed
 * in the same way, so that what is cached is tested too. Prints the seed of a failure.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "unit/memfs.h"
#include "view/path.h"

enum { NSTARTS = 6, NROUNDS = 4000, NHELD = 64 };

struct start {
	int a, b; /* descriptors */
};

struct fuzz {
	uint64_t rng, seed;
	char a[64], b[64];	     /* two folders, and deep in them, so that ".." stays inside, */
	char top_a[128], top_b[128]; /* the tops of the trees */
	int fd_a, fd_b;
	struct view view;
	struct call c;
	struct memfs *fs[2];
	struct mount *mnt[2];
	struct start starts[NSTARTS];
	int nstarts;
	struct {
		struct stat st;
		struct inode *ino;
		struct mount *mnt;
	} held[NHELD];
	int nheld;
	unsigned long cases, virtual, real, native, errors, changes;
};

static uint32_t rnd(struct fuzz *z, uint32_t n)
{
	z->rng ^= z->rng << 13;
	z->rng ^= z->rng >> 7;
	z->rng ^= z->rng << 17;
	return (uint32_t)((z->rng >> 11) % n);
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static bool placeholder(
	void *arg, const struct stat *st, struct inode **ret, struct mount **ret_mnt)
{
	struct fuzz *z = arg;
	int i;

	for (i = 0; i < z->nheld; i++)
		if (z->held[i].st.st_ino == st->st_ino && z->held[i].st.st_dev == st->st_dev) {
			*ret = inode_get(z->held[i].ino);
			*ret_mnt = mount_get(z->held[i].mnt);
			return true;
		}
	return false;
}

/* A random path of few names, so that it often leads somewhere. */
static void random_word(struct fuzz *z, char *buf, bool absolute_ok, const char *top)
{
	static const char *const names[] = { "a", "b", "c", "t", "m", "o", "a", "b", "..", "..",
		".", "t/m", "../t" };
	unsigned i, n = 1 + rnd(z, 5);

	*buf = '\0';
	if (absolute_ok && rnd(z, 4) == 0)
		sprintf(buf, "%s/", top);
	if (rnd(z, 3) == 0)
		strcat(buf, rnd(z, 2) ? "t/" : "t/m/");
	for (i = 0; i < n; i++) {
		if (i)
			strcat(buf, rnd(z, 8) ? "/" : "//");
		strcat(buf, names[rnd(z, ARRAY_SIZE(names))]);
	}
	if (rnd(z, 6) == 0)
		strcat(buf, "/");
}

/* Where an open file is, with the top cut off. */
static char *place_of_fd(int fd, const char *top)
{
	char self[FD_PATH_MAX], buf[PATH_MAX];
	size_t n = strlen(top);

	if (read_link(AT_FDCWD, fd_path(self, fd), buf, sizeof(buf)) < 0)
		return strdup("?");
	return strdup(strncmp(buf, top, n) == 0 ? buf + n : buf);
}

static const char *errname(int err)
{
	const char *s = strerrorname_np(err);

	return s ? s : "?";
}

/* What the kernel finds: a place or an error. */
static char *kernel_says(int dirfd, const char *word, unsigned flags, const char *top)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC };
	_cleanup_fd_ int fd = -1;

	if (!(flags & PATH_FOLLOW))
		how.flags |= O_NOFOLLOW;
	if (flags & PATH_DIRECTORY)
		how.flags |= O_DIRECTORY;
	if (flags & PATH_BENEATH)
		how.resolve |= RESOLVE_BENEATH;
	if (flags & PATH_IN_ROOT)
		how.resolve |= RESOLVE_IN_ROOT;
	if (flags & PATH_NO_SYMLINKS)
		how.resolve |= RESOLVE_NO_SYMLINKS;
	/* EAGAIN: somebody on this machine renamed something meanwhile, and ".." was in the word */
	do {
		fd = (int)syscall(SYS_openat2, dirfd, word, &how, sizeof(how));
	} while (fd < 0 && errno == EAGAIN);
	return fd < 0 ? strdup(errname(errno)) : place_of_fd(fd, top);
}

static char *view_says(
	struct fuzz *z, int dirfd, const char *word, unsigned flags, enum path_kind *ret_kind)
{
	_cleanup_path_ struct path p = PATH_INIT;
	size_t n = strlen(z->b);
	int err = path_resolve(&z->c, &z->view, dirfd, word, flags, &p);

	*ret_kind = p.kind;
	if (err < 0) {
		z->errors++;
		return strdup(errname(-err));
	}
	if (p.kind == PATH_NATIVE) {
		z->native++;
		return kernel_says(dirfd, word, flags, z->b);
	}
	if (p.kind == PATH_REAL) {
		_cleanup_fd_ int fd =
			*p.last ? openat(p.dirfd, p.last, O_PATH | O_CLOEXEC | O_NOFOLLOW)
				: dup(p.dirfd);

		z->real++;
		if (fd < 0)
			return strdup(errname(errno));
		if (strncmp(p.name, z->b, n) == 0) {
			_cleanup_free_ char *is = place_of_fd(fd, z->b);

			if (strcmp(is, p.name + n) != 0)
				return str_printf("%s but named %s", is, p.name);
		}
		return place_of_fd(fd, z->b);
	}
	z->virtual ++;
	return str_printf("%s%s", strncmp(p.name, z->b, n) == 0 ? p.name + n : p.name,
		p.inode && p.inode->deleted ? " (deleted)" : "");
}

static void one_word(struct fuzz *z)
{
	static const unsigned restricted[] = { 0, 0, 0, 0, PATH_BENEATH, PATH_IN_ROOT,
		PATH_NO_SYMLINKS };
	unsigned flags = (rnd(z, 2) ? PATH_FOLLOW : 0) | restricted[rnd(z, ARRAY_SIZE(restricted))];
	struct start *s = &z->starts[rnd(z, (uint32_t)z->nstarts)];
	_cleanup_free_ char *want = NULL;
	_cleanup_free_ char *got = NULL;
	char word_a[1024], word_b[1024];
	enum path_kind kind;
	uint64_t rng = z->rng;

	if (rnd(z, 16) == 0)
		flags |= PATH_DIRECTORY;
	rng = z->rng;
	random_word(z, word_a, true, z->top_a);
	z->rng = rng;
	random_word(z, word_b, true, z->top_b);
	z->cases++;
	want = kernel_says(s->a, word_a, flags, z->a);
	got = view_says(z, s->b, word_b, flags, &kind);
	if (strcmp(want, got) != 0) {
		_cleanup_free_ char *at = place_of_fd(s->a, z->a);

		printf("seed %llu case %lu: \"%s\" from %s flags %#x: kernel %s, view %s (kind "
		       "%d)\n",
			(unsigned long long)z->seed, z->cases, word_b, at, flags, want, got, kind);
		exit(1);
	}
}

/* ---- changes, to both trees ---- */

static int resolve_b(struct fuzz *z, const char *word, struct path *p)
{
	return path_resolve(&z->c, &z->view, z->fd_b, word, PATH_PARENT | PATH_REALIZE, p);
}

/* Is it a name that may be made, moved or removed: not a mount's root, not "..", not a slash. */
static bool changeable(const struct path *p)
{
	if (p->last_dot || p->slash || !*p->last)
		return false;
	if (p->kind == PATH_REAL)
		return strcmp(p->last, "t") != 0;
	return p->parent;
}

static void body_of(struct fuzz *z, char *a, char *b)
{
	uint64_t rng = z->rng;

	random_word(z, a, true, z->top_a);
	z->rng = rng;
	random_word(z, b, true, z->top_b);
}

static void same(struct fuzz *z, const char *what, const char *word, const char *to, int a, int b)
{
	if (a == b)
		return;
	printf("seed %llu case %lu: %s %s %s: real %s, view %s\n", (unsigned long long)z->seed,
		z->cases, what, word, to, a ? errname(-a) : "done", b ? errname(-b) : "done");
	exit(1);
}

static void do_make(struct fuzz *z, const char *word)
{
	_cleanup_path_ struct path p = PATH_INIT;
	_cleanup_inode_ struct inode *made = NULL;
	char body_a[1024], body_b[1024];
	struct fs_req req;
	unsigned kind = rnd(z, 6);
	int a, b;

	body_of(z, body_a, body_b);
	if (resolve_b(z, word, &p) < 0 || !changeable(&p))
		return;
	fs_req_init(&req, NULL);
	if (kind < 2)
		a = mkdirat(z->fd_a, word, 0755);
	else if (kind == 2)
		a = mknodat(z->fd_a, word, S_IFREG | 0644, 0);
	else
		a = symlinkat(body_a, z->fd_a, word);
	a = a < 0 ? -errno : 0;
	if (p.kind == PATH_REAL) {
		if (kind < 2)
			b = mkdirat(p.dirfd, p.last, 0755);
		else if (kind == 2)
			b = mknodat(p.dirfd, p.last, S_IFREG | 0644, 0);
		else
			b = symlinkat(body_b, p.dirfd, p.last);
		b = b < 0 ? -errno : 0;
	} else if (p.inode) {
		b = -EEXIST;
	} else if (kind < 2) {
		b = inode_mkdir(p.parent, &req, p.last, 0755, &made);
	} else if (kind == 2) {
		b = inode_mknod(p.parent, &req, p.last, S_IFREG | 0644, 0, &made);
	} else {
		b = inode_symlink(p.parent, &req, p.last, body_b, &made);
	}
	same(z, "make", word, "", a, b);
}

static void do_remove(struct fuzz *z, const char *word)
{
	_cleanup_path_ struct path p = PATH_INIT;
	struct fs_req req;
	struct stat st;
	bool isdir;
	int a, b;

	if (resolve_b(z, word, &p) < 0 || !changeable(&p))
		return;
	fs_req_init(&req, NULL);
	if (fstatat(z->fd_a, word, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	isdir = S_ISDIR(st.st_mode);
	a = unlinkat(z->fd_a, word, isdir ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
	if (p.kind == PATH_REAL)
		b = unlinkat(p.dirfd, p.last, isdir ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
	else if (isdir)
		b = inode_rmdir(p.parent, &req, p.last);
	else
		b = inode_unlink(p.parent, &req, p.last);
	same(z, "remove", word, "", a, b);
}

static void do_rename(struct fuzz *z, const char *word, const char *to)
{
	static const unsigned all_flags[] = { 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE };
	unsigned flags = all_flags[rnd(z, ARRAY_SIZE(all_flags))];
	_cleanup_path_ struct path p = PATH_INIT;
	_cleanup_path_ struct path q = PATH_INIT;
	struct fs_req req;
	int a, b;

	if (resolve_b(z, word, &p) < 0 || !changeable(&p) || resolve_b(z, to, &q) < 0 ||
		!changeable(&q) || p.kind != q.kind)
		return;
	if (p.kind == PATH_VIRTUAL && p.mnt != q.mnt)
		return;
	/* replacing something of another type is for the server to refuse: memfs does not */
	if (p.kind == PATH_VIRTUAL && q.inode &&
		(!p.inode || inode_type(p.inode) != inode_type(q.inode)))
		return;
	fs_req_init(&req, NULL);
	a = renameat2(z->fd_a, word, z->fd_a, to, flags) < 0 ? -errno : 0;
	if (p.kind == PATH_REAL)
		b = renameat2(p.dirfd, p.last, q.dirfd, q.last, flags) < 0 ? -errno : 0;
	else
		b = inode_rename(p.parent, &req, p.last, q.parent, q.last, flags);
	if (a == -ENOENT && p.kind == PATH_VIRTUAL)
		return;
	same(z, "rename", word, to, a, b);
}

static void do_link(struct fuzz *z, const char *word, const char *to)
{
	_cleanup_path_ struct path p = PATH_INIT;
	_cleanup_path_ struct path q = PATH_INIT;
	struct fs_req req;
	int a, b;

	if (resolve_b(z, word, &p) < 0 || !changeable(&p) || resolve_b(z, to, &q) < 0 ||
		!changeable(&q) || p.kind != PATH_VIRTUAL || q.kind != PATH_VIRTUAL ||
		p.mnt != q.mnt || !p.inode || q.inode)
		return;
	fs_req_init(&req, NULL);
	a = linkat(z->fd_a, word, z->fd_a, to, 0) < 0 ? -errno : 0;
	b = inode_link(p.inode, &req, q.parent, q.last);
	same(z, "link", word, to, a, b);
}

static void one_change(struct fuzz *z)
{
	char word[1024], to[1024];

	random_word(z, word, false, "");
	random_word(z, to, false, "");
	z->changes++;
	switch (rnd(z, 8)) {
	case 0:
	case 1:
	case 2:
	case 3:
		do_make(z, word);
		break;
	case 4:
		do_remove(z, word);
		break;
	case 5:
	case 6:
		do_rename(z, word, to);
		break;
	case 7:
		do_link(z, word, to);
		break;
	}
}

/* A new place to start from: a directory, in both trees. */
static void new_start(struct fuzz *z)
{
	_cleanup_path_ struct path p = PATH_INIT;
	struct start s = { -1, -1 };
	char word[1024];

	random_word(z, word, false, "");
	s.a = openat(z->fd_a, word, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s.a < 0)
		return;
	if (path_resolve(&z->c, &z->view, z->fd_b, word, PATH_FOLLOW | PATH_REALIZE, &p) < 0) {
		printf("seed %llu: no start at %s\n", (unsigned long long)z->seed, word);
		exit(1);
	}
	if (p.kind == PATH_REAL) {
		s.b = openat(p.dirfd, *p.last ? p.last : ".", O_PATH | O_CLOEXEC);
	} else if (z->nheld < NHELD) {
		char dir[] = "/tmp/umhold-XXXXXX";

		if (!mkdtemp(dir))
			die(dir);
		s.b = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (s.b < 0 || rmdir(dir) < 0 || fstat(s.b, &z->held[z->nheld].st) < 0)
			die(dir);
		z->held[z->nheld].ino = inode_get(p.inode);
		z->held[z->nheld++].mnt = mount_get(p.mnt);
	}
	if (s.b < 0) {
		close(s.a);
		return;
	}
	if (z->nstarts < NSTARTS) {
		z->starts[z->nstarts++] = s;
	} else {
		struct start *old = &z->starts[1 + rnd(z, NSTARTS - 1)];

		/* a held directory stays known: its number may not be used again */
		if (z->nheld < NHELD)
			close(old->a);
		*old = s;
	}
}

static struct mount *attach(struct fuzz *z, struct memfs *m, const char *at)
{
	_cleanup_free_ char *name = str_printf("%s/%s", z->top_b, at);
	_cleanup_path_ struct path p = PATH_INIT;
	_cleanup_inode_ struct inode *root = NULL;
	struct mount *mnt = NULL;

	if (path_resolve_abs(&z->view, NULL, name, PATH_MOUNTPOINT, &p) < 0 ||
		inode_root(&m->fs, S_IFDIR, &root) < 0 ||
		view_mount(&z->view, &m->fs, root, &p, "mem", "memfs", "", 0, &mnt) < 0)
		die(name);
	return mnt;
}

static int make_top(char *folder, char *top)
{
	int i;

	strcpy(folder, "/tmp/umfuzz-XXXXXX");
	if (!mkdtemp(folder))
		die(folder);
	strcpy(top, folder);
	for (i = 0; i < 16; i++) {
		strcat(top, "/p");
		if (mkdir(top, 0755) < 0)
			die(top);
	}
	return open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void fuzz_begin(struct fuzz *z, uint64_t seed)
{
	uint64_t valid[] = { 0, 3600 * NSEC_PER_SEC };
	int i;

	memset(z, 0, sizeof(*z));
	z->seed = seed;
	z->rng = seed * 0x9e3779b97f4a7c15ull + 1;
	z->c.tid = z->c.tgid_ = getpid();
	z->fd_a = make_top(z->a, z->top_a);
	z->fd_b = make_top(z->b, z->top_b);
	if (view_init(&z->view) < 0 || mkdirat(z->fd_a, "t", 0755) ||
		mkdirat(z->fd_a, "t/m", 0755) || mkdirat(z->fd_a, "o", 0755) ||
		mkdirat(z->fd_b, "t", 0755) || mkdirat(z->fd_b, "o", 0755))
		die("trees");
	z->view.placeholder = placeholder;
	z->view.placeholder_arg = z;
	for (i = 0; i < 2; i++) {
		z->fs[i] = memfs_new();
		z->fs[i]->entry_valid_ns = valid[rnd(z, 2)];
		z->fs[i]->negative_valid_ns = valid[rnd(z, 2)];
		z->fs[i]->attr_valid_ns = valid[rnd(z, 2)];
	}
	memfs_make(z->fs[0], "m", S_IFDIR | 0755, NULL);
	z->mnt[0] = attach(z, z->fs[0], "t");
	z->mnt[1] = attach(z, z->fs[1], "t/m");
	z->starts[0] = (struct start){ z->fd_a, z->fd_b };
	z->nstarts = 1;
}

static void fuzz_end(struct fuzz *z)
{
	_cleanup_free_ char *cmd = str_printf("rm -rf '%s' '%s'", z->a, z->b);
	int i;

	while (z->nheld > 0) {
		inode_put(z->held[--z->nheld].ino);
		mount_put(z->held[z->nheld].mnt);
	}
	for (i = 0; i < 2; i++)
		mount_put(z->mnt[i]);
	view_release(&z->view);
	for (i = 0; i < 2; i++) {
		if (!z->fs[i]->freed || z->fs[i]->fs.itable) {
			printf("seed %llu: an inode was lost\n", (unsigned long long)z->seed);
			exit(1);
		}
		memfs_free(z->fs[i]);
	}
	closefrom(3);
	if (system(cmd) != 0)
		die(cmd);
}

int main(int argc, char **argv)
{
	time_t until = time(NULL) + (argc > 1 ? atoi(argv[1]) : 5);
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	uint64_t end = argc > 3 ? seed + strtoull(argv[3], NULL, 0) : UINT64_MAX;
	unsigned long all[6] = { 0 };
	static struct fuzz z;

	do {
		int i;

		fuzz_begin(&z, seed++);
		for (i = 0; i < NROUNDS; i++) {
			if (rnd(&z, 4) == 0)
				one_change(&z);
			else if (rnd(&z, 64) == 0)
				new_start(&z);
			else
				one_word(&z);
		}
		all[0] += z.cases;
		all[1] += z.virtual;
		all[2] += z.real;
		all[3] += z.native;
		all[4] += z.errors;
		all[5] += z.changes;
		fuzz_end(&z);
	} while (seed < end && time(NULL) < until);
	printf("%lu words, %lu virtual, %lu real, %lu native, %lu errors, %lu changes; next seed "
	       "%llu\n",
		all[0], all[1], all[2], all[3], all[4], all[5], (unsigned long long)seed);
	return 0;
}
