/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory of very many names that are made up as they are asked for: manynames [options]
 * MOUNTPOINT, of $MANYNAMES names. Its cookies are as some servers have them: unordered, of 63
 * bits. */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIX                                                                                        \
	0x1e3779b97f4a7c15ull /* odd: numbers of 63 bits stay different when multiplied by it      \
			       */

static unsigned long count;

static uint64_t inverse(uint64_t a)
{
	uint64_t x = a;

	for (int i = 0; i < 6; i++)
		x *= 2 - a * x;
	return x;
}

static off_t cookie_of(uint64_t i)
{
	return (off_t)(i * MIX & INT64_MAX);
}

static uint64_t index_of(off_t cookie)
{
	return (uint64_t)cookie * inverse(MIX) & INT64_MAX;
}

static void attr_of(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
	st->st_nlink = ino == FUSE_ROOT_ID ? 2 : 1;
	st->st_uid = getuid();
	st->st_gid = getgid();
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	attr_of(ino, &st);
	fuse_reply_attr(req, &st, 60);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .attr_timeout = 60, .entry_timeout = 60 };
	unsigned long i;
	char end;

	if (parent != FUSE_ROOT_ID || sscanf(name, "name-%lu%c", &i, &end) != 1 || i >= count) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	e.ino = i + 2;
	attr_of(e.ino, &e.attr);
	fuse_reply_entry(req, &e);
}

static void op_readdir(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	char *buf = malloc(size);
	size_t used = 0;

	(void)ino;
	(void)fi;
	for (uint64_t i = index_of(off); buf && i < count + 2; i++) {
		struct stat st = { .st_ino = i + 1, .st_mode = i < 2 ? S_IFDIR : S_IFREG };
		char name[32];
		size_t n;

		if (i < 2)
			snprintf(name, sizeof(name), "%s", i ? ".." : ".");
		else
			snprintf(name, sizeof(name), "name-%lu", (unsigned long)i - 2);
		n = fuse_add_direntry(req, buf + used, size - used, name, &st, cookie_of(i + 1));
		if (n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = op_lookup,
	.getattr = op_getattr,
	.readdir = op_readdir,
};

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	const char *text = getenv("MANYNAMES");
	struct fuse_cmdline_opts o;
	struct fuse_session *s;
	int r;

	count = text ? strtoul(text, NULL, 10) : 1000000;
	if (fuse_parse_cmdline(&args, &o) != 0 || !o.mountpoint)
		return 1;
	s = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!s || fuse_session_mount(s, o.mountpoint) != 0)
		return 1;
	fuse_daemonize(o.foreground);
	r = fuse_session_loop(s);
	fuse_session_unmount(s);
	fuse_session_destroy(s);
	return r != 0;
}
