/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/spec.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define MTU_MIN 68
#define MTU_MAX 65521
#define MTU_IPV6 1280 /* RFC 8200 */
#define SLIRP_PREFIX_MAX 28
#define DELAY_MAX_NS 10e9

static const struct {
	const char *name;
	enum net_link_kind kind;
	bool needs_where;
} links[] = {
	{ "none", NET_NONE, false },
	{ "slirp", NET_SLIRP, false },
	{ "vde", NET_VDE, true },
	{ "tap", NET_TAP, true },
	{ "pair", NET_PAIR, true },
};

static int parse_addr(const char *text, bool with_prefix, struct net_addr *ret)
{
	char buf[INET6_ADDRSTRLEN + 8], *slash, *end;
	int max;

	if (strlen(text) >= sizeof(buf))
		return -EINVAL;
	strcpy(buf, text);
	slash = strchr(buf, '/');
	if (slash && !with_prefix)
		return -EINVAL;
	if (slash)
		*slash++ = '\0';
	*ret = (struct net_addr){ .prefix = -1 };
	if (inet_pton(AF_INET, buf, &ret->v4) == 1)
		ret->family = AF_INET;
	else if (inet_pton(AF_INET6, buf, &ret->v6) == 1)
		ret->family = AF_INET6;
	else
		return -EINVAL;
	if (!slash)
		return 0;
	max = ret->family == AF_INET ? 32 : 128;
	ret->prefix = (int)strtol(slash, &end, 10);
	return *slash && !*end && ret->prefix >= 0 && ret->prefix <= max ? 0 : -EINVAL;
}

static int add_addr(const char *text, bool with_prefix, struct net_addr list[], size_t *n)
{
	int r;

	if (*n >= NET_MAX_ADDRS)
		return -E2BIG;
	r = parse_addr(text, with_prefix, &list[*n]);
	if (r == 0)
		(*n)++;
	return r;
}

/* May a host have it? */
static bool is_a_hosts(const struct net_addr *a)
{
	if (a->family == AF_INET)
		return a->v4.s_addr != INADDR_ANY && a->v4.s_addr != INADDR_BROADCAST &&
		       !IN_MULTICAST(ntohl(a->v4.s_addr));
	return !IN6_IS_ADDR_UNSPECIFIED(&a->v6) && !IN6_IS_ADDR_MULTICAST(&a->v6);
}

static int parse_port(const char *text, uint16_t *ret)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (!*text || *end || n < 1 || n > 65535)
		return -EINVAL;
	*ret = (uint16_t)n;
	return 0;
}

/* [ADDRESS:]HOSTPORT:PORT[/tcp|/udp], an IPv6 address in brackets. */
static int parse_publish(const char *value, struct net_spec *s)
{
	struct net_port *p = &s->port[s->nports];
	char buf[128], *at = buf, *colon, *slash;

	if (s->nports >= NET_MAX_PORTS || strlen(value) >= sizeof(buf))
		return -E2BIG;
	strcpy(buf, value);
	*p = (struct net_port){ .host = {
					.family = AF_INET, .v4.s_addr = htonl(INADDR_LOOPBACK) } };
	slash = strrchr(at, '/');
	if (slash) {
		*slash++ = '\0';
		p->udp = strcmp(slash, "udp") == 0;
		if (!p->udp && strcmp(slash, "tcp") != 0)
			return -EINVAL;
	}
	colon = strrchr(at, ':');
	if (!colon || parse_port(colon + 1, &p->port) < 0)
		return -EINVAL;
	*colon = '\0';
	colon = strrchr(at, ':');
	if (colon) {
		size_t n = (size_t)(colon - at);

		*colon = '\0';
		if (n > 1 && at[0] == '[' && at[n - 1] == ']') {
			at[n - 1] = '\0';
			at++;
		}
		if (parse_addr(at, false, &p->host) < 0)
			return -EINVAL;
		at = colon + 1;
	}
	if (parse_port(at, &p->host_port) < 0)
		return -EINVAL;
	s->nports++;
	return 0;
}

static int parse_mac(const char *value, struct net_spec *s)
{
	unsigned b[6];
	int n = 0;

	if (sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		    &n) != 6 ||
		value[n] || (b[0] & 1))
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		s->mac[i] = (uint8_t)b[i];
	s->has_mac = true;
	return 0;
}

static int parse_mtu(const char *value, struct net_spec *s)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (*end || n < MTU_MIN || n > MTU_MAX)
		return -EINVAL;
	s->mtu = (unsigned)n;
	return 0;
}

/* "5%", "0.5": in millionths. */
static int parse_share(const char *value, uint32_t *ret)
{
	char *end;
	double n = strtod(value, &end);

	if (end == value || (*end && strcmp(end, "%") != 0) || !(n >= 0 && n <= 100))
		return -EINVAL;
	*ret = (uint32_t)(n * 10000 + 0.5);
	return 0;
}

/* "10", "10ms", "500us", "1s" */
static int parse_delay(const char *value, uint64_t *ret)
{
	char *end;
	double n = strtod(value, &end);
	double ns = !*end || strcmp(end, "ms") == 0 ? 1e6
		    : strcmp(end, "us") == 0	    ? 1e3
		    : strcmp(end, "s") == 0	    ? 1e9
						    : 0;

	if (end == value || ns == 0 || !(n >= 0 && n * ns <= DELAY_MAX_NS))
		return -EINVAL;
	*ret = (uint64_t)(n * ns);
	return 0;
}

/* The options of a bad wire; -ENOENT: it is none. */
static int parse_impair(const char *key, const char *value, struct net_spec *s, const char **hint)
{
	struct net_impair *i = &s->impair;
	bool frames = s->link == NET_PAIR || s->link == NET_VDE || s->link == NET_TAP;
	char *end;
	int r;

	*hint = "of pair, vde and tap: how many of a hundred frames, as loss=5% or dup=0.5%";
	if (strcmp(key, "loss") == 0)
		r = parse_share(value, &i->loss);
	else if (strcmp(key, "dup") == 0)
		r = parse_share(value, &i->dup);
	else if (strcmp(key, "reorder") == 0)
		r = parse_share(value, &i->reorder);
	else if (strcmp(key, "delay") == 0) {
		*hint = "of pair, vde and tap: a time of at most 10 s, as delay=10ms";
		r = parse_delay(value, &i->delay_ns);
	} else if (strcmp(key, "seed") == 0) {
		*hint = "a number, with which the same frames are lost again";
		i->seed = (uint32_t)strtoul(value, &end, 10);
		r = *value && !*end ? 0 : -EINVAL;
	} else {
		return -ENOENT;
	}
	return r == 0 && frames ? 0 : -EINVAL;
}

static bool valid_name(const char *name)
{
	return *name && strlen(name) < IFNAMSIZ && !strpbrk(name, "/: \t\n") &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "lo") != 0;
}

/* One KEY=VALUE (value "" for a mere word). *hint: what it must look like. */
static int parse_option(const char *key, const char *value, struct net_spec *s, const char **hint)
{
	int r;

	if (strcmp(key, "ip") == 0) {
		*hint = "an address of a host and its prefix, as ip=10.0.0.7/24 or ip=fd00::7/64";
		return add_addr(value, true, s->ip, &s->nip) < 0 || s->ip[s->nip - 1].prefix < 0 ||
				       !is_a_hosts(&s->ip[s->nip - 1])
			       ? -EINVAL
			       : 0;
	}
	if (strcmp(key, "gw") == 0) {
		*hint = "an address, as gw=10.0.0.1";
		return add_addr(value, false, s->gateway, &s->ngateway);
	}
	if (strcmp(key, "dns") == 0) {
		*hint = "the address of a name server, as dns=10.0.0.1";
		return add_addr(value, false, s->dns, &s->ndns);
	}
	if (strcmp(key, "publish") == 0) {
		*hint = "slirp's [ADDRESS:]HOSTPORT:PORT[/udp], as publish=8080:80 or "
			"publish=[::1]:2222:22";
		return s->link == NET_SLIRP ? parse_publish(value, s) : -EINVAL;
	}
	if (strcmp(key, "mac") == 0) {
		*hint = "six bytes of a single station, as mac=52:54:00:12:34:56";
		return parse_mac(value, s);
	}
	if (strcmp(key, "mtu") == 0) {
		*hint = "a number from 68 to 65521";
		return parse_mtu(value, s);
	}
	if (strcmp(key, "name") == 0) {
		*hint = "the name of an interface, of at most 15 characters";
		if (!valid_name(value))
			return -EINVAL;
		strcpy(s->name, value);
		return 0;
	}
	if (strcmp(key, "restrict") == 0) {
		*hint = "an option of slirp, without a value";
		s->restricted = true;
		return s->link == NET_SLIRP && !*value ? 0 : -EINVAL;
	}
	if (strcmp(key, "dhcp") == 0) {
		*hint = "of a link, slirp's being what its own server says anyway, and has no "
			"value";
		s->dhcp = s->link != NET_SLIRP;
		return s->link != NET_NONE && !*value ? 0 : -EINVAL;
	}
	if (strcmp(key, "abstract") == 0) {
		*hint = "private or shared";
		s->abstract_private = strcmp(value, "private") == 0;
		return s->abstract_private || strcmp(value, "shared") == 0 ? 0 : -EINVAL;
	}
	if (strcmp(key, "stack") == 0) {
		*hint = "kernel or lwip";
		s->stack = strcmp(value, "lwip") == 0 ? NET_STACK_LWIP : NET_STACK_KERNEL;
		return s->stack == NET_STACK_LWIP || strcmp(value, "kernel") == 0 ? 0 : -EINVAL;
	}
	r = parse_impair(key, value, s, hint);
	if (r == -ENOENT)
		*hint = NULL;
	return r;
}

static int parse_link(char *word, struct net_spec *s, char **ret_message)
{
	char *where = strchr(word, '=');

	if (where)
		*where++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		if (strcmp(links[i].name, word) != 0)
			continue;
		s->link = links[i].kind;
		if (links[i].needs_where == (where && *where) &&
			(!where || strlen(where) < sizeof(s->where))) {
			strcpy(s->where, where ? where : "");
			return 0;
		}
		*ret_message =
			str_printf(!links[i].needs_where ? "--net %s: it is %s alone, without \"=\""
				   : where && *where	 ? "--net %s: what follows %s= is too long"
							 : "--net %s: say which, as %s=NAME",
				word, word);
		return -EINVAL;
	}
	*ret_message =
		str_printf("--net %s: no such link; there are none, slirp, vde=URL, tap=NAME and "
			   "pair=NAME",
			word);
	return -EINVAL;
}

static bool needs_interface(const char *option)
{
	return strcmp(option, "abstract") != 0 && strcmp(option, "stack") != 0 &&
	       strcmp(option, "dns") != 0;
}

/* What may be said word by word, and not together. */
static int check_whole(const char *text, const struct net_spec *s, char **ret_message)
{
	const struct net_addr *v4 = net_spec_ip(s, AF_INET);
	struct net_slirp slirp;

	if (s->mtu && s->mtu < MTU_IPV6 && net_spec_ip(s, AF_INET6)) {
		*ret_message = str_printf("--net %s: mtu=%u: with an address of IPv6 it is a "
					  "number from %d on",
			text, s->mtu, MTU_IPV6);
		return -EINVAL;
	}
	if (s->link != NET_SLIRP || !v4)
		return 0;
	net_spec_slirp(s, &slirp);
	if (v4->prefix < 1 || v4->prefix > SLIRP_PREFIX_MAX ||
		slirp.guest.s_addr == slirp.host.s_addr || slirp.guest.s_addr == slirp.dns.s_addr) {
		*ret_message =
			str_printf("--net %s: ip=: in slirp's network, of a prefix from 1 to "
				   "%d, the second address is the host and the third its "
				   "name server; the view has another, as ip=10.0.2.15/24",
				text, SLIRP_PREFIX_MAX);
		return -EINVAL;
	}
	return 0;
}

int net_spec_parse(const char *text, int index, struct net_spec *ret, char **ret_message)
{
	_cleanup_free_ char *copy = strdup(text);
	struct net_spec s = { 0 };
	char *save = NULL, *word;
	int r;

	*ret_message = NULL;
	word = copy ? strtok_r(copy, ",", &save) : NULL;
	if (!word) {
		*ret_message = str_printf(
			"--net needs none, slirp, vde=URL, tap=NAME or pair=NAME after it");
		return copy ? -EINVAL : -ENOMEM;
	}
	snprintf(s.name, sizeof(s.name), "eth%d", index);
	r = parse_link(word, &s, ret_message);
	s.abstract_private = r == 0 && s.link == NET_NONE;
	while (r == 0 && (word = strtok_r(NULL, ",", &save))) {
		char *value = strchr(word, '=');
		const char *hint = NULL;

		if (value)
			*value++ = '\0';
		r = parse_option(word, value ? value : "", &s, &hint);
		if (r == 0 && s.link == NET_NONE && needs_interface(word)) {
			r = -EINVAL;
			*ret_message = str_printf(
				"--net %s: %s: none has no interface but the loopback", text, word);
			break;
		}
		if (r < 0)
			*ret_message =
				hint ? str_printf("--net %s: %s%s%s: it is %s", text, word,
					       value ? "=" : "", value ? value : "", hint)
				     : str_printf("--net %s: no option %s; there are ip, "
						  "gw, dns, mac, mtu, "
						  "name, dhcp, publish, restrict, loss, "
						  "delay, reorder, dup, seed, abstract and stack",
					       text, word);
	}
	if (r == 0)
		r = check_whole(text, &s, ret_message);
	if (r < 0)
		return r == -ENOMEM ? r : -EINVAL;
	*ret = s;
	return 0;
}

const struct net_addr *net_spec_ip(const struct net_spec *s, int family)
{
	for (size_t i = 0; i < s->nip; i++) {
		if (s->ip[i].family == family)
			return &s->ip[i];
	}
	return NULL;
}

static struct in_addr host_number(struct in_addr net, uint32_t n)
{
	return (struct in_addr){ .s_addr = net.s_addr | htonl(n) };
}

void net_spec_slirp(const struct net_spec *s, struct net_slirp *ret)
{
	static const char site[] = "fec0::";
	const struct net_addr *v4 = net_spec_ip(s, AF_INET);

	*ret = (struct net_slirp){ .prefix = 24 };
	inet_pton(AF_INET, "10.0.2.15", &ret->guest);
	inet_pton(AF_INET6, site, &ret->net6);
	ret->host6 = ret->dns6 = ret->guest6 = ret->net6;
	ret->host6.s6_addr[15] = 2;
	ret->dns6.s6_addr[15] = 3;
	ret->guest6.s6_addr[15] = 15;
	if (v4) {
		ret->guest = v4->v4;
		ret->prefix = v4->prefix;
	}
	ret->mask.s_addr = net_prefix_mask(ret->prefix);
	ret->net.s_addr = ret->guest.s_addr & ret->mask.s_addr;
	ret->host = host_number(ret->net, 2);
	ret->dns = host_number(ret->net, 3);
	ret->mac[0] = 0x52;
	ret->mac[1] = 0x55;
	memcpy(ret->mac + 2, &ret->host, sizeof(ret->host));
}

int net_spec_refused(const struct net_spec *s, const char *option, const struct net_addr *a, int r,
	char **ret_message)
{
	char text[INET6_ADDRSTRLEN];

	*ret_message = str_printf("--net: %s: %s=%s: %s%s", s->name, option,
		inet_ntop(a->family, &a->v6, text, sizeof(text)), strerror(-r),
		strcmp(option, "gw") == 0 ? "; it is a neighbour, in the network of an address of "
					    "this interface"
					  : "");
	return r;
}

char *net_spec_resolv(const struct net_spec *s)
{
	char *text = strdup(""), addr[INET6_ADDRSTRLEN];
	struct net_slirp slirp;

	if (s->link == NET_SLIRP && s->ndns == 0 && text) {
		free(text);
		net_spec_slirp(s, &slirp);
		return str_printf(
			"nameserver %s\n", inet_ntop(AF_INET, &slirp.dns, addr, sizeof(addr)));
	}
	for (size_t i = 0; i < s->ndns && text; i++) {
		char *more = str_printf("%snameserver %s\n", text,
			inet_ntop(s->dns[i].family, &s->dns[i].v6, addr, sizeof(addr)));

		free(text);
		text = more;
	}
	return text;
}
