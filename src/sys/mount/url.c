/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sources that are URLs (RFC 3986), taken apart for the commands of servers. */
#include <ctype.h>
#include <string.h>

#include "sys/mount/internal.h"

void url_release(struct url *u)
{
	free(u->scheme);
	free(u->user);
	free(u->authority);
	free(u->host);
	free(u->port);
	free(u->path);
	*u = (struct url){ 0 };
}

/* SCHEME of "SCHEME://...": how long it is, 0: it is none. */
static size_t scheme_len(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || (n && s[n] && strchr("+-.", s[n])))
		n++;
	return isalpha((unsigned char)s[0]) && strncmp(s + n, "://", 3) == 0 ? n : 0;
}

int url_parse(const char *s, struct url *ret)
{
	size_t n = scheme_len(s), len;
	const char *host, *path, *at, *colon;
	struct url u = { 0 };

	if (!n)
		return -EINVAL;
	host = s + n + 3;
	len = strcspn(host, "/?#");
	path = host + len;
	at = memrchr(host, '@', len);
	u.scheme = strndup(s, n);
	u.user = strndup(host, at ? (size_t)(at - host) + 1 : 0);
	if (at) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	u.authority = strndup(host, len);
	/* the colons of an address are in brackets */
	colon = memrchr(host, ':', len);
	if (colon && memchr(colon, ']', (size_t)(host + len - colon)))
		colon = NULL;
	u.host = strndup(host, colon ? (size_t)(colon - host) : len);
	u.port = colon ? strndup(colon + 1, (size_t)(host + len - colon - 1)) : strdup("");
	/* "/~/" is the home folder, as curl has it */
	u.path = strdup(strncmp(path, "/~/", 3) == 0 ? path + 3 : path);
	if (!u.scheme || !u.user || !u.authority || !u.host || !u.port || !u.path) {
		url_release(&u);
		return -ENOMEM;
	}
	*ret = u;
	return 0;
}
