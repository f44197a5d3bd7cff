/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images are unpacked by umctl, which alone has the libraries for that; here they are layers. The
 * command is run as podman-run(1) runs one: what the user says stands after the image's entry
 * point, in the image's environment and working directory, as its user.
 */
#include "cmd/rootfs.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/log.h"
#include "base/rundir.h"
#include "sys/mount/calls.h"
#include "sys/mount/rule.h"

enum { TEXT_MAX = 16 << 20 };

/* ---- what was asked for ---- */

static int replace(char **where, const char *value)
{
	free(*where);
	*where = strdup(value);
	return *where ? 0 : -ENOMEM;
}

/* One option; 1: it is none, but a part of the name. */
static int take_option(struct rootfs *r, const char *opt)
{
	if (strcmp(opt, "ro") == 0) {
		r->ro = true;
		return 0;
	}
	if (strcmp(opt, "cow") == 0)
		return 0;
	if (strncmp(opt, "cow=", 4) == 0)
		return replace(&r->cow, opt + 4);
	if (strncmp(opt, "ref=", 4) == 0)
		return replace(&r->ref, opt + 4);
	if (strncmp(opt, "entrypoint=", 11) == 0)
		return replace(&r->entrypoint, opt + 11);
	return 1;
}

int rootfs_parse(const char *spec, struct rootfs *ret)
{
	struct rootfs r = { .file = strdup(spec), .layer = LAYER_INIT };
	int err = r.file ? 0 : -ENOMEM;

	/* from the end, since a name may have commas */
	for (char *comma; err == 0 && (comma = strrchr(r.file, ','));) {
		err = take_option(&r, comma + 1);
		if (err == 0)
			*comma = '\0';
	}
	if (err == 0 || err == 1)
		err = r.file[0] ? 0 : -EINVAL;
	if (err == 0 && r.ro && r.cow)
		err = -EINVAL;
	if (err < 0) {
		log_user("--rootfs oci:%s: it is oci:FILE[,ref=NAME][,cow=LAYER | "
			 ",ro][,entrypoint=PROGRAM]",
			spec);
		rootfs_release(&r);
		return err;
	}
	*ret = r;
	return 0;
}

void rootfs_release(struct rootfs *r)
{
	layer_release(&r->layer);
	json_object_put(r->config);
	for (size_t i = 0; r->made && r->made[i]; i++)
		free(r->made[i]);
	free(r->made);
	free(r->argv);
	free(r->env);
	free(r->cwd);
	free(r->file);
	free(r->ref);
	free(r->cow);
	free(r->entrypoint);
	*r = (struct rootfs){ .layer = LAYER_INIT };
}

/* ---- the layer ---- */

/* umctl, beside this program or in PATH: what it prints, in one line. */
static int run_umctl(char *const argv[], char line[RUNDIR_NAME_MAX + 2])
{
	posix_spawn_file_actions_t fa;
	char path[PATH_MAX];
	int pipefd[2], status = 0, err;
	pid_t pid;
	FILE *f;

	own_program("umctl", path, sizeof(path));
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, pipefd[1], 1);
	err = -posix_spawn(&pid, path, &fa, NULL, argv, environ);
	if (err < 0)
		err = -posix_spawnp(&pid, "umctl", &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	close(pipefd[1]);
	f = fdopen(pipefd[0], "r");
	if (err < 0 || !f) {
		log_user("umctl cannot be run: %s", strerror(err < 0 ? -err : errno));
		close(pipefd[0]);
		return -ENOENT;
	}
	if (!fgets(line, RUNDIR_NAME_MAX + 2, f))
		line[0] = '\0';
	fclose(f);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	line[strcspn(line, "\n")] = '\0';
	return status == 0 && line[0] ? 0 : -EIO; /* it has said why */
}

static int read_config(struct rootfs *r)
{
	_cleanup_free_ char *path = str_printf("%s/image", r->layer.path), *text = NULL;
	struct json_object *all;
	int err = path ? read_file(path, TEXT_MAX, &text, NULL) : -ENOMEM;

	if (err < 0)
		return err;
	all = json_tokener_parse(text);
	if (!json_object_is_type(all, json_type_object)) {
		json_object_put(all);
		return -EBADMSG;
	}
	r->config = json_object_get(json_member(all, "config", json_type_object));
	json_object_put(all);
	return 0;
}

int rootfs_fetch(struct rootfs *r)
{
	char name[RUNDIR_NAME_MAX + 2];
	char *argv[] = { "umctl", "layer", "image", r->file, r->ref ? "--ref" : NULL, r->ref,
		NULL };
	int err = run_umctl(argv, name);

	if (err < 0)
		return err;
	err = layer_open(name, LAYER_READ, &r->layer);
	err = err < 0 ? err : read_config(r);
	if (err < 0)
		log_user("the layer %s, of %s: %s", name, r->file, strerror(-err));
	return err;
}

int rootfs_basics(struct um *um)
{
	static const char *const basics[] = { "/proc", "/sys", "/dev", "/etc/resolv.conf",
		"/etc/hosts" };
	int err = 0;

	for (size_t i = 0; err == 0 && i < ARRAY_SIZE(basics); i++) {
		_cleanup_path_ struct path p = PATH_INIT;

		if (access(basics[i], F_OK) < 0 ||
			path_resolve_abs(&um->view, NULL, basics[i], PATH_NO_RULES, &p) < 0)
			continue;
		if (p.kind == PATH_VIRTUAL && inode_type(p.inode) != S_IFLNK)
			err = rule_make(um, RULE_HOST, &p);
		if (err == 0 && p.name)
			mount_note_brought(&um->view, p.name);
	}
	if (err < 0)
		log_user("--rootfs oci: the host's /proc and the like: %s", strerror(-err));
	return err;
}

/* ---- the command ---- */

/* The n-th word of a list; NULL: it has no more. */
static const char *word_of(const struct rootfs *r, const char *key, size_t n)
{
	struct json_object *list = json_member(r->config, key, json_type_array);

	return list ? json_object_get_string(json_object_array_get_idx(list, n)) : NULL;
}

static size_t count_words(const struct rootfs *r, const char *key)
{
	size_t n = 0;

	while (word_of(r, key, n))
		n++;
	return n;
}

static char **append_words(char **to, const struct rootfs *r, const char *key)
{
	for (size_t n = count_words(r, key), i = 0; i < n; i++)
		*to++ = (char *)(uintptr_t)word_of(r, key, i);
	return to;
}

static int set_argv(struct rootfs *r, char *const *argv)
{
	size_t n = 0;
	char **at;

	while (argv[n])
		n++;
	r->argv = calloc(
		n + count_words(r, "Entrypoint") + count_words(r, "Cmd") + 3, sizeof(*r->argv));
	if (!r->argv)
		return -ENOMEM;
	at = r->argv;
	if (!r->entrypoint)
		at = append_words(at, r, "Entrypoint");
	else if (r->entrypoint[0])
		*at++ = r->entrypoint;
	if (n)
		memcpy(at, argv, n * sizeof(*at));
	else if (!r->entrypoint) /* that of another program would be of no use */
		append_words(at, r, "Cmd");
	if (!r->argv[0])
		r->argv[0] = (char *)(uintptr_t) "/bin/sh";
	return 0;
}

/* A file of the view's, as text; NULL: none. */
static char *read_in_view(struct um *um, const char *name)
{
	_cleanup_path_ struct path p = PATH_INIT;
	char path[FD_PATH_MAX], *text = NULL;
	int fd;

	if (path_resolve_abs(&um->view, NULL, name, PATH_FOLLOW | PATH_NO_RULES, &p) < 0 ||
		p.kind != PATH_VIRTUAL || inode_type(p.inode) != S_IFREG)
		return NULL;
	fd = inode_host_fd(p.inode);
	return fd >= 0 && read_file(fd_path(path, fd), TEXT_MAX, &text, NULL) == 0 ? text : NULL;
}

static bool is_number(const char *word, uint32_t *ret)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	*ret = (uint32_t)n;
	return word[0] >= '0' && word[0] <= '9' && !*end && n < UINT32_MAX;
}

/* By the line of passwd(5) for a name or a number, which need not have one; *ret_home malloc'ed. */
static bool find_user(struct um *um, const char *word, struct spawn_ids *ret, char **ret_home)
{
	_cleanup_free_ char *text = read_in_view(um, "/etc/passwd");
	FILE *f = text && *text ? fmemopen(text, strlen(text), "r") : NULL;
	uint32_t number = 0;
	bool numeric = is_number(word, &number), found = false;
	struct passwd *pw;

	*ret = (struct spawn_ids){ .uid = number };
	while (f && !found && (pw = fgetpwent(f))) {
		found = strcmp(pw->pw_name, word) == 0 || (numeric && pw->pw_uid == number);
		if (found) {
			*ret = (struct spawn_ids){ pw->pw_uid, pw->pw_gid };
			*ret_home = strdup(pw->pw_dir);
		}
	}
	if (f)
		fclose(f);
	return found || numeric;
}

static bool find_group(struct um *um, const char *word, gid_t *ret)
{
	_cleanup_free_ char *text = read_in_view(um, "/etc/group");
	FILE *f = text && *text ? fmemopen(text, strlen(text), "r") : NULL;
	struct group *gr;
	bool found = is_number(word, ret);

	while (f && !found && (gr = fgetgrent(f))) {
		found = strcmp(gr->gr_name, word) == 0;
		if (found)
			*ret = gr->gr_gid;
	}
	if (f)
		fclose(f);
	return found;
}

/* "USER[:GROUP]", each a name or a number; "": root. */
static int set_user(const struct rootfs *r, struct um *um, struct spawn_ids *ret, char **ret_home)
{
	const char *spec = json_member_text(r->config, "User");
	_cleanup_free_ char *user = strdup(*spec ? spec : "0");
	char *group = user ? strchr(user, ':') : NULL;

	if (!user)
		return -ENOMEM;
	if (group)
		*group++ = '\0';
	if (find_user(um, *user ? user : "0", ret, ret_home) &&
		(!group || !*group || find_group(um, group, &ret->gid)))
		return 0;
	log_user("the image is to be run by %s, whom it does not know", spec);
	return -EINVAL;
}

static bool has_variable(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++) {
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return true;
	}
	return false;
}

/* The image's own, and what every program expects. */
static int set_env(struct rootfs *r, const char *home)
{
	const char *const defaults[][2] = {
		{ "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
		{ "HOME", home ? home : "/" },
		{ "TERM", getenv("TERM") },
	};
	size_t made = 0;
	char **at;

	r->env = calloc(count_words(r, "Env") + ARRAY_SIZE(defaults) + 1, sizeof(*r->env));
	r->made = calloc(ARRAY_SIZE(defaults) + 1, sizeof(*r->made));
	if (!r->env || !r->made)
		return -ENOMEM;
	at = append_words(r->env, r, "Env");
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		if (!defaults[i][1] || has_variable(r->env, defaults[i][0]))
			continue;
		r->made[made] = str_printf("%s=%s", defaults[i][0], defaults[i][1]);
		if (!r->made[made])
			return -ENOMEM;
		*at++ = r->made[made++];
	}
	return 0;
}

int rootfs_command(struct rootfs *r, struct um *um, char *const *argv, struct spawn_ids *ret_ids)
{
	_cleanup_free_ char *home = NULL;
	const char *cwd = json_member_text(r->config, "WorkingDir");
	int err = set_user(r, um, ret_ids, &home);

	err = err < 0 ? err : set_argv(r, argv);
	err = err < 0 ? err : set_env(r, home);
	if (err < 0)
		return err;
	r->cwd = str_printf("/%s", cwd + (*cwd == '/'));
	return r->cwd ? 0 : -ENOMEM;
}
