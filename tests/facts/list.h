/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All facts; list.c puts them in order. */
#ifndef UM_FACTS_LIST_H
#define UM_FACTS_LIST_H

#include "facts/fact.h"

extern const struct fact fact_listener, fact_continue, fact_addfd, fact_killable;
extern const struct fact fact_memory, fact_getfd, fact_seize, fact_rlimit;
extern const struct fact fact_memfd, fact_last_close, fact_lease, fact_directory, fact_refusals,
	fact_seqpacket;
extern const struct fact fact_tmpfs;
extern const struct fact fact_reset, fact_junk, fact_alarm, fact_owner, fact_head, fact_filter;

#endif
