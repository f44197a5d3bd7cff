/* SPDX-License-Identifier: GPL-2.0-or-later */
/* umctl net: the networks of a view. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/pcapng.h"
#include "cmd/umctl.h"

static const char usage_text[] =
	"Usage: umctl net ls\n"
	"       umctl net add NAME LINK[,OPTION...]...     as umview --net\n"
	"       umctl net use NAME [--] COMMAND...         in the view: runs it there\n"
	"       umctl net rm NAME\n"
	"       umctl net capture [-c COUNT] NAME FILE     as pcapng, until interrupted or COUNT "
	"frames;\n"
	"                                                  FILE -: standard output\n"
	"The network that the view was started with is called \"default\".\n";

static int usage(const struct options *o, const char *what)
{
	return complain(o, -EINVAL, "net %s: see umctl net --help", what);
}

/* An answer without anything to tell. */
static int done(const struct options *o, struct json_object *answer)
{
	if (!answer)
		return 1;
	if (o->json)
		printf("%s\n", json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	json_object_put(answer);
	return 0;
}

static struct json_object *request(const char *what, const char *name)
{
	struct json_object *rq = json_object_new_object();

	put(rq, "do", what);
	put(rq, "name", name);
	return rq;
}

static int net_ls(const struct options *o)
{
	struct json_object *answer = view_ask(o, request("net-ls", NULL), NULL);

	if (answer && !o->json)
		show_networks(answer);
	if (answer && !o->json) {
		json_object_put(answer);
		return 0;
	}
	return done(o, answer);
}

static int net_add(const struct options *o, int argc, char **argv)
{
	struct json_object *rq, *links = json_object_new_array();

	if (argc < 2) {
		json_object_put(links);
		return usage(o, "add needs a name and a link");
	}
	rq = request("net-add", argv[0]);
	for (int i = 1; i < argc; i++)
		json_object_array_add(links, json_text(argv[i]));
	json_object_object_add(rq, "links", links);
	return done(o, view_ask(o, rq, NULL));
}

static int net_use(const struct options *o, int argc, char **argv)
{
	struct json_object *rq, *answer;
	int skip = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;

	if (argc <= skip)
		return usage(o, "use needs a name and a command");
	rq = request("net-use", argv[0]);
	json_object_object_add(rq, "pid", json_object_new_int(getpid()));
	answer = view_ask(o, rq, NULL);
	if (!answer)
		return 125;
	json_object_put(answer);
	execvp(argv[skip], argv + skip);
	complain(o, -errno, "%s: %s", argv[skip], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}

static int net_capture(const struct options *o, int argc, char **argv)
{
	_cleanup_fd_ int packets = -1;
	unsigned long count = 0;
	struct json_object *answer;
	char *end = NULL;
	int r;

	if (argc > 1 && strcmp(argv[0], "-c") == 0) {
		count = strtoul(argv[1], &end, 10);
		if (*end || count == 0)
			return usage(o, "capture: -c needs a number of frames");
		argc -= 2;
		argv += 2;
	}
	if (argc != 2)
		return usage(o, "capture needs a name and a file");
	answer = view_ask(o, request("net-capture", argv[0]), &packets);
	if (!answer)
		return 1;
	json_object_put(answer);
	if (packets < 0)
		return complain(o, -EPROTO, "the view sent no socket");
	r = pcapng_capture(packets, argv[1], count);
	return r < 0 ? complain(o, r, "%s: %s", argv[1], strerror(-r)) : 0;
}

int cmd_net(const struct options *o, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0) {
		fputs(usage_text, stdout);
		return 0;
	}
	if (strcmp(what, "ls") == 0 && argc == 2)
		return net_ls(o);
	if (strcmp(what, "add") == 0)
		return net_add(o, argc - 2, argv + 2);
	if (strcmp(what, "use") == 0)
		return net_use(o, argc - 2, argv + 2);
	if (strcmp(what, "rm") == 0 && argc == 3)
		return done(o, view_ask(o, request("net-rm", argv[2]), NULL));
	if (strcmp(what, "capture") == 0)
		return net_capture(o, argc - 2, argv + 2);
	return usage(o, "ls, add, use, rm or capture");
}
