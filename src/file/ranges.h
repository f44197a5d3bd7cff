/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of byte ranges [start, end): sorted, merged, kept in one array. No locking. */
#ifndef UM_FILE_RANGES_H
#define UM_FILE_RANGES_H

#include "base/util.h"

struct range {
	uint64_t start, end;
};

struct ranges {
	struct range *v;
	size_t n, size;
};

void ranges_release(struct ranges *r);
/* Makes room so that the next `more` calls of add or sub cannot fail. 0 or -ENOMEM. */
int MUST_CHECK ranges_reserve(struct ranges *r, size_t more);
/* Empty ranges (start >= end) change nothing. 0 or -ENOMEM, and the set is as before. */
int MUST_CHECK ranges_add(struct ranges *r, uint64_t start, uint64_t end);
int MUST_CHECK ranges_sub(struct ranges *r, uint64_t start, uint64_t end);
/* The first part of [start, end) that is missing (gap) or there (part); false: there is none. */
bool ranges_gap(const struct ranges *r, uint64_t start, uint64_t end, struct range *ret);
bool ranges_part(const struct ranges *r, uint64_t start, uint64_t end, struct range *ret);
bool ranges_cover(const struct ranges *r, uint64_t start, uint64_t end);
uint64_t ranges_total(const struct ranges *r);
static inline bool ranges_empty(const struct ranges *r)
{
	return r->n == 0;
}
/* Moves all out of r into the result; r is empty then. */
struct ranges ranges_take(struct ranges *r);

#endif
