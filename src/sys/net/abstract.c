/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/net/abstract.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "sys/net/networks.h"

/*
 * Theory of operation. A name becomes PREFIX/NAME. One that leaves no room for that is mostly one
 * of which the whole struct is said to be the name (bind(2) with sizeof(struct sockaddr_un)), NULs
 * at its end: it becomes PREFIX:NNN/NAME, without so many of them.
 */
#define BEGIN (offsetof(struct sockaddr_un, sun_path) + 1) /* of the name, behind the NUL */

/* The id of the network's process is in it: no other network has it. 0: names are not its own. */
static size_t prefix(struct call *c, char ret[32])
{
	_cleanup_net_ struct net *n = NULL;

	if (!networks_any_stack(c->um) || network_of(c->um, c->tid, &n) < 0 || !n ||
		net_stack(n) != NET_STACK_LWIP || !net_abstract_private(n))
		return 0;
	return (size_t)snprintf(ret, 32, "umview-%d", (int)net_pid(n));
}

bool abstract_names(struct call *c)
{
	char word[32];

	return prefix(c, word) > 0;
}

/* Is it a real name, of len bytes with all? Then how long what was put before it is, and how many
 * NULs are not told; else 0. */
static size_t is_real(
	const struct sockaddr_un *sun, size_t len, const char *word, size_t n, unsigned *ret_nuls)
{
	const char *p = sun->sun_path + 1 + n;

	*ret_nuls = 0;
	if (len <= BEGIN + n || memcmp(sun->sun_path + 1, word, n) != 0)
		return 0;
	if (*p == '/')
		return n + 1;
	return len >= BEGIN + n + 5 && sscanf(p, ":%3u/", ret_nuls) == 1 ? n + 5 : 0;
}

/* 1 or -EINVAL. */
static int make_real(const struct sockaddr_un *sun, size_t len, char *word, struct sockaddr_un *ret,
	socklen_t *ret_len)
{
	const size_t n = strlen(word);
	unsigned nuls = 0;

	if (len + n + 1 <= sizeof(*sun)) {
		word[n] = '/';
		word[n + 1] = '\0';
	} else {
		while (len > BEGIN && !((const char *)sun)[len - 1]) {
			len--;
			nuls++;
		}
		snprintf(word + n, 8, ":%03u/", nuls);
	}
	if (len + strlen(word) > sizeof(*ret))
		return -EINVAL;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path + 1, word, strlen(word));
	memcpy(ret->sun_path + 1 + strlen(word), sun->sun_path + 1, len - BEGIN);
	*ret_len = (socklen_t)(len + strlen(word));
	return 1;
}

int abstract_read(struct call *c, gaddr_t addr, uint64_t len, bool choose, struct sockaddr_un *ret,
	socklen_t *ret_len)
{
	struct sockaddr_un sun = { 0 };
	char word[48];
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
	if (is_real(&sun, len, word, n, &number)) {
		*ret = sun;
		*ret_len = (socklen_t)len;
		return 1;
	}
	return make_real(&sun, len, word, ret, ret_len);
}

bool abstract_strip(struct call *c, struct sockaddr_un *name, socklen_t *len)
{
	char word[32];
	const size_t n = prefix(c, word);
	unsigned nuls;
	size_t before, left;

	if (!n || name->sun_family != AF_UNIX || name->sun_path[0])
		return false;
	before = is_real(name, *len, word, n, &nuls);
	if (!before)
		return false;
	left = *len - BEGIN - before;
	if (nuls > sizeof(*name) - BEGIN - left)
		return false;
	memmove(name->sun_path + 1, name->sun_path + 1 + before, left);
	memset(name->sun_path + 1 + left, 0, sizeof(*name) - BEGIN - left);
	*len = (socklen_t)(BEGIN + left + nuls);
	return true;
}
