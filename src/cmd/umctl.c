/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl: what is asked for, and who answers it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/layermsg.h"
#include "cmd/umctl.h"

static const char usage_text[] =
	"Usage: umctl [-n NAME] [--json] COMMAND\n"
	"\n"
	"Commands:\n"
	"  ls                                   the mounts of the view\n"
	"  ps                                   its processes\n"
	"  mount [-t TYPE] [-o OPTIONS] SOURCE TARGET\n"
	"  umount [-l] TARGET\n"
	"  df                                   their sizes\n"
	"  export                               the mounts as umview -F takes them\n"
	"  cache [ls|drop] [TARGET]             what is kept of their files; or forgets it\n"
	"  stat --mount TARGET                  what its server was asked, how long it took, and "
	"how\n"
	"                                       often it need not be\n"
	"  stat [--profile[=SECONDS]]           calls that were caught, and their times; on what "
	"they\n"
	"                                       are spent from now on, for 1 second\n"
	"  trace                                one line a decision, until interrupted\n"
	"  log-level [error|warn|info|debug]    show or set it\n"
	"  net ls                               the networks of the view, and their counters\n"
	"  net add NAME LINK[,OPTION...]...     one more, as umview --net\n"
	"  net use NAME [--] COMMAND...         in the view: runs it in that network\n"
	"  net rm NAME\n"
	"  net capture [-c COUNT] NAME FILE     its frames as pcapng, until interrupted\n"
	"\n"
	"Commands that need no view (umview-layers(7)):\n"
	"  layers                               the layers that are kept\n"
	"  layer create NAME [--of FOLDER]      an empty one\n"
	"  layer rename|copy NAME NEW           (without the word layer as well; so squash)\n"
	"  layer flatten NAME                   renamed folders become plain ones\n"
	"  layer squash NEW LAYER LAYER...      one of several that lie on each other, bottom "
	"first\n"
	"  layer export NAME --oci FILE         as an image of one layer\n"
	"  layer import FILE NAME [--of FOLDER] from an image, or the tar of a layer\n"
	"  layer image FILE [--ref NAME]        keeps an image, as umview --rootfs oci:FILE does\n"
	"  diff NAME [PATH] [--stat|--patch] [--color[=WHEN]]\n"
	"  commit NAME [PATH...] [--dry-run] [--to FOLDER] [--ours|--theirs|--force]\n"
	"  commit NAME --resume|--undo          of one that was interrupted\n"
	"  discard NAME [--force]               removes it: the tree below is as it was\n"
	"\n"
	"  -n, --name NAME   the view (umview --list shows them); inside a view: that one\n"
	"  --json            answers, and what fails, as JSON on standard output\n"
	"  -h, --help        this text\n"
	"  -V, --version\n";

void put(struct json_object *o, const char *key, const char *value)
{
	if (value)
		json_object_object_add(o, key, json_text(value));
}

int complain(const struct options *o, int err, const char *fmt, ...)
{
	struct json_object *answer;
	char text[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!o->json) {
		fprintf(stderr, "umctl: %s\n", text);
		return 125;
	}
	answer = json_object_new_object();
	json_object_object_add(answer, "ok", json_object_new_boolean(false));
	put(answer, "error", text);
	put(answer, "errno", strerrorname_np(-err));
	printf("%s\n", json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	json_object_put(answer);
	return 125;
}

static struct json_object *ask_mount(const struct options *o)
{
	struct json_object *rq = json_object_new_object();
	_cleanup_free_ char *cwd = getcwd(NULL, 0);

	put(rq, "source", o->words[0]);
	put(rq, "target", o->words[1]);
	put(rq, "type", o->type);
	put(rq, "options", o->mount_options);
	put(rq, "cwd", cwd);
	return rq;
}

static struct json_object *ask_umount(const struct options *o)
{
	struct json_object *rq = json_object_new_object();
	_cleanup_free_ char *cwd = getcwd(NULL, 0);

	put(rq, "target", o->words[0]);
	put(rq, "cwd", cwd);
	json_object_object_add(rq, "lazy", json_object_new_boolean(o->lazy));
	return rq;
}

static struct json_object *ask_cache(const struct options *o)
{
	struct json_object *rq = json_object_new_object();
	_cleanup_free_ char *cwd = getcwd(NULL, 0);
	bool drop = o->nwords > 0 && strcmp(o->words[0], "drop") == 0;

	put(rq, "target", o->words[1]);
	put(rq, "cwd", cwd);
	json_object_object_add(rq, "drop", json_object_new_boolean(drop));
	return rq;
}

static struct json_object *ask_stat(const struct options *o)
{
	struct json_object *rq = json_object_new_object();
	_cleanup_free_ char *cwd = getcwd(NULL, 0);

	put(rq, "mount", o->mount);
	put(rq, "cwd", cwd);
	return rq;
}

static struct json_object *ask_level(const struct options *o)
{
	struct json_object *rq = json_object_new_object();

	put(rq, "level", o->words[0]);
	return rq;
}

static const struct command commands[] = {
	{ "ls", 0, 0, NULL, show_ls },
	{ "ps", 0, 0, NULL, show_ps },
	{ "mount", 2, 2, ask_mount, NULL },
	{ "umount", 1, 1, ask_umount, NULL },
	{ "cache", 0, 2, ask_cache, show_cache },
	{ "df", 0, 0, NULL, show_df },
	{ "export", 0, 0, NULL, show_export },
	{ "stat", 0, 0, ask_stat, show_stat },
	{ "trace", 0, 0, NULL, NULL },
	{ "log-level", 0, 1, ask_level, show_level },
};

static const struct local {
	const char *name;
	int (*run)(const struct options *o, int argc, char **argv);
} locals[] = {
	{ "commit", cmd_commit },
	{ "copy", layer_cmd_copy },
	{ "diff", cmd_diff },
	{ "discard", cmd_discard },
	{ "layer", cmd_layer },
	{ "layers", cmd_layers },
	{ "net", cmd_net },
	{ "rename", layer_cmd_rename },
	{ "squash", layer_cmd_squash },
};

static const struct local *find_local(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(locals); i++) {
		if (strcmp(name, locals[i].name) == 0)
			return &locals[i];
	}
	return NULL;
}

/* "-x VALUE", "-xVALUE", "--long VALUE", "--long=VALUE": the value, or NULL if it is not this
 * option; "" when the value is missing. */
static const char *value_of(char **argv, int *i, const char *brief, const char *full)
{
	size_t len = full ? strlen(full) : 0;

	if (strcmp(argv[*i], brief) == 0 || (full && strcmp(argv[*i], full) == 0))
		return argv[*i + 1] ? argv[++*i] : "";
	if (full && strncmp(argv[*i], full, len) == 0 && argv[*i][len] == '=')
		return argv[*i] + len + 1;
	if (strncmp(argv[*i], brief, 2) == 0 && argv[*i][1] != '-')
		return argv[*i] + 2;
	return NULL;
}

/* The commands that parse their own arguments. They must be the first word behind the options. */
static bool run_local(struct options *o, int argc, char **argv, int *ret)
{
	const struct local *cmd;
	bool words = false; /* a command's, whose options are its own */
	int first = 1, n = 0;

	for (; first < argc && argv[first][0] == '-'; first++) {
		const char *value = value_of(argv, &first, "-n", "--name");

		if (value)
			o->name = value;
		else if (strcmp(argv[first], "--json") != 0)
			return false;
	}
	cmd = first < argc ? find_local(argv[first]) : NULL;
	if (!cmd)
		return false;
	argv += first;
	for (int i = 0; i < argc - first; i++) {
		words = words ||
			(i > 1 && strcmp(argv[0], "net") == 0 && strcmp(argv[1], "use") == 0);
		if (words || strcmp(argv[i], "--json") != 0)
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	*ret = cmd->run(o, n, argv);
	return true;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	}
	return NULL;
}

static long profile_ms(const char *seconds)
{
	char *end;
	double s = strtod(seconds, &end);

	return end == seconds || *end || !(s > 0 && s <= 3600) ? -1 : (long)(s * 1000);
}

int main(int argc, char **argv)
{
	const struct command *cmd = NULL;
	struct options o = { 0 };
	const char *value;
	int status;

	/* before all else: it holds for what is wrong with the others */
	for (int i = 1; i < argc; i++)
		o.json = o.json || strcmp(argv[i], "--json") == 0;
	if (run_local(&o, argc, argv, &status))
		return status;
	for (int i = 1; i < argc; i++) {
		char *word = argv[i];

		if (word[0] != '-' || !word[1]) {
			if (!cmd) {
				cmd = find_command(word);
				if (!cmd)
					return complain(&o, -EINVAL,
						"no command %s; umctl --help lists them", word);
			} else if (o.nwords < cmd->max) {
				o.words[o.nwords++] = word;
			} else {
				return complain(&o, -EINVAL,
					"too many arguments, at %s; see umctl --help", word);
			}
		} else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
			fputs(usage_text, stdout);
			return 0;
		} else if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0) {
			printf("umctl %s\n", UM_VERSION);
			return 0;
		} else if (strcmp(word, "--json") == 0) {
			continue;
		} else if (cmd && strcmp(cmd->name, "umount") == 0 &&
			   (strcmp(word, "-l") == 0 || strcmp(word, "--lazy") == 0)) {
			o.lazy = true;
		} else if (cmd && strcmp(cmd->name, "stat") == 0 &&
			   (strcmp(word, "--profile") == 0 ||
				   strncmp(word, "--profile=", 10) == 0)) {
			o.profile_ms = profile_ms(word[9] ? word + 10 : "1");
			if (o.profile_ms <= 0)
				return complain(&o, -EINVAL, "%s: not a number of seconds", word);
		} else if (cmd && strcmp(cmd->name, "stat") == 0 &&
			   (value = value_of(argv, &i, "--mount", "--mount"))) {
			if (!*value)
				return complain(&o, -EINVAL, "--mount needs a mount point");
			o.mount = value;
		} else if ((value = value_of(argv, &i, "-n", "--name"))) {
			o.name = value;
		} else if (cmd && strcmp(cmd->name, "mount") == 0 &&
			   (value = value_of(argv, &i, "-t", "--types"))) {
			o.type = value;
		} else if (cmd && strcmp(cmd->name, "mount") == 0 &&
			   (value = value_of(argv, &i, "-o", "--options"))) {
			o.mount_options = value;
		} else {
			return complain(&o, -EINVAL, "no option %s here; see umctl --help", word);
		}
	}
	if (!cmd && o.json)
		return complain(&o, -EINVAL, "no command is given; umctl --help lists them");
	if (!cmd) {
		fputs(usage_text, stderr);
		return 125;
	}
	if (strcmp(cmd->name, "cache") == 0 && o.nwords > 0 && strcmp(o.words[0], "ls") != 0 &&
		strcmp(o.words[0], "drop") != 0)
		return complain(&o, -EINVAL, "umctl cache ls or drop, not %s", o.words[0]);
	if (o.nwords < cmd->min)
		return complain(
			&o, -EINVAL, "%s needs more arguments; see umctl --help", cmd->name);
	return view_run(cmd, &o);
}
