/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The path policy: what is hidden, empty, read-only, or writable again (the options --hide, --ro,
 * --rw; of a mount: policy=). A rule is a mount on what it speaks of, that nobody in the view can
 * take away.
 */
#ifndef UM_SYS_MOUNT_RULE_H
#define UM_SYS_MOUNT_RULE_H

#include "sys/um.h"
#include "view/path.h"

/* "hide", "empty", "ro" or "rw": -EINVAL for another word. */
int MUST_CHECK rule_parse(const char *word, enum mount_rule *ret);
/* What is said of a place that has it, for --dry-run. */
const char *rule_says(enum mount_rule rule);
/* where: resolved with PATH_NO_RULES, and there. 0, -errno. */
int MUST_CHECK rule_make(struct um *um, enum mount_rule rule, const struct path *where);

#endif
