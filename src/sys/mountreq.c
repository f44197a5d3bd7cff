/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * um_mount(): a request, step by step. Where the source leads and what it is, who serves it, the
 * lock on an image; then the server is started and waited for, as mountsrv.c has it.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "dev/loop/loop.h"
#include "fs/fuse/fuse.h"
#include "sys/bind.h"
#include "sys/make.h"
#include "sys/memory.h"
#include "sys/mountint.h"
#include "sys/overlay.h"
#include "sys/rule.h"

#define MOUNT_TIMEOUT_NS (30 * NSEC_PER_SEC)
#define POLL_NS (20 * 1000 * 1000ull)

static char *absolute(const char *cwd, const char *path)
{
	if (path[0] == '/' || !cwd)
		return strdup(path);
	return str_printf("%s/%s", cwd, path);
}

/* Everything that one um_mount() works with. */
struct job {
	struct um *um;
	struct call *c;
	const struct mount_request *rq;
	struct mount_options o;
	char *source;	   /* absolute where it is a file */
	int image;	   /* the source opened, or -1: it is no file ("user@host:dir") */
	struct image_part part; /* of the image */
	char *type;
	struct server server;
	struct path where;
	struct mount_pending *p;
	char **ret_message;
};

static void job_release(struct job *j)
{
	mount_options_release(&j->o);
	free(j->source);
	free(j->type);
	server_release(&j->server);
	path_release(&j->where);
	if (j->image >= 0)
		close(j->image);
}

static int PRINTF(3, 4) fail(struct job *j, int err, const char *fmt, ...)
{
	va_list ap;

	if (*j->ret_message)
		return err;
	va_start(ap, fmt);
	if (vasprintf(j->ret_message, fmt, ap) < 0)
		*j->ret_message = NULL;
	va_end(ap);
	return err;
}

static int resolve_target(struct job *j)
{
	_cleanup_free_ char *word = absolute(j->rq->cwd, j->rq->target);
	struct fs_req req = { .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	int r;

	if (!word)
		return -ENOMEM;
	if (j->o.make)
		r = path_resolve_abs(&j->um->view, &req, word, PATH_PARENT | PATH_CREATE, &j->where);
	else if (j->o.policy)
		r = path_resolve_abs(&j->um->view, &req, word, PATH_FOLLOW | PATH_NO_RULES, &j->where);
	else if (j->c)
		r = mount_where(j->c, AT_FDCWD, word, PATH_FOLLOW, &j->where);
	else
		r = path_resolve_abs(&j->um->view, &req, word, PATH_FOLLOW, &j->where);
	if (r < 0)
		return fail(j, r, "mount point %s: %s", word, strerror(-r));
	return 0;
}

/* "NAME#source" as in fstab(5): the type is fuse.NAME. */
static int split_fuse_source(struct job *j)
{
	const char *s = j->rq->source, *hash = strchr(s, '#');
	const char *slash = strchr(s, '/');

	if (!hash || hash == s || (slash && slash < hash))
		return 0;
	j->type = str_printf("fuse.%.*s", (int)(hash - s), s);
	j->source = strdup(hash + 1);
	return j->type && j->source ? 1 : -ENOMEM;
}

static bool is_fuse_type(const struct job *j)
{
	return j->type && strncmp(j->type, "fuse.", 5) == 0;
}

static int PRINTF(2, 3) add_option(struct job *j, const char *fmt, ...)
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
static bool is_no_image(const struct job *j, mode_t mode)
{
	return !is_fuse_type(j) && !S_ISREG(mode) && !S_ISBLK(mode) && !S_ISDIR(mode);
}

static unsigned source_flags(const struct job *j)
{
	return PATH_FOLLOW | (j->rq->from_host ? PATH_HOST_ROOT : 0);
}

/* Opens the source where it names a file of the view. */
static int open_source(struct job *j)
{
	struct fs_req req = { .call = j->c, .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	_cleanup_path_ struct path p = PATH_INIT;
	_cleanup_free_ char *word = absolute(j->rq->cwd, j->source);
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
		j->image = ls.fd;
		if (ls.read_only)
			j->o.flags |= MS_RDONLY;
		if (ls.offset)
			j->part = (struct image_part){ .offset = ls.offset, .size = UINT64_MAX };
		return 0;
	}
	r = path_resolve_abs(&j->um->view, &req, word, source_flags(j), &p);
	if (r < 0)
		return r;
	free(j->source);
	j->source = strdup(p.name);
	if (!j->source)
		return -ENOMEM;
	if (p.kind == PATH_VIRTUAL) {
		r = is_no_image(j, inode_type(p.inode)) ?
			-ENOTBLK :
			file_open_fd(j->um->files, &req, p.mnt, p.inode, O_RDONLY);
	} else {
		r = open(j->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		r = r < 0 ? -errno : r;
		if (r >= 0 && rw && !is_fuse_type(j) && access(j->source, W_OK) < 0 && errno != ENOENT) {
			j->o.flags |= MS_RDONLY; /* as mount(8): "write-protected, mounting read-only" */
			log_info("%s is write-protected, mounting read-only", j->source);
		}
	}
	if (r < 0)
		return r;
	if (fstat(r, &st) == 0 && is_no_image(j, st.st_mode)) {
		close(r);
		return -ENOTBLK;
	}
	if (fstat(r, &st) < 0 || (S_ISDIR(st.st_mode) && is_fuse_type(j))) {
		close(r); /* bindfs and the like: no image, nothing to lock */
		return 0;
	}
	j->image = r;
	return 0;
}

bool mount_type_read_only(const char *type)
{
	static const char *const types[] = { "iso9660", "squashfs", "erofs", "tar", "7z", "rar",
		"cpio", "rpm", "deb", "xar", "cab", "gzip", "bzip2", "xz", "zstd" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(type, types[i]) == 0)
			return true;
	}
	return false;
}

/* Where in the image the file system is, if it was said. */
static int find_part(struct job *j)
{
	const char *partition = j->o.partition, *word = partition ? partition : j->o.offset;
	unsigned long long n;
	char *end;

	if (!word)
		return 0;
	errno = 0;
	n = strtoull(word, &end, 10);
	if (errno || *end || word[0] < '0' || word[0] > '9' || n > INT64_MAX)
		return fail(j, -EINVAL, "%s=%s: not a number", partition ? "partition" : "offset",
			word);
	if (j->image < 0)
		return fail(j, -EINVAL, "%s: no image, so it has no %s", j->source,
			partition ? "partitions" : "offset");
	if (partition)
		return partition_find(j->image, j->source, n > 1024 ? 0 : (unsigned)n, &j->part,
			j->ret_message);
	if (n)
		j->part = (struct image_part){ .offset = n, .size = UINT64_MAX };
	return 0;
}

/* Source and type: what is to be served, by whom. */
static int find_type(struct job *j)
{
	const char *asked = j->o.type ? j->o.type : j->rq->type;
	int r = split_fuse_source(j);

	if (r < 0)
		return r;
	if (r == 0) {
		j->source = strdup(j->rq->source);
		if (asked && strcmp(asked, "auto") != 0)
			j->type = strdup(asked);
		if (!j->source || (asked && strcmp(asked, "auto") != 0 && !j->type))
			return -ENOMEM;
	}
	r = open_source(j);
	if (r < 0 && !is_fuse_type(j))
		return fail(j, r, "%s: %s", j->source, strerror(-r));
	r = find_part(j);
	if (r < 0)
		return r;
	if (!j->type) {
		r = image_type(j->image, j->source, &j->part, &j->type, j->ret_message);
		if (r < 0)
			return fail(j, r, "%s: its type cannot be found: %s", j->source,
				strerror(-r));
	}
	if (mount_type_read_only(j->type))
		j->o.flags |= MS_RDONLY;
	return 0;
}

static int find_server(struct job *j)
{
	int r;

	if (j->o.server) {
		j->server.command = server_command(j->o.server);
		return j->server.command ? 0 : -ENOMEM;
	}
	r = server_find(j->um->servers, j->type, &j->server);
	if (r == -ENODEV)
		return fail(j, r, "%s is %s, for which no server is known: name one with the "
				  "option server=COMMAND or in ~/.config/umview/servers",
			j->source, j->type);
	return r;
}

/* A server that is not told where to begin by its command line may know the option. */
static int place_part(struct job *j)
{
	if (!j->part.offset || strstr(j->server.command, "%f"))
		return 0;
	if (!j->o.partition)
		return add_option(j, "offset=%llu", (unsigned long long)j->part.offset);
	return fail(j, -EINVAL,
		"%s: partition %s is %s, whose server cannot begin within a file: make it a file first, "
		"in the view, with \"nbdfuse DIR/disk [ nbdkit --exit-with-parent --filter=partition "
		"file %s partition=%s ] &\" (apt install libnbd-bin nbdkit), then mount that",
		j->source, j->o.partition, j->type, j->source, j->o.partition);
}

static int make_argv(struct job *j, char ***ret)
{
	struct server_places places = {
		.source = j->p->alias ? j->p->alias : j->source,
		.mountpoint = j->p->mountpoint ? j->p->mountpoint : j->where.name,
		.offset = j->part.offset,
	};
	_cleanup_free_ char *options = NULL;
	int r = place_part(j);

	if (r < 0)
		return r;
	options = str_printf("%s%s", j->o.flags & MS_RDONLY ? "ro" : "rw",
		j->o.rest ? j->o.rest : "");
	if (!options)
		return -ENOMEM;
	places.options = options;
	r = server_argv(j->server.command, &places, ret);
	if (r == -EINVAL)
		return fail(j, r, "the server command \"%s\" is empty or has an open quote",
			j->server.command);
	if (r < 0)
		return r;
	if (!server_installed((*ret)[0])) {
		r = -ENOENT;
		if (j->server.package)
			fail(j, r, "%s needs the program %s, which is not installed: apt install %s",
				j->type, (*ret)[0], j->server.package);
		else
			fail(j, r, "the server %s is not installed", (*ret)[0]);
		strv_free(*ret);
	}
	return r;
}

static int make_pending(struct job *j)
{
	struct mount_pending *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->ms = j->um->mountsrv;
	p->service = (struct service)SERVICE_INIT;
	p->lock_fd = p->loop = -1;
	j->p = p;
	return 0;
}

static int fill_pending(struct job *j)
{
	struct mount_pending *p = j->p;
	bool plain = strncmp(j->type, "fuse", 4) != 0;

	p->where = &j->where;
	p->source = strdup(p->loop >= 0 ? j->rq->source : j->source);
	p->type = strdup(j->type);
	/* a fuse.* mount shows user_id= and so on, as the kernel has it */
	if (plain)
		p->options = strdup(j->o.rest && j->o.rest[0] ? j->o.rest + 1 : "");
	p->flags = mount_flags_new(j->o.flags);
	return p->source && p->type && (p->options || !plain) ? 0 : -ENOMEM;
}

/* The last line of what a server said, without its newline. */
static const char *last_words(struct service *s)
{
	char *line;

	service_listen(s);
	while (s->said_len && strchr("\n\r \t", s->said[s->said_len - 1]))
		s->said[--s->said_len] = '\0';
	for (line = s->said; (line = strchr(line, '\n')); )
		*line = ';';
	return s->said_len ? s->said : "it said nothing";
}

/* Waits until the server's mount(2) has come. */
static int wait_mounted(struct job *j, uint64_t deadline)
{
	struct mountsrv *ms = j->um->mountsrv;
	struct mount_pending *p = j->p;
	bool ended = false;

	for (;;) {
		uint64_t until = now_ns() + POLL_NS;
		struct timespec ts = { .tv_sec = (time_t)(until / NSEC_PER_SEC),
			.tv_nsec = (long)(until % NSEC_PER_SEC) };
		bool done, claimed;

		pthread_mutex_lock(&ms->lock);
		if (!p->done)
			pthread_cond_timedwait(&ms->cond, &ms->lock, &ts);
		done = p->done;
		claimed = p->claimed;
		pthread_mutex_unlock(&ms->lock);
		if (done)
			return p->error;
		if (ended && !claimed)
			return -EIO;
		/* looked at before the list is: what it did while it lived has been seen then */
		ended = service_ended(&p->service, 0) && p->service.output < 0;
		if (now_ns() > deadline)
			return -ETIMEDOUT;
		if (j->c && call_interrupted(j->c))
			return -EINTR;
	}
}

static int wait_ready(struct job *j)
{
	uint64_t deadline = now_ns() + MOUNT_TIMEOUT_NS;
	struct fs_req req = { .call = j->c };
	int r = wait_mounted(j, deadline);

	if (r < 0)
		return r;
	return fuse_conn_wait_init(j->p->mnt->fs, &req, deadline);
}

static void pending_unlink(struct job *j)
{
	struct mountsrv *ms = j->um->mountsrv;

	pthread_mutex_lock(&ms->lock);
	cds_list_del(&j->p->node);
	pthread_mutex_unlock(&ms->lock);
}

/* Waits for a mount(2) of the server that is being answered just now. */
static void pending_settle(struct job *j)
{
	struct mountsrv *ms = j->um->mountsrv;

	pthread_mutex_lock(&ms->lock);
	while (j->p->claimed && !j->p->done)
		pthread_cond_wait(&ms->cond, &ms->lock);
	pthread_mutex_unlock(&ms->lock);
}

static int start_failed(struct job *j, int r, const char *program)
{
	struct mount_pending *p = j->p;

	service_stop(&p->service, 2 * NSEC_PER_SEC);
	if (r == -ETIMEDOUT)
		fail(j, r, "%s: %s did not mount it within %llu s: %s", j->source, program,
			MOUNT_TIMEOUT_NS / NSEC_PER_SEC, last_words(&p->service));
	else if (r != -EINTR)
		fail(j, r, "%s: %s did not mount it: %s", j->source, program,
			last_words(&p->service));
	/* a kernel says so of a bad superblock, or of an option that it does not know */
	if ((r == -EIO || r == -ENOTCONN) && !is_fuse_type(j))
		r = -EINVAL;
	pending_unlink(j);
	pending_settle(j);
	if (p->mnt) {
		struct mount *m = mount_get(p->mnt);

		if (view_detach(&j->um->view, m, MNT_DETACH) == 0) {
			fuse_conn_abort(m->fs);
			files_drop_fs(j->um->files, m->fs);
			mount_end(m, now_ns());
		}
		mount_put(m);
	}
	return r;
}

/* Does the path lead anywhere in the view, or is it hidden below a mount (on /tmp, say)? */
static bool is_reachable(struct job *j, const char *path, bool real)
{
	struct fs_req req = { .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	_cleanup_path_ struct path p = PATH_INIT;

	return path_resolve_abs(&j->um->view, &req, path, 0, &p) == 0 &&
	       (!real || p.kind == PATH_REAL);
}

static int make_mountpoint(struct job *j)
{
	_cleanup_free_ char *dir = str_printf("%s/mnt-XXXXXX", j->um->rundir);

	if (!dir)
		return -ENOMEM;
	if (!mkdtemp(dir))
		return fail(j, -errno, "cannot make %s: %s", dir, strerror(errno));
	j->p->dir = take_ptr(&dir);
	j->p->mountpoint = realpath(j->p->dir, NULL);
	if (!j->p->mountpoint)
		return -errno;
	if (is_reachable(j, j->p->mountpoint, true))
		return 0;
	free(j->p->mountpoint);
	j->p->mountpoint = strdup(j->where.name);
	return j->p->mountpoint ? 0 : -ENOMEM;
}

/* Most servers put the source into an option, fsname=, as it is. */
static int make_alias(struct job *j)
{
	if (j->image < 0 || !strpbrk(j->source, ",\\"))
		return 0;
	j->p->alias = str_printf("%s.image", j->p->dir);
	if (!j->p->alias)
		return -ENOMEM;
	return symlink(j->source, j->p->alias) < 0 ? -errno : 0;
}

static int start_server(struct job *j)
{
	struct mountsrv *ms = j->um->mountsrv;
	char **argv = NULL;
	int r = make_mountpoint(j);

	if (r == 0)
		r = make_alias(j);
	if (r == 0)
		r = make_argv(j, &argv);
	if (r < 0)
		return r;
	pthread_mutex_lock(&ms->lock);
	cds_list_add_tail(&j->p->node, &ms->pending);
	pthread_mutex_unlock(&ms->lock);
	r = service_start(j->um, argv,
		j->rq->cwd && is_reachable(j, j->rq->cwd, false) ? j->rq->cwd : "/",
		&j->p->service);
	if (r < 0) {
		pending_unlink(j);
		fail(j, r, "cannot start %s: %s", argv[0], strerror(-r));
	} else {
		r = wait_ready(j);
		if (r < 0)
			r = start_failed(j, r, argv[0]);
	}
	if (r == 0) {
		pthread_mutex_lock(&ms->lock);
		cds_list_del(&j->p->node);
		cds_list_add_tail(&j->p->node, &ms->live);
		j->p = NULL;
		pthread_mutex_unlock(&ms->lock);
	}
	strv_free(argv);
	return r;
}

static int say_plan(struct job *j)
{
	_cleanup_free_ char *line = NULL;
	char **argv = NULL;
	size_t len;
	FILE *out;
	int r = make_argv(j, &argv);

	if (r < 0)
		return r;
	out = open_memstream(&line, &len);
	if (out) {
		fprintf(out, "%s on %s, type %s, served by:", j->source, j->where.name, j->type);
		for (size_t i = 0; argv[i]; i++)
			fprintf(out, " %s", argv[i]);
		fclose(out);
		*j->ret_message = take_ptr(&line);
	}
	strv_free(argv);
	return 0;
}

/* An image's root is a directory: what it covers must be one. (A FUSE server may serve one file.) */
static int check_target(struct job *j)
{
	struct stat st;

	if (is_fuse_type(j) || j->where.kind == PATH_VIRTUAL || !j->where.name ||
		stat(j->where.name, &st) < 0 || S_ISDIR(st.st_mode))
		return 0;
	return fail(j, -ENOTDIR, "mount point %s is not a directory", j->where.name);
}

/* The option bind: a directory or file of the view is shown at another place too. */
static int run_bind(struct job *j)
{
	struct fs_req req = { .call = j->c, .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	_cleanup_free_ char *word = absolute(j->rq->cwd, j->rq->source);
	_cleanup_path_ struct path from = PATH_INIT;
	_cleanup_mount_ struct mount *m = NULL;
	int r = word ? path_resolve_abs(&j->um->view, &req, word, source_flags(j), &from) : -ENOMEM;

	if (r == 0 && from.kind == PATH_REAL && faccessat(from.dirfd, from.last, F_OK, AT_EMPTY_PATH) < 0)
		r = -errno;
	if (r < 0)
		return fail(j, r, "%s: %s", j->rq->source, strerror(-r));
	if (j->rq->dry_run) {
		*j->ret_message = str_printf("%s on %s, a bind", from.name, j->where.name);
		return 0;
	}
	r = um_bind(j->um, &from, &j->where, mount_flags_new(j->o.flags), &m);
	if (r == -ENOTDIR)
		return fail(j, r, "%s and %s: one of them is a directory, the other is not", from.name,
			j->where.name);
	return r;
}

/* The option policy=: no mount is asked for, but that something be hidden, read-only ... */
static int run_rule(struct job *j)
{
	enum mount_rule rule;
	int r = rule_parse(j->o.policy, &rule);

	if (r < 0)
		return fail(j, r, "policy=%s: it is hide, empty, ro, rw or host", j->o.policy);
	if (j->rq->dry_run) {
		*j->ret_message = str_printf("%s %s", j->where.name, rule_says(rule));
		return 0;
	}
	r = rule_make(j->um, rule, &j->where);
	return r < 0 ? fail(j, r, "%s: %s", j->where.name, strerror(-r)) : 0;
}

/* The option make=. */
static int run_make(struct job *j)
{
	bool dir = strcmp(j->o.make, "dir") == 0;
	int r = 0;

	if (!dir && strcmp(j->o.make, "symlink") != 0)
		return fail(j, -EINVAL, "make=%s: it is dir or symlink", j->o.make);
	if (j->rq->dry_run && dir)
		*j->ret_message = str_printf("%s is made, a folder in memory", j->where.name);
	else if (j->rq->dry_run)
		*j->ret_message = str_printf("%s is made, a link to %s", j->where.name, j->rq->source);
	else
		r = dir ? make_dir(j->um, &j->where) : make_symlink(j->um, j->rq->source, &j->where);
	return r < 0 ? fail(j, r, "%s cannot be made: %s", j->where.name, strerror(-r)) : 0;
}

/* A file system in memory, which needs no server. */
static int run_memory(struct job *j, const char *type)
{
	struct memory_request rq = { .where = &j->where, .source = j->rq->source, .type = type,
		.options = j->o.rest && j->o.rest[0] == ',' ? j->o.rest + 1 : "",
		.flags = mount_flags_new(j->o.flags), .dry_run = j->rq->dry_run };
	char bad[256] = "";
	int r = check_target(j);

	if (r == 0)
		r = um_mount_memory(j->um, &rq, bad);
	if (r < 0)
		return fail(j, r, "%s on %s: %s%s%s", type, j->where.name, bad, bad[0] ? ": " : "",
			strerror(-r));
	if (rq.dry_run)
		*j->ret_message = str_printf("%s on %s, in memory", type, j->where.name);
	return 0;
}

/* An image is served by one server: 1, it is already, and now here too; 0, it is ours alone. */
static int take_image(struct job *j)
{
	int r = mount_note_image(j->p, j->image, j->part.offset);

	if (r == 0 && !is_fuse_type(j))
		r = mount_again(j->um->mountsrv, j->c, j->p, j->rq->dry_run);
	if (r != 0)
		return r;
	r = image_lock(
		j->um, j->image, j->source, !(j->o.flags & MS_RDONLY), j->ret_message);
	if (r < 0)
		return r;
	j->p->lock_fd = r;
	return 0;
}

/* Folders over each other, which need no server. */
static int run_overlay(struct job *j)
{
	struct overlay_request rq = { .where = &j->where, .source = j->rq->source, .cwd = j->rq->cwd,
		.options = j->o.rest && j->o.rest[0] == ',' ? j->o.rest + 1 : "",
		.flags = mount_flags_new(j->o.flags), .dry_run = j->rq->dry_run };
	int r = check_target(j);

	return r < 0 ? r : um_mount_overlay(j->um, j->c, &rq, j->ret_message);
}

static int run_job(struct job *j)
{
	const char *type;
	int r = mount_options_parse(j->rq->options, j->rq->flags, &j->o);

	if (r < 0)
		return fail(j, r, "mount options \"%s\": too long", j->rq->options);
	r = make_pending(j);
	if (r == 0)
		r = resolve_target(j);
	if (r == 0 && j->o.make)
		return run_make(j);
	if (r == 0 && j->o.policy)
		return run_rule(j);
	if (r == 0 && (j->o.flags & MS_BIND))
		return run_bind(j);
	type = j->o.type ? j->o.type : j->rq->type;
	if (r == 0 && type && mount_type_is_memory(type))
		return run_memory(j, type);
	if (r == 0 && type && mount_type_is_overlay(type))
		return run_overlay(j);
	if (r == 0)
		r = find_type(j);
	if (r == 0)
		r = check_target(j);
	if (r == 0)
		r = find_server(j);
	if (r == 0)
		r = fill_pending(j);
	if (r == 0 && j->image >= 0)
		r = take_image(j);
	if (r < 0)
		return r;
	if (j->rq->dry_run)
		return say_plan(j);
	return r > 0 ? 0 : start_server(j);
}

int um_mount(struct um *um, struct call *c, const struct mount_request *rq, char **ret_message)
{
	struct job j = { .um = um, .c = c, .rq = rq, .image = -1, .where = PATH_INIT };
	char *message = NULL;
	int r;

	j.ret_message = &message;
	call_waits();
	r = run_job(&j);
	if (r < 0 && !message)
		fail(&j, r, "%s on %s: %s", rq->source, rq->target, strerror(-r));
	/* by mount(2) it may be of a loop device, which another view has not */
	if (r == 0 && !c && !rq->dry_run && !j.o.policy && j.where.name)
		mount_note_line(&um->view, j.where.name,
			mount_table_line(j.source ? j.source : rq->source, j.where.name, rq->type,
				rq->options,
				rq->flags | (j.o.flags & MS_BIND)));
	mount_pending_free(j.p);
	job_release(&j);
	if (ret_message)
		*ret_message = message;
	else
		free(message);
	return r;
}
