/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "facts/list.h"

const struct fact *const facts[] = {
	&fact_listener,
	&fact_continue,
	&fact_addfd,
	&fact_killable,
	&fact_memory,
	&fact_getfd,
	&fact_seize,
	&fact_rlimit,
	&fact_memfd,
	&fact_last_close,
	&fact_lease,
	&fact_directory,
	&fact_refusals,
	&fact_seqpacket,
	&fact_tmpfs,
	&fact_reset,
	&fact_junk,
	&fact_alarm,
	&fact_owner,
	&fact_head,
	&fact_filter,
};

const size_t facts_len = ARRAY_SIZE(facts);
