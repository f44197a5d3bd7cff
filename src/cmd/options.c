/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/options.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/rundir.h"
#include "cmd/fstab.h"
#include "net/family.h"
#include "net/spec.h"

static const char help_text[] =
	"Usage: umview [OPTIONS] [--] [COMMAND [ARGUMENT...]]\n"
	"\n"
	"Runs a command (your shell, if none is given) in a view: what you mount there is seen by "
	"what\n"
	"runs there, and by nothing else. No root is needed.\n"
	"\n"
	"  -m, --mount SOURCE:TARGET[,OPTIONS]\n"
	"                     mount an image, or NAME#SOURCE with the FUSE server NAME; may be "
	"repeated.\n"
	"                     Options: type=TYPE, ro, partition=N, server=COMMAND, and the "
	"server's own.\n"
	"                     \"\\:\", \"\\,\" and \"\\\\\" stand for \":\", \",\" and \"\\\" in "
	"names\n"
	"  -F, --fstab FILE   mount what this table says, in the form of fstab(5), as dependence "
	"asks for;\n"
	"                     $VAR and ~ are replaced. Types of lines that are no mounts: view "
	"(root, name= ...),\n"
	"                     rootfs, cow, net; umctl export writes them\n"
	"      --bind SOURCE:TARGET[,OPTIONS]\n"
	"                     show a folder or file at another place too; the same as -m with the "
	"option\n"
	"                     bind. Options: ro, noexec, nodev, nosuid. TARGET need not be there, "
	"nor that of\n"
	"                     --tmpfs\n"
	"      --tmpfs TARGET[:OPTIONS]\n"
	"                     an empty folder in memory, gone with the view; as -m "
	"none:TARGET,type=tmpfs.\n"
	"                     Options: size=64M, nr_inodes=10k, mode=755, and others of tmpfs(5)\n"
	"      --bind-ro SOURCE:TARGET\n"
	"                     the same as --bind with the option ro\n"
	"      --hide PATH[,empty]\n"
	"                     nothing is there, or something empty\n"
	"      --ro PATH      what is there can be read and not be changed\n"
	"      --rw PATH      what is there is as it is without --hide and --ro above it. Of rules "
	"on one path\n"
	"                     the last holds, else the deepest\n"
	"      --dir PATH     an empty folder in memory, where none is\n"
	"      --symlink TARGET:PATH\n"
	"                     a symbolic link at PATH\n"
	"      --rootfs DIR   another system's tree as the root; the command begins there\n"
	"      --rootfs oci:FILE[,ref=NAME][,cow=LAYER | ,ro][,entrypoint=PROGRAM]\n"
	"                     an image of OCI or docker save as the root, run as podman run does; "
	"what is\n"
	"                     changed goes to a layer\n"
	"      --host-basics  with --rootfs: /proc, /dev, /sys and /etc/resolv.conf are the "
	"host's\n"
	"      --cow[=NAME][,of=FOLDER][,ro][,consistent]\n"
	"                     what is changed goes to a layer, of all or of one folder, and leaves "
	"the files\n"
	"                     as they were; umctl diff, commit and discard say what becomes of it. "
	"ro: a\n"
	"                     layer below the next one; consistent: who reads sees what is "
	"written\n"
	"  -o server=TYPE=COMMAND\n"
	"                     what serves a type of file system in this view\n"
	"      --net LINK[,OPTIONS]\n"
	"                     a network of its own: none (loopback alone), slirp (by your own "
	"sockets),\n"
	"                     pair=NAME (a wire with other views), vde=URL, tap=NAME; may be "
	"repeated.\n"
	"                     Options: ip=ADDR/N, gw=ADDR, dns=ADDR, dhcp, mac=, mtu=, name=, "
	"abstract=private,\n"
	"                     of slirp publish=[ADDR:]HOSTPORT:PORT[/udp], restrict, and of "
	"others, for\n"
	"                     tests, loss=5%, delay=10ms, reorder=, dup=, seed=\n"
	"      --net-family FAMILY=none|host|view|NAME[,...]\n"
	"                     who serves inet, inet6, netlink, packet, vsock, other ...: nobody, "
	"the kernel as\n"
	"                     without --net, the network that the process is in, or one of umctl "
	"net\n"
	"      --root         be root in the view: mount(8) and chown(1) work on what the view "
	"owns\n"
	"      --name NAME    a name for umctl -n\n"
	"      --cache-size SIZE\n"
	"                     how much of files that are closed is kept (a quarter of the memory)\n"
	"      --dry-run      say what would be set up, or why it cannot be; run nothing\n"
	"      --trace[=FILE] one line for each call that the view decided (standard error)\n"
	"      --log FILE     append messages about the view to FILE\n"
	"      --log-level error|warn|info|debug\n"
	"      --list         the views that run now\n"
	"      --check        what this kernel and container allow\n"
	"      --json         --list, --check, --dry-run and what fails as JSON, on standard "
	"output\n"
	"  -h, --help         this text\n"
	"  -V, --version\n"
	"\n"
	"Exit status: the command's; 128+N when signal N ended it; 125 when the view could not be "
	"set up,\n"
	"the usage is wrong, or what was written could not be kept though the command ended with "
	"0;\n"
	"126 when the command cannot be run; 127 when it is not found.\n";

enum id {
	OPT_MOUNT,
	OPT_BIND,
	OPT_BIND_RO,
	OPT_DIR,
	OPT_SYMLINK,
	OPT_ROOTFS,
	OPT_HOST_BASICS,
	OPT_TMPFS,
	OPT_HIDE,
	OPT_RO,
	OPT_RW,
	OPT_FSTAB,
	OPT_COW,
	OPT_OPTION,
	OPT_NET,
	OPT_NET_FAMILY,
	OPT_ROOT,
	OPT_NAME,
	OPT_CACHE_SIZE,
	OPT_DRY_RUN,
	OPT_TRACE,
	OPT_LOG,
	OPT_LOG_LEVEL,
	OPT_LIST,
	OPT_CHECK,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION,
};

enum takes { NOTHING, VALUE, PERHAPS };

static const struct known {
	enum id id;
	char brief;
	const char *full;
	enum takes takes;
	const char *value; /* what the value is, for messages */
} known[] = {
	{ OPT_MOUNT, 'm', "mount", VALUE, "SOURCE:TARGET[,OPTIONS]" },
	{ OPT_BIND, 0, "bind", VALUE, "SOURCE:TARGET[,OPTIONS]" },
	{ OPT_BIND_RO, 0, "bind-ro", VALUE, "SOURCE:TARGET" },
	{ OPT_HIDE, 0, "hide", VALUE, "PATH[,empty]" },
	{ OPT_RO, 0, "ro", VALUE, "a path" },
	{ OPT_RW, 0, "rw", VALUE, "a path" },
	{ OPT_DIR, 0, "dir", VALUE, "a path" },
	{ OPT_SYMLINK, 0, "symlink", VALUE, "TARGET:PATH" },
	{ OPT_ROOTFS, 0, "rootfs", VALUE, "a folder" },
	{ OPT_HOST_BASICS, 0, "host-basics", NOTHING, NULL },
	{ OPT_TMPFS, 0, "tmpfs", VALUE, "TARGET[:OPTIONS]" },
	{ OPT_COW, 0, "cow", PERHAPS, NULL },
	{ OPT_FSTAB, 'F', "fstab", VALUE, "a file" },
	{ OPT_OPTION, 'o', "option", VALUE, "server=TYPE=COMMAND" },
	{ OPT_NET, 0, "net", VALUE, "none, slirp, pair=NAME, vde=URL or tap=NAME" },
	{ OPT_NET_FAMILY, 0, "net-family", VALUE,
		"FAMILY=none, host, view or the name of a network" },
	{ OPT_ROOT, 0, "root", NOTHING, NULL },
	{ OPT_NAME, 0, "name", VALUE, "a name" },
	{ OPT_CACHE_SIZE, 0, "cache-size", VALUE, "a size, such as 64M" },
	{ OPT_DRY_RUN, 0, "dry-run", NOTHING, NULL },
	{ OPT_TRACE, 0, "trace", PERHAPS, NULL },
	{ OPT_LOG, 0, "log", VALUE, "a file" },
	{ OPT_LOG_LEVEL, 0, "log-level", VALUE, "error, warn, info or debug" },
	{ OPT_LIST, 0, "list", NOTHING, NULL },
	{ OPT_CHECK, 0, "check", NOTHING, NULL },
	{ OPT_JSON, 0, "json", NOTHING, NULL },
	{ OPT_HELP, 'h', "help", NOTHING, NULL },
	{ OPT_VERSION, 'V', "version", NOTHING, NULL },
};

static const struct known *find_full(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strlen(known[i].full) == len && strncmp(known[i].full, word, len) == 0)
			return &known[i];
	}
	return NULL;
}

static const struct known *find_brief(char c)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (c && known[i].brief == c)
			return &known[i];
	}
	return NULL;
}

static int append(char ***list, size_t *n, const char *value)
{
	char **more = reallocarray(*list, *n + 2, sizeof(**list));

	if (!more) {
		log_user("out of memory");
		return -ENOMEM;
	}
	more[(*n)++] = (char *)(uintptr_t)value;
	more[*n] = NULL;
	*list = more;
	return 0;
}

/* A word that is no argument: ours from now on. */
static int keep_made(struct options *o, char *word)
{
	int r = word ? append(&o->made, &o->nmade, word) : -ENOMEM;

	if (r < 0)
		free(word);
	return r;
}

/* What is made of other words stands in the list of -m, in the order given; spec is ours. */
static int append_made(struct options *o, char *spec)
{
	int r = keep_made(o, spec);

	return r < 0 ? r : append(&o->mounts, &o->nmounts, spec);
}

/* TARGET[:OPTIONS] as -m has it. */
static char *tmpfs_spec(const char *value)
{
	size_t n = 0;

	while (value[n] && value[n] != ':')
		n += value[n] == '\\' && value[n + 1] ? 2 : 1;
	return str_printf("tmpfs:%.*s,type=tmpfs%s%s", (int)n, value, value[n] ? "," : "",
		value[n] ? value + n + 1 : "");
}

/* A path of which each character is meant, as -m has it. */
static char *made_spec(const char *source, const char *path, const char *option)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs(source, out);
	for (const char *p = path; *p; p++) {
		if (strchr(":,\\", *p))
			fputc('\\', out);
		fputc(*p, out);
	}
	fprintf(out, ",%s", option);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* PATH, or PATH,empty. */
static char *hide_spec(const char *value)
{
	static const char empty[] = ",empty";
	const size_t len = strlen(value), n = sizeof(empty) - 1;
	_cleanup_free_ char *path = NULL;

	if (len <= n || strcmp(value + len - n, empty) != 0)
		return made_spec("none:", value, "policy=hide");
	path = strndup(value, len - n);
	return path ? made_spec("none:", path, "policy=empty") : NULL;
}

static int set_server(struct options *o, const char *value)
{
	const char *type = strncmp(value, "server=", 7) == 0 ? value + 7 : NULL;
	const char *command = type ? strchr(type, '=') : NULL;

	if (!command || command == type || !command[1]) {
		log_user("-o %s: only server=TYPE=COMMAND is known here, as in -o "
			 "server=ext4=fuse2fs "
			 "(options of a mount follow its target: -m SOURCE:TARGET,ro)",
			value);
		return -EINVAL;
	}
	return append(&o->servers, &o->nservers, type);
}

static int add_families(struct options *o, const char *value)
{
	_cleanup_free_ char *message = NULL;
	int r = families_parse(&o->families, value, &message);

	if (r < 0)
		log_user("%s", message ? message : strerror(-r));
	return r < 0 ? r : append(&o->net_families, &o->nnet_families, value);
}

static int add_net(struct options *o, const char *value)
{
	_cleanup_free_ char *message = NULL;
	struct net_spec spec;
	int r = net_spec_parse(value, (int)o->nnets, &spec, &message);

	if (r < 0)
		log_user("%s", message ? message : strerror(-r));
	else if (o->nnets == NET_MAX_LINKS)
		log_user("--net: %d interfaces at most", NET_MAX_LINKS);
	else
		return append(&o->nets, &o->nnets, value);
	return -EINVAL;
}

static int set_name(struct options *o, const char *value)
{
	if (!rundir_name_valid(value)) {
		log_user(
			"--name '%s': a name is made of letters, digits and \"_.-\", begins with a "
			"letter, digit or \"_\", is not a number, and has at most %d characters",
			value, RUNDIR_NAME_MAX);
		return -EINVAL;
	}
	o->run.name = value;
	return 0;
}

/* A folder, or an image, whose root is root. */
static int set_rootfs(struct options *o, const char *value)
{
	static const char oci[] = "oci:";
	bool is_image = strncmp(value, oci, sizeof(oci) - 1) == 0;

	rootfs_release(&o->image);
	o->run.rootfs = is_image ? NULL : value;
	o->run.image = is_image ? &o->image : NULL;
	o->run.root |= is_image;
	return is_image ? rootfs_parse(value + sizeof(oci) - 1, &o->image) : 0;
}

static int set_cache_size(struct options *o, const char *value)
{
	if (size_parse(value, memory_size(), &o->cache_size) < 0) {
		log_user("--cache-size '%s': a size is a number of bytes, or one with K, M, G, or "
			 "%% of the memory",
			value);
		return -EINVAL;
	}
	o->run.cache_size = &o->cache_size;
	return 0;
}

static int take_from_table(void *arg, const char *option, char *value);

static int apply(struct options *o, const struct known *k, const char *value)
{
	switch (k->id) {
	case OPT_MOUNT:
		return append(&o->mounts, &o->nmounts, value);
	case OPT_BIND:
		return append_made(o, str_printf("%s,bind", value));
	case OPT_BIND_RO:
		return append_made(o, str_printf("%s,bind,ro", value));
	case OPT_HIDE:
		return append_made(o, hide_spec(value));
	case OPT_RO:
		return append_made(o, made_spec("none:", value, "policy=ro"));
	case OPT_RW:
		return append_made(o, made_spec("none:", value, "policy=rw"));
	case OPT_DIR:
		return append_made(o, made_spec("none:", value, "make=dir"));
	case OPT_SYMLINK:
		return append_made(o, str_printf("%s,make=symlink", value));
	case OPT_ROOTFS:
		return set_rootfs(o, value);
	case OPT_HOST_BASICS:
		o->host_basics = true;
		return 0;
	case OPT_TMPFS:
		return append_made(o, tmpfs_spec(value));
	case OPT_COW:
		return append(&o->cows, &o->ncows, value ? value : "");
	case OPT_FSTAB:
		return fstab_read(value, take_from_table, o);
	case OPT_OPTION:
		return set_server(o, value);
	case OPT_NET:
		return add_net(o, value);
	case OPT_NET_FAMILY:
		return add_families(o, value);
	case OPT_ROOT:
		o->run.root = true;
		return 0;
	case OPT_NAME:
		return set_name(o, value);
	case OPT_CACHE_SIZE:
		return set_cache_size(o, value);
	case OPT_DRY_RUN:
		o->run.dry_run = true;
		return 0;
	case OPT_TRACE:
		o->run.trace = value ? value : "-";
		return 0;
	case OPT_LOG:
		o->log = value;
		return 0;
	case OPT_LOG_LEVEL:
		if (log_level_parse(value, &o->log_level) == 0)
			return 0;
		log_user("--log-level %s: it is error, warn, info or debug", value);
		return -EINVAL;
	case OPT_LIST:
		o->action = ACTION_LIST;
		return 0;
	case OPT_CHECK:
		o->action = ACTION_CHECK;
		return 0;
	case OPT_JSON:
		return 0; /* asks_json() has seen it */
	case OPT_HELP:
		o->action = ACTION_HELP;
		return 0;
	case OPT_VERSION:
		o->action = ACTION_VERSION;
		return 0;
	}
	return -EINVAL;
}

/* Which option a word is, or NULL; *ret_value: the value in the same word, or NULL. */
static const struct known *find_word(const char *word, const char **ret_value)
{
	const char *equals = strchr(word, '=');

	if (word[1] != '-') {
		*ret_value = word[2] ? word + 2 : NULL;
		return find_brief(word[1]);
	}
	*ret_value = equals ? equals + 1 : NULL;
	return find_full(word + 2, equals ? (size_t)(equals - word - 2) : strlen(word + 2));
}

static bool is_option(const char *word)
{
	return word && word[0] == '-' && word[1] && strcmp(word, "--") != 0;
}

/* Is --json among the options? Asked before they are parsed: it holds for what is wrong with them.
 */
static bool asks_json(char **argv)
{
	for (int i = 1; is_option(argv[i]); i++) {
		const char *value;
		const struct known *k = find_word(argv[i], &value);

		if (k && k->id == OPT_JSON)
			return true;
		if (k && k->takes == VALUE && !value && !argv[++i])
			return false;
	}
	return false;
}

static int apply_checked(struct options *o, const struct known *k, const char *value)
{
	if (k->takes == NOTHING && value) {
		log_user("--%s=%s: --%s takes no value", k->full, value, k->full);
		return -EINVAL;
	}
	if (k->takes == VALUE && (!value || !*value)) {
		log_user("--%s needs %s after it", k->full, k->value);
		return -EINVAL;
	}
	return apply(o, k, value);
}

/* For fstab_read(). */
static int take_from_table(void *arg, const char *option, char *value)
{
	const struct known *k = find_full(option, strlen(option));
	struct options *o = arg;
	int r = value ? keep_made(o, value) : 0;

	assert(k);
	return r < 0 ? r : apply_checked(o, k, value);
}

/* One option word and its value, perhaps in the next word. */
static int parse_word(struct options *o, char **argv, int *i)
{
	const char *word = argv[*i], *value = NULL;
	const struct known *k = find_word(word, &value);

	if (!k) {
		log_user("no option %s; umview --help lists them. Options of the command come "
			 "after it, or "
			 "write -- before it",
			word);
		return -EINVAL;
	}
	if (k->takes == VALUE && !value)
		value = argv[*i + 1] ? argv[++*i] : NULL;
	return apply_checked(o, k, value);
}

/* As -m has it. */
static char *rootfs_spec(const char *dir)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	put_backslashed(out, "", dir, "\\:,");
	fputs(":/,bind,owners", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* The other root comes before all that is mounted in it, though it may be named after. */
static int add_rootfs(struct options *o)
{
	static const char *const basics[] = { "/proc", "/dev", "/sys", "/etc/resolv.conf" };
	char path[PATH_MAX];
	struct stat st;
	int r;

	r = append_made(o, rootfs_spec(o->run.rootfs));
	if (r < 0)
		return r;
	memmove(o->mounts + 1, o->mounts, (o->nmounts - 1) * sizeof(*o->mounts));
	o->mounts[0] = o->made[o->nmade - 1];
	for (size_t i = 0; o->host_basics && i < ARRAY_SIZE(basics) && r == 0; i++) {
		/* what has no place in that tree, or is not there on the host, is left out */
		snprintf(path, sizeof(path), "%s%s", o->run.rootfs, basics[i]);
		if (lstat(path, &st) == 0 && !S_ISLNK(st.st_mode) && stat(basics[i], &st) == 0)
			r = append_made(o, str_printf("none:%s,policy=host", basics[i]));
	}
	return r;
}

int options_parse(struct options *o, char **argv)
{
	int i;

	*o = (struct options){
		.log_level = LOG_INFO, .run.json = asks_json(argv), .image.layer = LAYER_INIT
	};
	if (o->run.json)
		log_user_as_json();
	for (i = 1; is_option(argv[i]); i++) {
		int err = parse_word(o, argv, &i);

		if (err < 0)
			return err;
	}
	if (argv[i] && strcmp(argv[i], "--") == 0)
		i++;
	if (o->host_basics && !o->run.rootfs && !o->run.image) {
		log_user("--host-basics is for --rootfs DIR");
		return -EINVAL;
	}
	if (o->run.rootfs) {
		int err = add_rootfs(o);

		if (err < 0)
			return err;
	}
	o->run.mounts = o->mounts;
	o->run.servers = o->servers;
	o->run.nets = o->nets;
	o->run.families = o->families;
	o->run.net_families = o->net_families;
	o->run.cows = o->cows;
	if (argv[i]) {
		o->run.argv = argv + i;
		return 0;
	}
	if (o->run.image) { /* it says itself what it runs */
		o->run.argv = o->shell;
		return 0;
	}
	o->shell[0] = o->run.rootfs ? NULL : getenv("SHELL");
	if (!o->shell[0] || !o->shell[0][0])
		o->shell[0] = (char *)(uintptr_t) "/bin/sh";
	o->run.argv = o->shell;
	return 0;
}

void options_release(struct options *o)
{
	for (size_t i = 0; i < o->nmade; i++)
		free(o->made[i]);
	free(o->made);
	free(o->mounts);
	free(o->servers);
	free(o->nets);
	families_free(o->families);
	free(o->net_families);
	free(o->cows);
	rootfs_release(&o->image);
}

void options_help(void)
{
	fputs(help_text, stdout);
}
