/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual root may read /etc/shadow and /etc/gshadow, which the user may not: without any entry
 * in them PAM takes every account for an expired one, su(1) refuses, and useradd(8) stops. So there
 * is one for each user and each group, with no password. An overlay that has to copy them up begins
 * with these texts as well.
 */
#include "sys/task/shadow.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "sys/task/ids.h"

#define NAMES_MAX (4u << 20)

static void put_user(FILE *out, const char *line)
{
	fprintf(out, "%.*s:*:19000:0:99999:7:::\n", (int)strcspn(line, ":"), line);
}

/* NAME:PASSWORD:ID:MEMBERS */
static void put_group(FILE *out, const char *line)
{
	const char *members = strrchr(line, ':');

	fprintf(out, "%.*s:*::%s\n", (int)strcspn(line, ":"), line, members ? members + 1 : "");
}

static const struct stand_in {
	const char *path, *from;
	void (*put)(FILE *out, const char *line);
} stand_ins[] = {
	{ "etc/shadow", "/etc/passwd", put_user },
	{ "etc/gshadow", "/etc/group", put_group },
};

static const struct stand_in *stand_in_of(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(stand_ins); i++) {
		if (strcmp(stand_ins[i].path, path) == 0)
			return &stand_ins[i];
	}
	return NULL;
}

int shadow_text(const char *path, char **ret, size_t *ret_len)
{
	const struct stand_in *s = stand_in_of(path);
	_cleanup_free_ char *names = NULL, *text = NULL;
	char *save = NULL;
	size_t len;
	FILE *out;
	int r = s ? read_file(s->from, NAMES_MAX, &names, NULL) : -ENOENT;

	if (r < 0)
		return r;
	out = open_memstream(&text, &len);
	if (!out)
		return -ENOMEM;
	for (char *l = strtok_r(names, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		s->put(out, l);
	if (fclose(out) != 0)
		return -ENOMEM;
	*ret = take_ptr(&text);
	*ret_len = len;
	return 0;
}

bool shadow_wanted(struct call *c, const char *path)
{
	_cleanup_path_ struct path p = PATH_INIT;
	struct stat st, host;

	if (!stand_in_of(path + 1) || stat(path, &host) < 0 || access(path, R_OK) == 0 ||
		!ids_capable(c, CAP_DAC_OVERRIDE))
		return false;
	if (path_resolve(c, &c->um->view, AT_FDCWD, path, PATH_FOLLOW | PATH_LOOK, &p) < 0)
		return false;
	if (p.kind == PATH_NATIVE)
		return true;
	if (p.kind == PATH_VIRTUAL &&
		(!p.mnt->fs->host_fd || fstat(inode_host_fd(p.inode), &st) < 0))
		return false;
	if (p.kind == PATH_REAL &&
		fstatat(p.dirfd, p.last, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return st.st_ino == host.st_ino && st.st_dev == host.st_dev;
}
