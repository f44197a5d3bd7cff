/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Path resolution on a real tree with file systems in memory mounted in it. The guest is this
 * process itself. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#include "tap.h"
#include "unit/memfs.h"
#include "view/path.h"

static struct tap tap;
#define ok(cond, ...) tap_check(&tap, (cond) ? 1 : 0, __VA_ARGS__)

#define HOUR (3600 * NSEC_PER_SEC)

/* Directories that stand for inodes, as the file layer makes them. */
struct holder {
	struct stat st;
	struct inode *ino;
	struct mount *mnt;
};

struct fixture {
	char top[64];
	struct view view;
	struct call c;
	struct holder held[8];
	int nheld;
};

static bool placeholder(
	void *arg, const struct stat *st, struct inode **ret, struct mount **ret_mnt)
{
	struct fixture *f = arg;
	int i;

	for (i = 0; i < f->nheld; i++)
		if (f->held[i].st.st_dev == st->st_dev && f->held[i].st.st_ino == st->st_ino &&
			st->st_nlink == 0) {
			*ret = inode_get(f->held[i].ino);
			*ret_mnt = mount_get(f->held[i].mnt);
			return true;
		}
	return false;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void real_file(struct fixture *f, const char *name)
{
	_cleanup_free_ char *path = str_printf("%s/%s", f->top, name);
	int fd = open(path, O_CREAT | O_WRONLY, 0644);

	if (fd < 0)
		die(path);
	close(fd);
}

static void real_dir(struct fixture *f, const char *name)
{
	_cleanup_free_ char *path = str_printf("%s/%s", f->top, name);

	if (mkdir(path, 0755) < 0)
		die(path);
}

/* "%s" in the target is the top. */
static void real_link(struct fixture *f, const char *name, const char *target)
{
	_cleanup_free_ char *path = str_printf("%s/%s", f->top, name);
	_cleanup_free_ char *body =
		*target == '/' ? str_printf("%s%s", f->top, target + 1) : strdup(target);

	if (symlink(body, path) < 0)
		die(path);
}

static struct memfs *mem_tree(struct fixture *f)
{
	struct memfs *m = memfs_new();
	_cleanup_free_ char *abs = str_printf("%s/real/file", f->top);
	_cleanup_free_ char *abs_mnt = str_printf("%s/mnt/d/f", f->top);

	m->entry_valid_ns = m->negative_valid_ns = m->attr_valid_ns = HOUR;
	memfs_make(m, "d", S_IFDIR | 0755, NULL);
	memfs_make(m, "d/f", S_IFREG | 0644, NULL);
	memfs_make(m, "d/e", S_IFDIR | 0755, NULL);
	memfs_make(m, "f", S_IFREG | 0644, NULL);
	memfs_make(m, "l", S_IFLNK | 0777, "d");
	memfs_make(m, "lf", S_IFLNK | 0777, "d/../f");
	memfs_make(m, "ls", S_IFLNK | 0777, "d/");
	memfs_make(m, "lfs", S_IFLNK | 0777, "f/");
	memfs_make(m, "out", S_IFLNK | 0777, abs);
	memfs_make(m, "relout", S_IFLNK | 0777, "../real/file");
	memfs_make(m, "home", S_IFLNK | 0777, abs_mnt);
	memfs_make(m, "dangling", S_IFLNK | 0777, "d/new");
	memfs_make(m, "x", S_IFLNK | 0777, "d/f");
	memfs_make(m, "loop", S_IFLNK | 0777, "loop");
	memfs_make(m, "proc", S_IFLNK | 0777, "/proc/self");
	return m;
}

static struct mount *attach(struct fixture *f, struct memfs *m, const char *at)
{
	_cleanup_free_ char *name = str_printf("%s/%s", f->top, at);
	_cleanup_path_ struct path p = PATH_INIT;
	struct inode *root = NULL;
	struct mount *mnt = NULL;

	if (path_resolve_abs(&f->view, NULL, name, PATH_FOLLOW | PATH_MOUNTPOINT, &p) < 0 ||
		inode_root(&m->fs, S_IFDIR, &root) < 0 ||
		view_mount(&f->view, &m->fs, root, &p, "mem", "memfs", "", 0, &mnt) < 0)
		die(name);
	inode_put(root);
	return mnt;
}

/* A descriptor that stands for what a path leads to. */
static int hold(struct fixture *f, const char *name)
{
	_cleanup_free_ char *full = str_printf("%s/%s", f->top, name);
	_cleanup_path_ struct path p = PATH_INIT;
	struct holder *h = &f->held[f->nheld];
	char dir[] = "/tmp/umhold-XXXXXX";
	int fd;

	if (path_resolve_abs(&f->view, NULL, full, 0, &p) < 0 || p.kind != PATH_VIRTUAL ||
		!mkdtemp(dir))
		die(full);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	if (fd < 0 || rmdir(dir) < 0 || fstat(fd, &h->st) < 0)
		die(dir);
	h->ino = take_ptr(&p.inode);
	h->mnt = take_ptr(&p.mnt);
	f->nheld++;
	return fd;
}

/* What a path gives, as text: "native", "real PATH", "virtual PATH", "missing PATH", "ELOOP". */
static char *said(struct fixture *f, int dirfd, const char *word, unsigned flags)
{
	_cleanup_path_ struct path p = PATH_INIT;
	const char *name, *kind;
	size_t n = strlen(f->top);
	int err = path_resolve(&f->c, &f->view, dirfd, word, flags, &p);

	if (err < 0)
		return strdup(strerrorname_np(-err) ? strerrorname_np(-err) : "?");
	if (p.kind == PATH_NATIVE)
		return strdup("native");
	kind = p.kind == PATH_REAL ? "real" : p.inode ? "virtual" : "missing";
	name = strncmp(p.name, f->top, n) == 0 ? p.name + n : p.name;
	return str_printf("%s %s%s%s%s%s", kind, name, p.slash ? " slash" : "",
		p.last_dot ? " dot" : "", p.link ? " link " : "", p.link ? p.link : "");
}

/* word: a leading "@" is the top. */
static void expect(struct fixture *f, int dirfd, const char *word, unsigned flags, const char *want)
{
	_cleanup_free_ char *full =
		*word == '@' ? str_printf("%s%s", f->top, word + 1) : strdup(word);
	_cleanup_free_ char *got = said(f, dirfd, full, flags);

	ok(strcmp(got, want) == 0, "%s%s%s: %s%s%s", dirfd == AT_FDCWD ? "" : "fd ", word,
		flags & PATH_FOLLOW ? " follow" : "", got, strcmp(got, want) ? ", not " : "",
		strcmp(got, want) ? want : "");
}

#define F PATH_FOLLOW
#define CWD AT_FDCWD

static void test_absolute(struct fixture *f)
{
	expect(f, CWD, "/etc/passwd", F, "native");
	expect(f, CWD, "/bin/ls", F, "native");
	expect(f, CWD, "@/real/file", F, "native");
	expect(f, CWD, "@/real/none/x", F, "native");
	expect(f, CWD, "@/real/file/x", F, "native");
	expect(f, CWD, "@/mnt", F, "virtual /mnt");
	expect(f, CWD, "@/mnt/", F, "virtual /mnt slash");
	expect(f, CWD, "@//mnt///d/./e/", F, "virtual /mnt/d/e slash");
	expect(f, CWD, "@/mnt/d/f", 0, "virtual /mnt/d/f");
	expect(f, CWD, "@/mnt/d/f/", 0, "ENOTDIR");
	expect(f, CWD, "@/mnt/d/f/.", 0, "ENOTDIR");
	expect(f, CWD, "@/mnt/d/f", PATH_DIRECTORY, "ENOTDIR");
	expect(f, CWD, "@/mnt/d/e/.", 0, "virtual /mnt/d/e dot");
	expect(f, CWD, "@/mnt/d/e/..", 0, "virtual /mnt/d dot");
	expect(f, CWD, "@/mnt/..", 0, "real  dot");
	expect(f, CWD, "@/mnt/../real/file", 0, "real /real/file");
	expect(f, CWD, "@/mnt/../real/none", 0, "ENOENT");
	expect(f, CWD, "@/mnt/../real/none", PATH_CREATE, "real /real/none");
	expect(f, CWD, "@/mnt/../real/none/", PATH_CREATE, "real /real/none slash");
	expect(f, CWD, "@/mnt/../mnt/d", 0, "virtual /mnt/d");
	expect(f, CWD, "@/mnt/none", 0, "ENOENT");
	expect(f, CWD, "@/mnt/none", PATH_CREATE, "missing /mnt/none");
	expect(f, CWD, "@/mnt/none/x", PATH_CREATE, "ENOENT");
	expect(f, CWD, "@/mnt/none/", PATH_CREATE, "missing /mnt/none slash");
	expect(f, CWD, "@/real/../mnt/d", 0, "virtual /mnt/d");
	expect(f, CWD, "@/real/none/../../mnt/d", 0, "native");
	expect(f, CWD, "@/real/file/../../mnt/d", 0, "native");
	expect(f, CWD, "@/under/mnt/d", 0, "native");
	expect(f, CWD, "", 0, "ENOENT");
}

static void test_links(struct fixture *f)
{
	expect(f, CWD, "@/link", 0, "native");
	expect(f, CWD, "@/link", F, "virtual /mnt");
	expect(f, CWD, "@/link/", 0, "virtual /mnt slash");
	expect(f, CWD, "@/link/", PATH_PARENT, "native");
	expect(f, CWD, "@/link/d/f", 0, "virtual /mnt/d/f");
	expect(f, CWD, "@/abs", F, "virtual /mnt/d");
	expect(f, CWD, "@/real/dir/deep/x", F, "virtual /mnt/d/f");
	expect(f, CWD, "@/real/dir/deep/x", 0, "virtual /mnt/x");
	expect(f, CWD, "@/through", F, "real /real/file");
	expect(f, CWD, "@/through", 0, "native");
	expect(f, CWD, "@/loop", F, "ELOOP");
	expect(f, CWD, "@/loop/x", 0, "ELOOP");
	expect(f, CWD, "@/tofile/x", 0, "native");
	expect(f, CWD, "@/mnt/l", 0, "virtual /mnt/l");
	expect(f, CWD, "@/mnt/l", F, "virtual /mnt/d");
	expect(f, CWD, "@/mnt/l/", 0, "virtual /mnt/d slash");
	expect(f, CWD, "@/mnt/l/", PATH_PARENT, "virtual /mnt/l slash");
	expect(f, CWD, "@/mnt/l/f", 0, "virtual /mnt/d/f");
	expect(f, CWD, "@/mnt/lf", F, "virtual /mnt/f");
	expect(f, CWD, "@/mnt/ls", F, "virtual /mnt/d slash");
	expect(f, CWD, "@/mnt/lfs", F, "ENOTDIR");
	expect(f, CWD, "@/mnt/out", F, "real /real/file");
	expect(f, CWD, "@/mnt/out", 0, "virtual /mnt/out");
	expect(f, CWD, "@/mnt/relout", F, "real /real/file");
	expect(f, CWD, "@/mnt/home", F, "virtual /mnt/d/f");
	expect(f, CWD, "@/mnt/dangling", F, "ENOENT");
	expect(f, CWD, "@/mnt/dangling", F | PATH_CREATE, "missing /mnt/d/new");
	expect(f, CWD, "@/mnt/loop", F, "ELOOP");
	expect(f, CWD, "@/mnt/loop", 0, "virtual /mnt/loop");
	expect(f, CWD, "@/mnt/l", F | PATH_NO_SYMLINKS, "ELOOP");
	expect(f, CWD, "@/mnt/d", F | PATH_NO_XDEV, "EXDEV");
}

static void test_relative(struct fixture *f)
{
	int real = open(f->top, O_PATH | O_DIRECTORY), d = hold(f, "mnt/d"), sub, gone;
	int file = open("/etc/passwd", O_RDONLY), old = open(".", O_PATH), pipes[2];

	expect(f, real, "real/file", F, "native");
	expect(f, real, "mnt/d", F, "virtual /mnt/d");
	expect(f, real, "link/d", F, "virtual /mnt/d");
	expect(f, real, "/etc/passwd", F, "native");
	expect(f, real, "", PATH_EMPTY, "native");
	expect(f, file, "x", F, "native");
	expect(f, 999, "x", F, "native");
	expect(f, -1, "x", F, "native");
	expect(f, d, "f", 0, "virtual /mnt/d/f");
	expect(f, d, "", PATH_EMPTY, "virtual /mnt/d");
	expect(f, d, "", 0, "ENOENT");
	expect(f, d, ".", 0, "virtual /mnt/d dot");
	expect(f, d, "..", 0, "virtual /mnt dot");
	expect(f, d, "../..", 0, "real  dot");
	expect(f, d, "../../real/file", 0, "real /real/file");
	expect(f, d, "../../link/f", 0, "virtual /mnt/f");
	expect(f, d, "../out", PATH_BENEATH | F, "EXDEV");
	expect(f, d, "../f", PATH_IN_ROOT, "virtual /mnt/d/f");
	expect(f, d, "/f", PATH_IN_ROOT, "virtual /mnt/d/f");
	expect(f, d, "e", PATH_BENEATH, "virtual /mnt/d/e");
	expect(f, d, "e/..", PATH_BENEATH, "virtual /mnt/d dot");
	expect(f, d, "../../real/file", PATH_NO_XDEV, "EXDEV");
	expect(f, d, "../f", PATH_NO_XDEV, "virtual /mnt/f");
	expect(f, real, "mnt/out", PATH_BENEATH | F, "EXDEV");
	expect(f, real, "mnt/relout", PATH_BENEATH | F, "real /real/file");

	if (fchdir(real) < 0)
		die("fchdir");
	expect(f, CWD, "real/file", F, "native");
	expect(f, CWD, "./mnt/d", F, "virtual /mnt/d");
	expect(f, CWD, "real/../mnt/d", F, "virtual /mnt/d");
	if (fchdir(d) < 0)
		die("fchdir");
	expect(f, CWD, "f", 0, "virtual /mnt/d/f");
	expect(f, CWD, "../../real/file", 0, "real /real/file");
	expect(f, CWD, "/etc/passwd", 0, "native");
	expect(f, CWD, "/proc/self/cwd/f", 0, "virtual /mnt/d/f");
	expect(f, CWD, "/proc/self/cwd", F, "virtual /mnt/d");
	expect(f, CWD, "/proc/thread-self/cwd/e/..", 0, "virtual /mnt/d dot");

	/* a real directory that a mount was put over later, and one that is gone */
	sub = openat(real, "real/dir", O_PATH);
	gone = openat(real, "real/gone", O_PATH);
	if (fchdir(sub) < 0 || unlinkat(real, "real/gone", AT_REMOVEDIR) < 0)
		die("real/dir");
	expect(f, CWD, "..", F, "native");
	expect(f, CWD, "../../mnt", F, "virtual /mnt");
	expect(f, CWD, "deep/x", F, "virtual /mnt/d/f");
	expect(f, gone, "x", F, "native");
	expect(f, gone, "../../mnt/f", F, "virtual /mnt/f");
	if (pipe(pipes) == 0)
		expect(f, pipes[0], "x", F, "native");
	expect(f, pipes[0], "", PATH_EMPTY, "native");
	if (fchdir(old) < 0)
		die("fchdir");
}

static void test_proc(struct fixture *f)
{
	int d = hold(f, "mnt/d"), real = open(f->top, O_PATH | O_DIRECTORY);
	char word[64], want[128];

	expect(f, CWD, "/proc/self/status", F, "native");
	expect(f, CWD, "/proc/self", 0, "native");
	expect(f, CWD, "/proc/mounts", F, "native");
	expect(f, CWD, "/proc/self/exe", F, "native");
	expect(f, CWD, "/proc/self/exe", 0, "native");
	expect(f, CWD, "/proc/self/root/etc/passwd", F, "native");
	snprintf(word, sizeof(word), "/proc/self/root%s/mnt/d", f->top);
	expect(f, CWD, word, F, "virtual /mnt/d");
	snprintf(word, sizeof(word), "/proc/self/fd/%d", d);
	expect(f, CWD, word, F, "virtual /mnt/d");
	snprintf(want, sizeof(want), "real /proc/%d/fd/%d link %s/mnt/d", getpid(), d, f->top);
	expect(f, CWD, word, 0, want);
	snprintf(word, sizeof(word), "/dev/fd/%d/f", d);
	expect(f, CWD, word, F, "virtual /mnt/d/f");
	snprintf(word, sizeof(word), "/proc/%d/fd/%d/../f", getpid(), d);
	expect(f, CWD, word, F, "virtual /mnt/f");
	expect(f, CWD, word, F | PATH_NO_MAGIC, "native");
	snprintf(word, sizeof(word), "/proc/self/fd/%d/mnt/f", real);
	expect(f, CWD, word, F, "virtual /mnt/f");
	snprintf(word, sizeof(word), "/proc/self/fd/%d/real/file", real);
	expect(f, CWD, word, F, "native");
	snprintf(want, sizeof(want), "real /proc/%d", getpid());
	expect(f, CWD, "@/mnt/proc", F, want);
	expect(f, CWD, "@/mnt/proc/status", F, (strcat(want, "/status"), want));
}

static void test_stack(struct fixture *f)
{
	struct memfs *over = memfs_new(), *in = memfs_new(), *nested = memfs_new();
	struct mount *m_over, *m_in, *m_nested, *top;
	_cleanup_free_ char *target = str_printf("%s/mnt", f->top);

	memfs_make(in, "i", S_IFREG | 0644, NULL);
	memfs_make(in, "dir", S_IFDIR | 0755, NULL);
	memfs_make(nested, "n", S_IFREG | 0644, NULL);
	memfs_make(over, "o", S_IFREG | 0644, NULL);
	m_in = attach(f, in, "mnt/d/e");
	expect(f, CWD, "@/mnt/d/e/i", 0, "virtual /mnt/d/e/i");
	expect(f, CWD, "@/mnt/d/e/..", 0, "virtual /mnt/d dot");
	expect(f, CWD, "@/mnt/d/e/../f", 0, "virtual /mnt/d/f");
	m_nested = attach(f, nested, "mnt/d/e/dir");
	expect(f, CWD, "@/mnt/d/e/dir/n", 0, "virtual /mnt/d/e/dir/n");
	expect(f, CWD, "@/mnt/d/e/dir/../../../../real", 0, "real /real");
	ok(view_detach(&f->view, m_in, 0) == -EBUSY, "a mount lies on it");
	ok(view_has_mount_below(&f->view, target, true), "mounts below");
	m_over = attach(f, over, "mnt");
	expect(f, CWD, "@/mnt/o", 0, "virtual /mnt/o");
	expect(f, CWD, "@/mnt/d", 0, "ENOENT");
	expect(f, CWD, "@/mnt/../mnt/o", 0, "virtual /mnt/o");
	top = view_mount_at(&f->view, 0, target);
	ok(top == m_over, "the newest is on top");
	mount_put(top);
	ok(view_detach(&f->view, m_over, 0) == 0, "it goes");
	mount_put(m_over);
	ok(over->freed, "and is freed");
	expect(f, CWD, "@/mnt/d/e/i", 0, "virtual /mnt/d/e/i");
	ok(view_detach(&f->view, m_in, MNT_DETACH) == 0 && m_nested->detached, "both go");
	expect(f, CWD, "@/mnt/d/e/i", 0, "ENOENT");
	mount_put(m_nested);
	mount_put(m_in);
	ok(in->freed && nested->freed, "and are freed");
	memfs_free(over);
	memfs_free(in);
	memfs_free(nested);
}

static void test_long(struct fixture *f)
{
	char name[300], many[PATH_MAX];
	int i;

	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	snprintf(many, sizeof(many), "@/mnt/%s", name);
	expect(f, CWD, many, 0, "ENAMETOOLONG");
	name[255] = '\0';
	snprintf(many, sizeof(many), "@/mnt/%s", name);
	expect(f, CWD, many, 0, "ENOENT");
	strcpy(many, "@/mnt");
	for (i = 0; i < 1000; i++)
		strcat(many, "/d/.");
	expect(f, CWD, many, 0, "ENOENT");
	strcpy(many, "@/mnt");
	for (i = 0; i < 700; i++)
		strcat(many, "/d/..");
	expect(f, CWD, many, 0, "virtual /mnt dot");
}

static void cleanup(struct fixture *f)
{
	_cleanup_free_ char *cmd = str_printf("rm -rf '%s'", f->top);

	(void)!system(cmd); /* a folder of /tmp that stays harms nothing */
}

int main(void)
{
	struct fixture f = { .c = { .tid = getpid(), .tgid_ = getpid() } };
	struct memfs *m;
	struct mount *mnt;

	strcpy(f.top, "/tmp/umpath-XXXXXX");
	if (!mkdtemp(f.top) || view_init(&f.view) < 0)
		die("mkdtemp");
	f.view.placeholder = placeholder;
	f.view.placeholder_arg = &f;
	real_dir(&f, "real");
	real_dir(&f, "real/dir");
	real_dir(&f, "real/gone");
	real_file(&f, "real/file");
	real_dir(&f, "mnt");
	real_dir(&f, "under");
	real_link(&f, "link", "mnt");
	real_link(&f, "abs", "//mnt/d");
	real_link(&f, "real/dir/deep", "../../mnt");
	real_link(&f, "through", "mnt/../real/file");
	real_link(&f, "loop", "loop");
	real_link(&f, "tofile", "real/file");
	expect(&f, CWD, "@/mnt", F, "native");
	m = mem_tree(&f);
	mnt = attach(&f, m, "mnt");
	test_absolute(&f);
	test_links(&f);
	test_relative(&f);
	test_proc(&f);
	test_stack(&f);
	test_long(&f);
	while (f.nheld > 0) {
		inode_put(f.held[--f.nheld].ino);
		mount_put(f.held[f.nheld].mnt);
	}
	mount_put(mnt);
	ok(view_has_mounts(&f.view), "a mount");
	view_release(&f.view);
	ok(!view_has_mounts(&f.view) && m->freed && !m->fs.itable, "all is freed");
	memfs_free(m);
	cleanup(&f);
	return tap_done(&tap);
}
