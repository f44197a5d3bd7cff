/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What --net asks for: LINK[=WHERE][,OPTION...], one interface of the view's network.
 */
#ifndef UM_NET_SPEC_H
#define UM_NET_SPEC_H

#include <net/if.h>
#include <netinet/in.h>

#include "base/util.h"

enum net_link_kind {
	NET_NONE,  /* loopback alone */
	NET_SLIRP, /* through the user's own sockets (libslirp) */
	NET_VDE,   /* a switch, or any URL of libvdeplug */
	NET_TAP,   /* a tap interface of the host that the user may use */
	NET_PAIR,  /* a wire with other views of the user */
};

/* Whose sockets the view's are. */
enum net_stack {
	NET_STACK_AUTO, /* the kernel's where it lets users have network namespaces, else lwIP's */
	NET_STACK_KERNEL,
	NET_STACK_LWIP, /* of a process (liblwip), without any namespace */
};

#define NET_MAX_ADDRS 8
#define NET_MAX_PORTS 32
#define NET_MAX_LINKS 8

/* An address, as in 10.0.0.7/24. */
struct net_addr {
	int family; /* AF_INET, AF_INET6 */
	int prefix; /* bits of the network; -1 where none was said */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
};

/* A port of the host that leads into the view. */
struct net_port {
	struct net_addr host;
	uint16_t host_port, port; /* in host byte order */
	bool udp;
};

/* What happens to frames of each direction: in millionths. */
struct net_impair {
	uint32_t loss, dup, reorder;
	uint64_t delay_ns;
	uint32_t seed;
};

struct net_spec {
	enum net_link_kind link;
	enum net_stack stack;
	char where[256];     /* what follows "=": a URL, the name of a tap or of a wire */
	char name[IFNAMSIZ]; /* of the interface in the view */
	struct net_addr ip[NET_MAX_ADDRS], gateway[NET_MAX_ADDRS], dns[NET_MAX_ADDRS];
	size_t nip, ngateway, ndns;
	struct net_port port[NET_MAX_PORTS];
	size_t nports;
	uint8_t mac[6];
	bool has_mac;
	unsigned mtu; /* 0: the link's own */
	struct net_impair impair;
	bool dhcp;	       /* the address is asked for on the wire */
	bool restricted;       /* slirp: nothing but the published ports */
	bool abstract_private; /* abstract AF_UNIX names are the view's own */
};

/* Parses; index numbers the interface (eth0, eth1 ...). 0; or -EINVAL and *ret_message (malloc'ed):
 * what is wrong and what can be said instead. */
int MUST_CHECK net_spec_parse(
	const char *text, int index, struct net_spec *ret, char **ret_message);

/* The first address of that family that ip= said, or NULL. */
const struct net_addr *net_spec_ip(const struct net_spec *s, int family);

/* Of a prefix of IPv4, in network order. */
static inline uint32_t net_prefix_mask(int prefix)
{
	return prefix > 0 ? htonl(~0u << (32 - prefix)) : 0;
}

/* Is the wire to be a bad one? */
static inline bool net_spec_impaired(const struct net_spec *s)
{
	return s->impair.loss || s->impair.dup || s->impair.reorder || s->impair.delay_ns;
}

/* An address of option ip or gw could not be had: says so, and hands the error on. */
int net_spec_refused(const struct net_spec *s, const char *option, const struct net_addr *a, int r,
	char **ret_message);

/* What the view's resolv.conf says, malloc'ed, "" where the host's holds; NULL: out of memory. */
char *net_spec_resolv(const struct net_spec *s);

/* The addresses of slirp's own network, which follow from ip= where it is given: .2 is the host, .3
 * its name server, .15 the view. */
struct net_slirp {
	struct in_addr net, mask, host, dns, guest;
	int prefix;
	struct in6_addr net6, host6, dns6, guest6;
	uint8_t mac[6]; /* of the host, by IPv4: libslirp's */
};
void net_spec_slirp(const struct net_spec *s, struct net_slirp *ret);

#endif
