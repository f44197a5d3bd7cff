/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "layer/journal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layer/tree.h"

static const char header[] = "umview-journal 1";
static const char *const states[] = { "stage", "switch", "clean", "clear" };

enum { JOURNAL_MAX = 1 << 30 };

void journal_release(struct journal *j)
{
	for (size_t i = 0; i < j->n; i++)
		free(j->step[i].path);
	for (size_t i = 0; i < j->npaths; i++)
		free(j->path[i]);
	free(j->step);
	free(j->path);
	free(j->to);
	*j = (struct journal){ 0 };
}

int journal_add(struct journal *j, enum step_kind kind, const char *path, const struct stat *was)
{
	struct step *bigger;

	if (j->n == j->room) {
		j->room = j->room ? j->room * 2 : 64;
		bigger = reallocarray(j->step, j->room, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		j->step = bigger;
	}
	j->step[j->n] = (struct step){ .kind = kind, .path = strdup(path) };
	if (was)
		j->step[j->n].was = *was;
	return j->step[j->n].path ? (j->n++, 0) : -ENOMEM;
}

int journal_add_path(struct journal *j, const char *path)
{
	char **bigger = reallocarray(j->path, j->npaths + 1, sizeof(char *));

	if (!bigger)
		return -ENOMEM;
	j->path = bigger;
	j->path[j->npaths] = strdup(path);
	return j->path[j->npaths] ? (j->npaths++, 0) : -ENOMEM;
}

static void put_step(FILE *f, const struct step *s)
{
	fprintf(f, "%c %ju %ju %o %u %u %lld.%09ld %s%c", s->kind, (uintmax_t)s->staged,
		(uintmax_t)s->was.st_ino, s->was.st_mode, s->was.st_uid, s->was.st_gid,
		(long long)s->was.st_mtim.tv_sec, s->was.st_mtim.tv_nsec, s->path, 0);
}

int journal_write(int layerfd, const struct journal *j)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fd_ int fd = -1;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int err;

	if (!f)
		return -ENOMEM;
	fprintf(f, "%s%c%s%cid %s%cto %s%cflags %u%c", header, 0, states[j->state], 0, j->id, 0,
		j->to, 0, j->flags, 0);
	for (size_t i = 0; i < j->npaths; i++)
		fprintf(f, "path %s%c", j->path[i], 0);
	for (size_t i = 0; i < j->n; i++)
		put_step(f, &j->step[i]);
	fprintf(f, "end%c", 0);
	if (fclose(f) != 0)
		return -ENOMEM;
	fd = openat(layerfd, "journal.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, size);
	if (err == 0 &&
		(fsync(fd) < 0 || renameat(layerfd, "journal.new", layerfd, "journal") < 0 ||
			fsync(layerfd) < 0))
		err = -errno;
	return err;
}

int journal_remove(int layerfd)
{
	return unlinkat(layerfd, "journal", 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int parse_step(struct journal *j, const char *line)
{
	struct stat was = { 0 };
	uintmax_t staged, old;
	long long mtime;
	int used = 0, err;

	if (!strchr("prmfd", line[0]) ||
		sscanf(line + 1, " %" SCNuMAX " %" SCNuMAX " %o %u %u %lld.%9ld%n", &staged, &old,
			&was.st_mode, &was.st_uid, &was.st_gid, &mtime, &was.st_mtim.tv_nsec,
			&used) != 7 ||
		line[1 + used] != ' ' || !tree_path_valid(line + used + 2))
		return -EBADMSG;
	was.st_ino = (ino_t)old;
	was.st_mtim.tv_sec = mtime;
	was.st_atim = was.st_mtim;
	err = journal_add(j, (enum step_kind)line[0], line + used + 2, &was);
	if (err == 0)
		j->step[j->n - 1].staged = (ino_t)staged;
	return err;
}

static int parse_line(struct journal *j, const char *line)
{
	size_t n = strlen(line);

	if (strncmp(line, "id ", 3) == 0 && n - 3 < sizeof(j->id) &&
		strspn(line + 3, "0123456789abcdef") == n - 3) {
		strcpy(j->id, line + 3);
		return 0;
	}
	if (strncmp(line, "to /", 4) == 0) {
		free(j->to);
		j->to = strdup(line + 3);
		return j->to ? 0 : -ENOMEM;
	}
	if (strncmp(line, "flags ", 6) == 0) {
		j->flags = (unsigned)strtoul(line + 6, NULL, 10);
		return 0;
	}
	if (strncmp(line, "path ", 5) == 0)
		return tree_path_valid(line + 5) ? journal_add_path(j, line + 5) : -EBADMSG;
	return line[0] && line[1] == ' ' ? parse_step(j, line) : -EBADMSG;
}

int journal_read(int layerfd, struct journal *ret)
{
	_cleanup_fd_ int fd = openat(layerfd, "journal", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_journal_ struct journal j = { 0 };
	_cleanup_free_ char *text = NULL;
	char path[FD_PATH_MAX];
	const char *p, *end;
	size_t len = 0, state;
	int err = 0;

	if (fd < 0)
		return -errno;
	err = read_file(fd_path(path, fd), JOURNAL_MAX, &text, &len);
	if (err < 0)
		return err;
	if (len < sizeof(header) || text[len - 1] || strcmp(text, header) != 0)
		return -EPROTONOSUPPORT;
	p = text + sizeof(header);
	end = text + len;
	for (state = 0; p < end && state < ARRAY_SIZE(states) && strcmp(p, states[state]) != 0;)
		state++;
	if (p >= end || state == ARRAY_SIZE(states))
		return -EBADMSG;
	j.state = (enum journal_state)state;
	for (p += strlen(p) + 1; err == 0 && p < end && strcmp(p, "end") != 0; p += strlen(p) + 1)
		err = parse_line(&j, p);
	if (err == 0 && (p >= end || !j.to || !j.id[0]))
		err = -EBADMSG;
	if (err < 0)
		return err;
	*ret = j;
	j = (struct journal){ 0 };
	return 0;
}
