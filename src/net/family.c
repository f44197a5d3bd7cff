/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/family.h"

#include <string.h>
#include <sys/socket.h>

#define FAMILIES_MAX 256
#define OTHER (-1) /* those that are not named, and that a network of the view has not itself */

struct entry {
	bool said;
	enum family_who who;
	char *name;
};

struct families {
	struct entry v[FAMILIES_MAX], other;
};

static const struct {
	const char *name;
	int family;
} names[] = {
	{ "unix", AF_UNIX },
	{ "inet", AF_INET },
	{ "inet6", AF_INET6 },
	{ "netlink", AF_NETLINK },
	{ "packet", AF_PACKET },
	{ "alg", AF_ALG },
	{ "vsock", AF_VSOCK },
	{ "can", AF_CAN },
	{ "bluetooth", AF_BLUETOOTH },
	{ "tipc", AF_TIPC },
	{ "xdp", AF_XDP },
	{ "rds", AF_RDS },
	{ "smc", AF_SMC },
	{ "qipcrtr", AF_QIPCRTR },
	{ "key", AF_KEY },
	{ "x25", AF_X25 },
	{ "ax25", AF_AX25 },
	{ "appletalk", AF_APPLETALK },
	{ "llc", AF_LLC },
	{ "phonet", AF_PHONET },
	{ "kcm", AF_KCM },
	{ "other", OTHER },
};

/* Its number, OTHER, or -EINVAL. */
static int family_number(const char *name)
{
	char *end;
	long n;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i].name, name) == 0)
			return names[i].family;
	}
	n = strtol(name, &end, 10);
	return *name && !*end && n > 0 && n < FAMILIES_MAX ? (int)n : -EINVAL;
}

static int set_entry(struct families *f, int family, const char *who)
{
	struct entry *e = family == OTHER ? &f->other : &f->v[family];

	free(take_ptr(&e->name));
	e->said = true;
	e->who = strcmp(who, "none") == 0   ? FAMILY_NONE
		 : strcmp(who, "host") == 0 ? FAMILY_HOST
		 : strcmp(who, "view") == 0 ? FAMILY_VIEW
					    : FAMILY_NET;
	if (e->who != FAMILY_NET)
		return 0;
	e->name = strdup(who);
	return e->name ? 0 : -ENOMEM;
}

int families_parse(struct families **f, const char *text, char **ret_message)
{
	_cleanup_free_ char *copy = strdup(text);
	char *save = NULL;
	int r = 0, n = 0;

	*ret_message = NULL;
	if (!*f)
		*f = calloc(1, sizeof(**f));
	if (!*f || !copy)
		return -ENOMEM;
	for (char *word = strtok_r(copy, ",", &save); word && r == 0;
		word = strtok_r(NULL, ",", &save), n++) {
		char *who = strchr(word, '=');
		int family;

		if (who)
			*who++ = '\0';
		family = family_number(word);
		if (family < OTHER || !who || !*who) {
			*ret_message = str_printf("--net-family %s: it is FAMILY=none, host, view "
						  "or the name of a network, of "
						  "the families unix, inet, inet6, netlink, "
						  "packet, vsock ..., a number, or "
						  "other",
				text);
			return -EINVAL;
		}
		r = set_entry(*f, family, who);
	}
	if (n == 0)
		*ret_message = str_printf(
			"--net-family needs FAMILY=none, host, view or the name of a network");
	return n ? r : -EINVAL;
}

void families_free(struct families *f)
{
	for (int i = 0; f && i < FAMILIES_MAX; i++)
		free(f->v[i].name);
	if (f)
		free(f->other.name);
	free(f);
}

/* Has each network its own sockets of it? */
static bool is_ours(int family)
{
	return family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
	       family == AF_NETLINK || family == AF_PACKET || family == AF_ALG;
}

enum family_who families_of(const struct families *f, int family, const char **ret_name)
{
	const struct entry *e;

	if (!f)
		return FAMILY_VIEW;
	e = family >= 0 && family < FAMILIES_MAX && f->v[family].said ? &f->v[family] : &f->other;
	if (!e->said || (e == &f->other && is_ours(family)))
		return FAMILY_VIEW;
	*ret_name = e->name;
	return e->who;
}
