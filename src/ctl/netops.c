/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The networks of a view, as umctl net asks for them. */
#include <fcntl.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/ops.h"
#include "engine/engine.h"
#include "net/spec.h"
#include "sys/net/networks.h"

#define NAME_BYTES 32

static void add_counter(struct json_object *o, const char *key, unsigned long long value)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)value));
}

/* A line of /proc/net/dev. */
static struct json_object *interface_object(const char *line)
{
	struct json_object *o;
	unsigned long long v[16];
	char name[64];
	int n = sscanf(line,
		" %63[^:]: %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu", name,
		&v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9], &v[10],
		&v[11]);

	if (n != 13)
		return NULL;
	o = json_object_new_object();
	json_object_object_add(o, "name", json_text(name));
	add_counter(o, "rx_bytes", v[0]);
	add_counter(o, "rx_packets", v[1]);
	add_counter(o, "rx_errors", v[2]);
	add_counter(o, "rx_dropped", v[3]);
	add_counter(o, "tx_bytes", v[8]);
	add_counter(o, "tx_packets", v[9]);
	add_counter(o, "tx_errors", v[10]);
	add_counter(o, "tx_dropped", v[11]);
	return o;
}

static struct json_object *interfaces(struct net *n)
{
	struct json_object *list = json_object_new_array(), *o;
	_cleanup_fd_ int fd = net_open(n, "/proc/self/net/dev", O_RDONLY);
	_cleanup_free_ char *line = NULL;
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	size_t size = 0;

	if (!in)
		return list;
	fd = -1; /* which in has now */
	while (getline(&line, &size, in) > 0) {
		o = interface_object(line);
		if (o)
			json_object_array_add(list, o);
	}
	fclose(in);
	return list;
}

static void add_network(const struct network_info *i, void *arg)
{
	struct json_object *o = json_object_new_object();

	if (i->name)
		json_object_object_add(o, "name", json_text(i->name));
	json_object_object_add(o, "number", json_object_new_int((int)i->number));
	json_object_object_add(o, "links", json_text(net_text(i->net)));
	add_counter(o, "namespace", net_ino(i->net));
	json_object_object_add(o, "processes", json_object_new_int((int)i->processes));
	json_object_object_add(o, "interfaces", interfaces(i->net));
	json_object_array_add(arg, o);
}

struct json_object *ctl_networks(struct um *um)
{
	struct json_object *list = json_object_new_array();

	(void)!networks_each(um, add_network, list); /* out of memory: it is empty */
	return list;
}

struct json_object *op_net_ls(struct um *um, UNUSED struct json_object *rq)
{
	struct json_object *o = ops_success();

	json_object_object_add(o, "networks", ctl_networks(um));
	return o;
}

static struct json_object *no_network(const char *name)
{
	return ctl_failure(
		-ENOENT, "there is no network %s in this view (umctl net ls lists them)", name);
}

static bool valid_name(const char *name)
{
	return *name && *name != '-' && strlen(name) < NAME_BYTES &&
	       name[strspn(name,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] ==
		       '\0';
}

struct json_object *op_net_add(struct um *um, struct json_object *rq)
{
	const char *name = ops_text(rq, "name");
	struct json_object *links = NULL;
	_cleanup_free_ char *message = NULL;
	char *specs[NET_MAX_LINKS + 1] = { 0 };
	size_t n;
	int r;

	if (!name || !json_object_object_get_ex(rq, "links", &links) ||
		!json_object_is_type(links, json_type_array))
		return ctl_failure(-EINVAL,
			"net-add needs \"name\" and \"links\", an array of what --net takes");
	n = json_object_array_length(links);
	if (n == 0 || n > NET_MAX_LINKS)
		return ctl_failure(
			-EINVAL, "a network has 1 to %d links, not %zu", NET_MAX_LINKS, n);
	if (!valid_name(name))
		return ctl_failure(-EINVAL,
			"%s: the name of a network is made of letters, digits and \"_.-\", %d at "
			"most",
			name, NAME_BYTES - 1);
	for (size_t i = 0; i < n; i++)
		specs[i] = (char *)(uintptr_t)json_object_get_string(
			json_object_array_get_idx(links, i));
	for (size_t i = 0; i < n; i++) {
		if (!specs[i])
			return ctl_failure(-EINVAL, "\"links\" is an array of texts");
	}
	r = network_add(um, name, specs, &message);
	if (r == -EEXIST)
		return ctl_failure(r,
			"there is a network %s already: umctl net rm %s, or another name", name,
			name);
	if (r < 0)
		return ctl_failure(r, "network %s: %s", name, message ? message : strerror(-r));
	return ops_success();
}

struct json_object *op_net_rm(struct um *um, struct json_object *rq)
{
	const char *name = ops_text(rq, "name");
	pid_t pid = 0;
	int r = name ? network_remove(um, name, &pid) : -EINVAL;

	if (r == -EINVAL)
		return ctl_failure(r, "net-rm needs \"name\"");
	if (r == -ENOENT && strcmp(name, NETWORK_OWN) == 0)
		return ctl_failure(-EBUSY, "the view's own network lasts as long as the view");
	if (r == -ENOENT)
		return no_network(name);
	if (r == -EBUSY)
		return ctl_failure(
			r, "network %s is in use, by process %d: end that first", name, (int)pid);
	return ops_success();
}

/* A process of the view goes there, and what it starts. */
struct json_object *op_net_use(struct um *um, struct json_object *rq)
{
	const char *name = ops_text(rq, "name");
	struct json_object *process = NULL;
	pid_t pid =
		json_object_object_get_ex(rq, "pid", &process) ? json_object_get_int(process) : 0;
	int r;

	if (!name)
		return ctl_failure(-EINVAL, "net-use needs \"name\" and \"pid\"");
	if (pid <= 0 || !task_is_ours(pid))
		return ctl_failure(
			-EPERM, "umctl net use starts a command within the view: run it there");
	r = network_use(um, name, pid);
	if (r == -ENOENT)
		return no_network(name);
	return r < 0 ? ctl_failure(r, "network %s: %s", name, strerror(-r)) : ops_success();
}

struct json_object *op_net_capture(struct um *um, struct json_object *rq, int *ret_fd)
{
	const char *name = ops_text(rq, "name");
	_cleanup_net_ struct net *n = NULL;
	int r = name ? network_find(um, name, &n) : -EINVAL;

	if (r == -EINVAL)
		return ctl_failure(r, "net-capture needs \"name\"");
	if (r < 0)
		return no_network(name);
	if (!n)
		return ctl_failure(-EPERM,
			"this view is in the host's network, which is not its own to capture");
	r = net_socket(n, AF_PACKET, SOCK_RAW, htons(ETH_P_ALL), false);
	if (r < 0)
		return ctl_failure(r, "network %s cannot be captured: %s", name, strerror(-r));
	*ret_fd = r;
	return ops_success();
}
