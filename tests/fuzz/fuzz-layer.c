/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a layer's folder holds, and archives that are imported, changed at random: nothing crashes,
 *nothing is written outside of the layer, and what is refused leaves no draft.
 *
 *	fuzz-layer SECONDS [SEED [COUNT]]	in a folder of its own, which it removes
 */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "layer/base.h"
#include "layer/entry.h"
#include "layer/image.h"
#include "layer/journal.h"
#include "layer/links.h"
#include "layer/store.h"
#include "layer/tree.h"

enum { TEXT_MAX = 64 << 10, FILE_MAX = 4 << 20 };

struct fuzz {
	uint64_t seed, rng;
	struct layer layer;
	char top[64];
	char buf[TEXT_MAX];
	size_t len;
	unsigned long taken, refused;
};

static uint64_t rnd(struct fuzz *z, uint64_t n)
{
	z->rng ^= z->rng << 13;
	z->rng ^= z->rng >> 7;
	z->rng ^= z->rng << 17;
	return z->rng % n;
}

static void __attribute__((noreturn)) die(const struct fuzz *z, const char *what)
{
	printf("seed %llu: %s\n", (unsigned long long)z->seed, what);
	exit(1);
}

/* Numbers and words that parsers stumble over. */
static const char *const words[] = { "-1", "0", "18446744073709551616",
	"99999999999999999999999999", "0x10", "1e9", ".", "..", "/", "", "\n", "\\", "\\n", "%s%n",
	"=", " ", "/../x", "9223372036854775807", "1:2", "1:2:3:block-1-2",
	"::", "1:2:777777777777", ".wh.", ".wh...", ".wh..wh..opq" };

static void change(struct fuzz *z)
{
	size_t at = rnd(z, z->len + 1), n;
	const char *word;

	switch (rnd(z, 5)) {
	case 0:
		if (at < z->len)
			z->buf[at] = (char)rnd(z, 256);
		break;
	case 1: /* one byte off */
		if (at < z->len)
			z->buf[at] = (char)(z->buf[at] + (rnd(z, 2) ? 1 : -1));
		break;
	case 2:
		word = words[rnd(z, ARRAY_SIZE(words))];
		n = strlen(word);
		if (at + n <= z->len)
			memcpy(z->buf + at, word, n);
		break;
	case 3: /* a piece comes twice */
		n = rnd(z, 64);
		if (at + n <= z->len && z->len + n < TEXT_MAX) {
			memmove(z->buf + at + n, z->buf + at, z->len - at);
			z->len += n;
		}
		break;
	default: /* it ends early */
		z->len = rnd(z, 4) ? z->len : at;
	}
}

static void start(struct fuzz *z, const void *text, size_t len)
{
	memcpy(z->buf, text, len);
	z->len = len;
	for (uint64_t i = rnd(z, 8); i > 0; i--)
		change(z);
}

static void put_file(struct fuzz *z, int dirfd, const char *name)
{
	_cleanup_fd_ int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write_all(fd, z->buf, z->len) < 0)
		die(z, "a file cannot be written");
}

static void count(struct fuzz *z, int err)
{
	if (err < 0)
		z->refused++;
	else
		z->taken++;
}

static void try_layer_file(struct fuzz *z)
{
	static const char text[] =
		"format=1\ncreated=1700000000\nof=/usr\\n\\\\x\nlower=/a\nlower=/b\nother=kept\n";
	_cleanup_layer_ struct layer l = LAYER_INIT;
	int err;

	start(z, text, sizeof(text) - 1);
	put_file(z, z->layer.dirfd, "layer");
	err = layer_open("fuzz", LAYER_LOOK, &l);
	count(z, err);
	if (err == 0 && (!l.of || l.nlower < 1))
		die(z, "a layer of nothing");
}

static void try_base(struct fuzz *z)
{
	static const char text[] = "umview-base 1\0"
				   "1700000000.000000001 1.2 3.4 5 6 100644 0 0 a\0"
				   "1700000001.000000001 1.2 3.4 5 6 40755 0 0 d/with blank\0"
				   "1700000002.000000001 1.2 3.4 5 6 100644 0 0 a";
	struct base base;
	int err;

	start(z, text, sizeof(text));
	put_file(z, z->layer.dirfd, "base");
	err = base_read(z->layer.dirfd, &base);
	count(z, err);
	if (err == 0) {
		(void)base_find(&base, "a");
		for (size_t i = 0; i < base.n; i++) {
			if (base_find(&base, base.record[i].path) != &base.record[i])
				die(z, "a record of base is not found");
		}
	}
	base_release(&base);
}

static void try_links(struct fuzz *z)
{
	static const char text[] = "umview-links 1\0"
				   "12 3:4:777\0"
				   "13 5:6:644:pipe\0"
				   "12 7:8:777\0"
				   "0 1:2:3\0";
	struct stat st = { .st_ino = 12, .st_mode = S_IFLNK | 0777 };
	struct links *links = NULL;
	int err;

	start(z, text, sizeof(text));
	put_file(z, z->layer.dirfd, "links");
	err = links_read(z->layer.dirfd, &links);
	count(z, err);
	(void)links_apply(links, &st);
	if (!S_ISLNK(st.st_mode))
		die(z, "a link became something else");
	links_free(links);
}

static void try_journal(struct fuzz *z)
{
	static const char text[] = "umview-journal 1\0"
				   "stage\0"
				   "id 0123456789abcdef\0"
				   "to /tmp/x\0"
				   "flags 0\0"
				   "path d/e\0"
				   "p 12 0 a\0"
				   "r 0 13 d/f\0";
	struct journal j = { 0 };

	start(z, text, sizeof(text));
	put_file(z, z->layer.dirfd, "journal");
	count(z, journal_read(z->layer.dirfd, &j));
	journal_release(&j);
	(void)unlinkat(z->layer.dirfd, "journal", 0); /* it was put there */
}

static void try_override(struct fuzz *z)
{
	static const char text[] = "1000:100:4755:char-1-3";
	struct stat st = { .st_mode = S_IFREG | 0600 };
	char word[64];

	start(z, text, sizeof(text) - 1);
	z->buf[z->len < TEXT_MAX ? z->len : TEXT_MAX - 1] = '\0';
	count(z, entry_parse_override(z->buf, &st) ? 0 : -1);
	entry_format_override(&st, word);
}

/* ---- archives ---- */

static void add(
	struct archive *a, struct fuzz *z, const char *name, mode_t mode, const char *to, bool hard)
{
	struct archive_entry *e = archive_entry_new();
	const char body[] = "content";

	archive_entry_set_pathname(e, name);
	archive_entry_set_mode(e, mode);
	archive_entry_set_uid(e, (la_int64_t)rnd(z, 3) * 1000);
	if (to && hard)
		archive_entry_set_hardlink(e, to);
	else if (to)
		archive_entry_set_symlink(e, to);
	if (S_ISREG(mode) && !to)
		archive_entry_set_size(e, sizeof(body));
	if (S_ISCHR(mode))
		archive_entry_set_rdev(e, 0x103);
	archive_entry_xattr_add_entry(e, rnd(z, 2) ? "user.x" : "user.overlay.redirect", "v", 1);
	if (archive_write_header(a, e) == ARCHIVE_OK && S_ISREG(mode) && !to)
		(void)!archive_write_data(a, body, sizeof(body));
	archive_entry_free(e);
}

static const char *name_of(struct fuzz *z)
{
	static const char *const names[] = { "a", "d", "d/e", "d/e/f", "l", "l/x",
		"../outside/safe", "/etc/passwd", "d/..", "./d//e/", "", ".", "..", "d/.wh.e",
		".wh.a", "d/.wh..wh..opq", ".wh..", ".wh...", "l/.wh.safe", "d/../../outside/safe",
		"h", "h/x", ".wh..wh.plnk" };

	return names[rnd(z, ARRAY_SIZE(names))];
}

static void make_archive(struct fuzz *z)
{
	static const mode_t modes[] = { S_IFREG | 0644, S_IFDIR | 0755, S_IFDIR | 0, S_IFIFO | 0600,
		S_IFCHR | 0600, S_IFREG | 04755, S_IFSOCK | 0600 };
	static const char *const links[] = { "../../../../outside", "/", "d", ".", "..",
		"../../../../outside/safe" };
	struct archive *a = archive_write_new();
	size_t used = 0;

	if (rnd(z, 2))
		archive_write_set_format_pax_restricted(a);
	else
		archive_write_set_format_gnutar(a);
	if (archive_write_open_memory(a, z->buf, TEXT_MAX, &used) != ARCHIVE_OK)
		die(z, "libarchive");
	for (uint64_t i = 1 + rnd(z, 12); i > 0; i--) {
		uint64_t kind = rnd(z, 4);

		if (kind == 0)
			add(a, z, name_of(z), S_IFLNK | 0777, links[rnd(z, ARRAY_SIZE(links))],
				false);
		else if (kind == 1)
			add(a, z, name_of(z), S_IFREG | 0644, name_of(z), true);
		else
			add(a, z, name_of(z), modes[rnd(z, ARRAY_SIZE(modes))], NULL, false);
	}
	archive_write_close(a);
	archive_write_free(a);
	z->len = used;
}

/* Its checksum is mended, so that what was changed is looked at. */
static void mend_header(struct fuzz *z, size_t at)
{
	unsigned sum = 0;
	char text[8];

	memset(z->buf + at + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)z->buf[at + i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(z->buf + at + 148, text, 7);
}

static void damage(struct fuzz *z)
{
	for (uint64_t i = rnd(z, 6); i > 0 && z->len >= 512; i--) {
		size_t at = rnd(z, z->len / 512) * 512, where = rnd(z, 512);
		const char *word = words[rnd(z, ARRAY_SIZE(words))];

		if (rnd(z, 2))
			z->buf[at + where] = (char)rnd(z, 256);
		else if (where + strlen(word) <= 512)
			memcpy(z->buf + at + where, word, strlen(word));
		if (rnd(z, 4))
			mend_header(z, at);
	}
	if (rnd(z, 8) == 0)
		z->len = rnd(z, z->len + 1);
}

static void check_outside(const struct fuzz *z)
{
	char text[8] = "";
	_cleanup_fd_ int dir = open("outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = dir < 0 ? -1 : openat(dir, "safe", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_names_ struct names names = { 0 }, top = { 0 };
	_cleanup_fd_ int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text)) != 4 || memcmp(text, "safe", 4) != 0)
		die(z, "a file outside was changed");
	if (names_read(dir, &names) < 0 || names.n != 1 || names_read(here, &top) < 0 || top.n != 3)
		die(z, "something was made outside");
}

static void try_import(struct fuzz *z)
{
	_cleanup_layer_ struct layer draft = LAYER_INIT;
	_cleanup_free_ char *why = NULL;
	int err;

	make_archive(z);
	damage(z);
	put_file(z, AT_FDCWD, "a.tar");
	if (layer_draft("import", "/", &draft) < 0)
		die(z, "no draft");
	err = image_import("a.tar", &draft, &why);
	count(z, err);
	check_outside(z);
	if (layer_remove(&draft) < 0)
		die(z, "what was imported cannot be removed");
}

static void begin(struct fuzz *z)
{
	const struct rlimit most = { FILE_MAX, FILE_MAX };
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *state = NULL;

	snprintf(z->top, sizeof(z->top), "%.40s/fuzz-layer-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(z->top) || chdir(z->top) < 0 || mkdir("outside", 0755) < 0)
		die(z, "no folder");
	state = str_printf("%s/state", z->top);
	if (!state || setenv("XDG_STATE_HOME", state, 1) < 0)
		die(z, "no memory");
	memcpy(z->buf, "safe", 4);
	z->len = 4;
	put_file(z, AT_FDCWD, "outside/safe");
	put_file(z, AT_FDCWD, "a.tar");
	if (layer_create("fuzz", "/usr", &z->layer) < 0)
		die(z, "no layer");
	/* sizes that an archive claims */
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &most) < 0)
		die(z, "no limit");
}

int main(int argc, char **argv)
{
	static void (*const kinds[])(struct fuzz * z) = { try_layer_file, try_base, try_links,
		try_journal, try_override, try_import, try_import };
	time_t until = time(NULL) + (argc > 1 ? atoi(argv[1]) : 5);
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	uint64_t end = argc > 3 ? seed + strtoull(argv[3], NULL, 0) : UINT64_MAX;
	static struct fuzz z;
	_cleanup_free_ char *remove = NULL;

	z.layer = (struct layer)LAYER_INIT;
	begin(&z);
	for (; seed < end && time(NULL) < until; seed++) {
		z.seed = seed;
		z.rng = seed * 0x9e3779b97f4a7c15ull | 1;
		(void)rnd(&z, 2); /* neighbours begin alike */
		kinds[rnd(&z, ARRAY_SIZE(kinds))](&z);
	}
	layer_release(&z.layer);
	printf("%lu taken, %lu refused; next seed %llu\n", z.taken, z.refused,
		(unsigned long long)seed);
	remove = str_printf("chmod -R u+rwx '%s'; rm -rf '%s'", z.top, z.top);
	return remove && system(remove) == 0 ? 0 : 1;
}
