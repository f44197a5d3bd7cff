/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is to be mounted: where the source leads, what it is, and who serves it. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "dev/loop/loop.h"
#include "sys/mount/job.h"

/* "NAME#source" as in fstab(5): the type is fuse.NAME. */
static int split_fuse_source(struct mount_job *j)
{
	const char *s = j->rq->source, *hash = strchr(s, '#');
	const char *slash = strchr(s, '/');

	if (!hash || hash == s || (slash && slash < hash))
		return 0;
	j->type = str_printf("fuse.%.*s", (int)(hash - s), s);
	j->source = strdup(hash + 1);
	return j->type && j->source ? 0 : -ENOMEM;
}

/* Is there a line in the table for what the URL's scheme is, with this word before it? 1, 0,
 * -ENOMEM. */
static int find_scheme(struct mount_job *j, const char *kind, const struct url *u, char **ret_type)
{
	_cleanup_free_ char *type = str_printf("%s:%s", kind, u->scheme);
	int r = type ? server_find(j->um->servers, type, &j->server) : -ENOMEM;

	if (r == 0)
		*ret_type = take_ptr(&type);
	return r == -ENODEV ? 0 : r < 0 ? r : 1;
}

/* A URL: of files, whose type is the program that serves them, or of a disk, which is opened. 1: a
 * dry run. */
static int split_url(struct mount_job *j)
{
	_cleanup_(url_release) struct url u = { 0 };
	_cleanup_free_ char *type = NULL;
	int r = j->source ? -EINVAL : url_parse(j->rq->source, &u);

	if (r < 0)
		return r == -EINVAL ? 0 : r;
	j->source = strdup(j->rq->source);
	r = j->source ? find_scheme(j, "url", &u, &type) : -ENOMEM;
	if (r > 0) {
		j->type = str_printf(
			"fuse.%.*s", (int)strcspn(j->server.command, " "), j->server.command);
		return j->type ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = find_scheme(j, "disk", &u, &type);
	if (r > 0) {
		server_release(&j->server);
		return mount_open_as(j, type);
	}
	if (r == 0)
		r = mount_job_fail(j, -EINVAL,
			"%s: no server is known for URLs of %s: name one with the option "
			"server=COMMAND or in ~/.config/umview/servers",
			j->source, u.scheme);
	return r;
}

static int PRINTF(2, 3) add_option(struct mount_job *j, const char *fmt, ...)
{
	_cleanup_free_ char *opt = NULL;
	char *rest;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&opt, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	rest = str_printf("%s,%s", j->o.rest ? j->o.rest : "", opt);
	if (!rest)
		return -ENOMEM;
	free(j->o.rest);
	j->o.rest = rest;
	return 0;
}

/* What no kernel's file system takes for its source. (A server's own may be a directory.) */
static bool is_no_image(const struct mount_job *j, mode_t mode)
{
	return !mount_job_is_fuse(j) && !S_ISREG(mode) && !S_ISBLK(mode) && !S_ISDIR(mode);
}

int mount_open_source(struct mount_job *j)
{
	struct fs_req req = { .call = j->c, .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	_cleanup_path_ struct path p = PATH_INIT;
	_cleanup_free_ char *word = mount_job_path(j, j->source);
	bool rw = !(j->o.flags & MS_RDONLY);
	struct stat st;
	int n, r;

	if (!word)
		return -ENOMEM;
	n = loop_number(word);
	if (n >= 0 && j->um->loops) {
		struct loop_source ls;

		r = loop_mounting(j->um, n, &ls);
		if (r < 0)
			return r;
		j->p->loop = n;
		free(j->source);
		j->source = ls.path;
		r = image_file_init(&j->image, j->um, ls.fd, false);
		if (r < 0)
			return r;
		if (ls.read_only)
			j->o.flags |= MS_RDONLY;
		if (ls.offset)
			j->part = (struct image_part){ .offset = ls.offset, .size = UINT64_MAX };
		return 0;
	}
	r = path_resolve_abs(&j->um->view, &req, word, mount_source_flags(j), &p);
	if (r < 0)
		return r;
	free(j->source);
	j->source = strdup(p.name);
	if (!j->source)
		return -ENOMEM;
	if (p.kind == PATH_VIRTUAL) {
		r = is_no_image(j, inode_type(p.inode))
			    ? -ENOTBLK
			    : file_open_peek(j->um->files, &req, p.mnt, p.inode);
	} else {
		r = open(j->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		r = r < 0 ? -errno : r;
		if (r >= 0 && rw && !mount_job_is_fuse(j) && access(j->source, W_OK) < 0 &&
			errno != ENOENT) {
			j->o.flags |=
				MS_RDONLY; /* as mount(8): "write-protected, mounting read-only" */
			log_info("%s is write-protected, mounting read-only", j->source);
		}
	}
	if (r < 0)
		return r;
	if (fstat(r, &st) == 0 && is_no_image(j, st.st_mode)) {
		close(r);
		return -ENOTBLK;
	}
	if (fstat(r, &st) < 0 || (S_ISDIR(st.st_mode) && mount_job_is_fuse(j))) {
		close(r); /* bindfs and the like: no image, nothing to lock */
		return 0;
	}
	return image_file_init(&j->image, j->um, r, p.kind == PATH_VIRTUAL);
}

bool mount_type_read_only(const char *type)
{
	static const char *const types[] = { "iso9660", "squashfs", "erofs", "tar", "7z", "rar",
		"cpio", "rpm", "deb", "xar", "cab", "gzip", "bzip2", "xz", "zstd", "gzip-disk",
		"xz-disk", "disk:http", "disk:https",
		"vhdx" /* qemu-nbd writes whole sectors of it, nbdfuse does not */ };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(type, types[i]) == 0)
			return true;
	}
	return false;
}

/* Where in the image the file system is, if it was said. */
static int find_part(struct mount_job *j)
{
	const char *partition = j->o.partition, *word = partition ? partition : j->o.offset;
	unsigned long long n;
	char *end;

	if (!word)
		return 0;
	errno = 0;
	n = strtoull(word, &end, 10);
	if (errno || *end || word[0] < '0' || word[0] > '9' || n > INT64_MAX)
		return mount_job_fail(j, -EINVAL, "%s=%s: not a number",
			partition ? "partition" : "offset", word);
	if (j->image.file < 0)
		return mount_job_fail(j, -EINVAL, "%s: no image, so it has no %s",
			mount_job_source(j), partition ? "partitions" : "offset");
	if (partition)
		return partition_find(&j->image, mount_job_source(j), n > 1024 ? 0 : (unsigned)n,
			&j->part, j->ret_message);
	if (n)
		j->part = (struct image_part){ .offset = n, .size = UINT64_MAX };
	return 0;
}

/* Source and type: what is to be served, by whom. */
int mount_find_type(struct mount_job *j)
{
	const char *asked = mount_job_type(j);
	int r = split_fuse_source(j);

	if (r == 0 && !j->rq->disk && !j->o.server && !(asked && strncmp(asked, "fuse.", 5) == 0))
		r = split_url(j);
	if (r != 0)
		return r;
	if (!j->source)
		j->source = strdup(j->rq->source);
	if (asked && strcmp(asked, "auto") != 0 && !j->type) {
		j->type = strdup(asked);
		if (!j->type)
			return -ENOMEM;
	}
	if (!j->source)
		return -ENOMEM;
	/* a disk elsewhere is no file here */
	if (!j->rq->disk || strncmp(j->type, "disk:", 5) != 0) {
		r = j->disks[0] ? 0 : mount_open_source(j);
		if (r < 0 && !mount_job_is_fuse(j))
			return mount_job_fail(j, r, "%s: %s", j->source, strerror(-r));
	}
	if (j->rq->disk) {
		j->part = *j->rq->disk;
		return 0;
	}
	r = mount_open_disk(j);
	if (r == 0)
		r = find_part(j);
	if (r != 0)
		return r;
	if (!j->type) {
		r = image_type(&j->image, mount_job_source(j), &j->part, &j->type, j->ret_message);
		if (r < 0)
			return mount_job_fail(j, r, "%s: its type cannot be found: %s",
				mount_job_source(j), strerror(-r));
	}
	if (mount_type_read_only(j->type))
		j->o.flags |= MS_RDONLY;
	return 0;
}

int mount_find_server(struct mount_job *j)
{
	int r;

	if (j->server.command) /* of a URL */
		return 0;
	if (j->o.server) {
		j->server.command = server_command(j->o.server);
		return j->server.command ? 0 : -ENOMEM;
	}
	r = server_find(j->um->servers, j->type, &j->server);
	if (r == -ENODEV)
		return mount_job_fail(j, r,
			"%s is %s, for which no server is known: name one with the "
			"option server=COMMAND or in ~/.config/umview/servers",
			mount_job_source(j), j->type);
	/* which cannot be told where to begin; nor can e2fsck, behind whose "?offset=" a journal is
	 * not replayed */
	if (r == 0 && j->o.partition && j->part.offset &&
		(j->o.fsck || !strstr(j->server.command, "%f")))
		r = mount_open_as(j, "part");
	return r;
}

/* A server that is not told where to begin by its command line may know the option. */
static int place_part(struct mount_job *j)
{
	if (!j->part.offset || strstr(j->server.command, "%f"))
		return 0;
	return add_option(j, "offset=%llu", (unsigned long long)j->part.offset);
}

/* The first word is a program, and what begins a command of its own. */
static const char *missing_program(char *const *argv)
{
	for (size_t i = 0; argv[i]; i++) {
		bool begins = i == 0 || strcmp(argv[i - 1], "[") == 0 ||
			      strcmp(argv[i - 1], "--socket-activation") == 0;

		if (begins && !server_installed(argv[i]))
			return argv[i];
	}
	return NULL;
}

static int not_installed(struct mount_job *j, const char *program)
{
	_cleanup_free_ char *packages = j->server.package ? strdup(j->server.package) : NULL;

	for (char *p = packages; p && (p = strchr(p, ','));)
		*p = ' ';
	if (packages)
		return mount_job_fail(j, -ENOENT,
			"%s needs the program %s, which is not installed: apt install %s", j->type,
			program, packages);
	return mount_job_fail(j, -ENOENT, "the server %s is not installed", program);
}

int mount_server_argv(struct mount_job *j, char ***ret)
{
	struct server_places places = {
		.source = j->p->alias ? j->p->alias : j->source,
		.mountpoint = j->p->mountpoint ? j->p->mountpoint : j->where.name,
		.part = j->part,
	};
	_cleanup_(url_release) struct url url = { 0 };
	_cleanup_free_ char *options = NULL;
	const char *program;
	int r = mount_check_refs(j);

	if (r == 0)
		r = place_part(j);
	if (r < 0)
		return r;
	options = str_printf(
		"%s%s", j->o.flags & MS_RDONLY ? "ro" : "rw", j->o.rest ? j->o.rest : "");
	if (!options)
		return -ENOMEM;
	places.options = options;
	r = url_parse(mount_job_source(j), &url);
	if (r == 0)
		places.url = &url;
	else if (r != -EINVAL)
		return r;
	/* it begins a word of the command */
	if (places.source[0] == '-' || (places.url && (url.user[0] == '-' || url.host[0] == '-')))
		return mount_job_fail(j, -EINVAL, "%s: %s would take it for an option",
			mount_job_source(j), j->type);
	r = server_argv(j->server.command, &places, ret);
	if (r == -EINVAL)
		return mount_job_fail(j, r,
			"the server command \"%s\" is empty or has an open quote",
			j->server.command);
	if (r < 0)
		return r;
	program = missing_program(*ret);
	if (program) {
		r = not_installed(j, program);
		strv_free(*ret);
	}
	return r;
}
