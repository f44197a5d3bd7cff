/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads whose next call is a matter of inject.c or inplace.c. */
#ifndef UM_ENGINE_CLAIM_H
#define UM_ENGINE_CLAIM_H

#include "engine/internal.h"

enum claim_kind {
	CLAIM_NEXT, /* the next call is ours: CONTINUE it */
	CLAIM_HOLD, /* the next call waits until the claim is removed, then is handled as any */
};

struct claim {
	enum claim_kind kind;
	pid_t tid;		   /* 0: fulfilled */
	atomic_bool held;	   /* CLAIM_HOLD: the next call is there */
	struct cds_list_head node; /* engine->injecting; inject_lock */
};

void claim_add(struct engine *e, struct claim *i, enum claim_kind kind, pid_t tid);
void claim_remove(struct engine *e, struct claim *i);

#endif
