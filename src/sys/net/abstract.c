/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/net/abstract.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "sys/net/networks.h"

#define BEGIN (offsetof(struct sockaddr_un, sun_path) + 1) /* of the name, behind the NUL */

/* The id of the network's process is in it: no other network has it. 0: names are not its own. */
static size_t prefix(struct call *c, char ret[32])
{
	_cleanup_net_ struct net *n = NULL;

	if (!networks_any_stack(c->um) || network_of(c->um, c->tid, &n) < 0 || !n ||
		net_stack(n) != NET_STACK_LWIP || !net_abstract_private(n))
		return 0;
	return (size_t)snprintf(ret, 32, "umview-%d/", (int)net_pid(n));
}

bool abstract_names(struct call *c)
{
	char word[32];

	return prefix(c, word) > 0;
}

int abstract_read(struct call *c, gaddr_t addr, uint64_t len, bool choose, struct sockaddr_un *ret,
	socklen_t *ret_len)
{
	struct sockaddr_un sun = { 0 };
	char word[32];
	size_t n;
	unsigned number = 0;
	int r;

	if (!addr.v || len < sizeof(sun.sun_family) || len > sizeof(sun))
		return 0;
	n = prefix(c, word);
	if (!n)
		return 0;
	r = guest_read(c, addr, &sun, len);
	if (r < 0)
		return r;
	if (sun.sun_family != AF_UNIX ||
		(len > sizeof(sun.sun_family) ? sun.sun_path[0] != '\0' : !choose))
		return 0;
	if (len == sizeof(sun.sun_family)) { /* as the kernel chooses: five digits */
		if (getrandom(&number, sizeof(number), 0) < 0)
			return -EAGAIN;
		len = BEGIN + (size_t)snprintf(sun.sun_path + 1, 8, "%05x", number & 0xfffff);
	}
	/* one that a peer was told as it really is */
	if (len >= BEGIN + n && memcmp(sun.sun_path + 1, word, n) == 0) {
		*ret = sun;
		*ret_len = (socklen_t)len;
		return 1;
	}
	if (len + n > sizeof(sun))
		return -EINVAL;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path + 1, word, n);
	memcpy(ret->sun_path + 1 + n, sun.sun_path + 1, len - BEGIN);
	*ret_len = (socklen_t)(len + n);
	return 1;
}

bool abstract_strip(struct call *c, struct sockaddr_un *name, socklen_t *len)
{
	char word[32];
	const size_t n = prefix(c, word);

	if (!n || *len < BEGIN + n || name->sun_family != AF_UNIX || name->sun_path[0] ||
		memcmp(name->sun_path + 1, word, n) != 0)
		return false;
	memmove(name->sun_path + 1, name->sun_path + 1 + n, *len - BEGIN - n);
	*len -= (socklen_t)n;
	return true;
}
