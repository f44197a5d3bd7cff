/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The option fsck: an image that was not unmounted is repaired by the program of the table's line
 * fsck:TYPE before its server comes. Whether that did it is read from the image, not from what the
 * program says.
 */
#include <string.h>

#include "sys/mount/job.h"

#define POLL_NS (20 * 1000 * 1000ull)

enum { SUPERBLOCK_AT = 1024, MAGIC_AT = 56, STATE_AT = 58, INCOMPAT_AT = 96 };
enum { STATE_VALID = 1, STATE_ERROR = 2, INCOMPAT_RECOVER = 4 };

bool mount_is_unclean(struct mount_job *j)
{
	struct fs_req req = { .uid = geteuid(), .gid = getegid(), .pid = getpid() };
	unsigned char sb[INCOMPAT_AT + 1];
	uint64_t at = j->part.offset + SUPERBLOCK_AT;

	if (!j->type || strncmp(j->type, "ext", 3) != 0 || j->image.file < 0 ||
		file_peek(j->um->files, j->image.file, &req, sb, sizeof(sb), at) != sizeof(sb) ||
		sb[MAGIC_AT] != 0x53 || sb[MAGIC_AT + 1] != 0xef)
		return false;
	return (sb[INCOMPAT_AT] & INCOMPAT_RECOVER) || (sb[STATE_AT] & STATE_ERROR) ||
	       !(sb[STATE_AT] & STATE_VALID);
}

static int find_program(struct mount_job *j, struct server *ret, char ***ret_argv)
{
	struct server_places places = { .source = j->p->alias ? j->p->alias : j->source,
		.mountpoint = "",
		.options = "",
		.part = j->part };
	_cleanup_free_ char *type = str_printf("fsck:%s", j->type);
	int r = type ? server_find(j->um->servers, type, ret) : -ENOMEM;

	if (r == -ENODEV)
		return mount_job_fail(j, -EINVAL,
			"fsck: no program is known that repairs %s: name one in "
			"~/.config/umview/servers, in a line %s",
			j->type, type);
	if (r == 0)
		r = server_argv(ret->command, &places, ret_argv);
	if (r == 0 && !server_installed((*ret_argv)[0]))
		r = mount_job_fail(j, -ENOENT,
			"fsck needs the program %s, which is not installed: apt install %s",
			(*ret_argv)[0], ret->package);
	return r;
}

/* As long as it takes, unless who asked wants it no longer. */
static int run(struct mount_job *j, char *const argv[], struct service *s)
{
	int r = service_start(j->um, argv, "/", s);

	if (r < 0)
		return r;
	while (!service_ended(s, now_ns() + POLL_NS)) {
		if (!j->c || !call_interrupted(j->c))
			continue;
		service_stop(s, 2 * NSEC_PER_SEC);
		return -EINTR;
	}
	return 0;
}

int mount_fsck(struct mount_job *j)
{
	struct service s = SERVICE_INIT;
	struct server program = { 0 };
	char **argv = NULL;
	int r;

	if (!j->o.fsck)
		return 0;
	if (j->o.flags & MS_RDONLY)
		return mount_job_fail(j, -EROFS, "%s: fsck writes to it: not together with ro",
			mount_job_source(j));
	if (j->part.offset)
		return mount_job_fail(j, -EINVAL,
			"%s: fsck works with partition=, but not with offset=",
			mount_job_source(j));
	r = find_program(j, &program, &argv);
	if (r == 0 && mount_is_unclean(j)) {
		r = run(j, argv, &s);
		if (r == 0 && mount_is_unclean(j))
			r = mount_job_fail(j, -EUCLEAN, "%s: %s could not repair it: %s",
				mount_job_source(j), argv[0], service_last_words(&s));
		service_release(&s);
	}
	strv_free(argv);
	server_release(&program);
	return r;
}
