/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who serves which protocol family: --net-family FAMILY=WHO[,...]. */
#ifndef UM_NET_FAMILY_H
#define UM_NET_FAMILY_H

#include "base/util.h"

enum family_who {
	FAMILY_VIEW, /* nothing was said: the network that the process is in */
	FAMILY_NONE, /* nobody: EAFNOSUPPORT */
	FAMILY_HOST, /* the kernel, as without a network of the view's own */
	FAMILY_NET,  /* a network by its name (umctl net) */
};

struct families;

/* Adds what a text says (the later word wins) to *f, which is made where it is NULL. -ENOMEM; or
 * -EINVAL and *ret_message (malloc'ed) for the user. */
int MUST_CHECK families_parse(struct families **f, const char *text, char **ret_message);
void families_free(struct families *f);
/* f NULL: nothing was said. *ret_name, of FAMILY_NET: valid as long as f. */
enum family_who families_of(const struct families *f, int family, const char **ret_name);

#endif
