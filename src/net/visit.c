/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/visit.h"

#include <assert.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

/* What the name says, as digits: other bytes would be read by who reads /proc/net/unix. */
struct words {
	uint64_t number;
	uint8_t local[16], peer[16];
	uint16_t local_port, peer_port, family, scope;
};

#define DIGITS (2 * sizeof(struct words))
#define NAME_LEN (offsetof(struct sockaddr_un, sun_path) + 1 + DIGITS)
static_assert(1 + DIGITS <= sizeof(((struct sockaddr_un *)0)->sun_path), "it is a name");

socklen_t visit_address_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static void put_address(
	const struct sockaddr_storage *a, uint8_t ret[16], uint16_t *ret_port, uint16_t *scope)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;

	if (a->ss_family == AF_INET) {
		memcpy(ret, &v4->sin_addr, sizeof(v4->sin_addr));
		*ret_port = v4->sin_port;
		return;
	}
	memcpy(ret, &v6->sin6_addr, sizeof(v6->sin6_addr));
	*ret_port = v6->sin6_port;
	if (v6->sin6_scope_id)
		*scope = (uint16_t)v6->sin6_scope_id;
}

static void get_address(
	const struct words *w, const uint8_t from[16], uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	*ret = (struct sockaddr_storage){ .ss_family = (sa_family_t)w->family };
	if (w->family == AF_INET) {
		memcpy(&v4->sin_addr, from, sizeof(v4->sin_addr));
		v4->sin_port = port;
		return;
	}
	memcpy(&v6->sin6_addr, from, sizeof(v6->sin6_addr));
	v6->sin6_port = port;
	if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
		v6->sin6_scope_id = w->scope;
}

socklen_t visit_name(const struct visit *v, struct sockaddr_un *ret)
{
	static const char digits[] = "0123456789abcdef";
	struct words w = { .number = v->number, .family = v->local.ss_family };
	const uint8_t *bytes = (const uint8_t *)&w;

	put_address(&v->local, w.local, &w.local_port, &w.scope);
	put_address(&v->peer, w.peer, &w.peer_port, &w.scope);
	ret->sun_family = AF_UNIX;
	ret->sun_path[0] = '\0';
	for (size_t i = 0; i < DIGITS; i++)
		ret->sun_path[1 + i] = digits[i & 1 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
	return NAME_LEN;
}

bool visit_of_name(const struct sockaddr_un *name, socklen_t len, struct visit *ret)
{
	struct words w;
	uint8_t *bytes = (uint8_t *)&w;

	if (len != NAME_LEN || name->sun_family != AF_UNIX || name->sun_path[0])
		return false;
	for (size_t i = 0; i < DIGITS; i++) {
		const int value = hex_digit(name->sun_path[1 + i]);

		if (value < 0)
			return false;
		bytes[i / 2] = (uint8_t)(i & 1 ? bytes[i / 2] | value : value << 4);
	}
	if (w.family != AF_INET && w.family != AF_INET6)
		return false;
	ret->number = w.number;
	get_address(&w, w.local, w.local_port, &ret->local);
	get_address(&w, w.peer, w.peer_port, &ret->peer);
	return true;
}

bool visit_of_socket(int fd, struct visit *ret)
{
	struct sockaddr_un name;
	socklen_t len = sizeof(name);

	return getpeername(fd, (struct sockaddr *)&name, &len) == 0 &&
	       visit_of_name(&name, len, ret);
}
