/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file/ranges.h"

#include <string.h>

void ranges_release(struct ranges *r)
{
	free(r->v);
	*r = (struct ranges){};
}

int ranges_reserve(struct ranges *r, size_t more)
{
	size_t want = r->n + more, size = r->size ? r->size : 8;
	struct range *v;

	if (want <= r->size)
		return 0;
	while (size < want)
		size *= 2;
	v = reallocarray(r->v, size, sizeof(*v));
	if (!v)
		return -ENOMEM;
	r->v = v;
	r->size = size;
	return 0;
}

/* The first range that ends after pos (r->n: none). */
static size_t first_after(const struct ranges *r, uint64_t pos)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->v[mid].end > pos)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* Puts `with` (n of them, 0..2) in the place of the ranges i .. j-1; there is room. */
static void replace(struct ranges *r, size_t i, size_t j, const struct range *with, size_t n)
{
	memmove(&r->v[i + n], &r->v[j], (r->n - j) * sizeof(*r->v));
	for (size_t k = 0; k < n; k++)
		r->v[i + k] = with[k];
	r->n = r->n - (j - i) + n;
}

int ranges_add(struct ranges *r, uint64_t start, uint64_t end)
{
	struct range all = { start, end };
	size_t i, j;
	int ret;

	if (start >= end)
		return 0;
	ret = ranges_reserve(r, 1);
	if (ret)
		return ret;
	/* A range that ends where this one starts is joined too. */
	i = start ? first_after(r, start - 1) : 0;
	for (j = i; j < r->n && r->v[j].start <= end; j++) {
		if (r->v[j].start < all.start)
			all.start = r->v[j].start;
		if (r->v[j].end > all.end)
			all.end = r->v[j].end;
	}
	replace(r, i, j, &all, 1);
	return 0;
}

int ranges_sub(struct ranges *r, uint64_t start, uint64_t end)
{
	struct range left[2];
	size_t i, j, n = 0;
	int ret;

	if (start >= end)
		return 0;
	ret = ranges_reserve(r, 1);
	if (ret)
		return ret;
	i = first_after(r, start);
	for (j = i; j < r->n && r->v[j].start < end; j++)
		;
	if (i == j)
		return 0;
	if (r->v[i].start < start)
		left[n++] = (struct range){ r->v[i].start, start };
	if (r->v[j - 1].end > end)
		left[n++] = (struct range){ end, r->v[j - 1].end };
	replace(r, i, j, left, n);
	return 0;
}

bool ranges_gap(const struct ranges *r, uint64_t start, uint64_t end, struct range *ret)
{
	size_t i = first_after(r, start);

	if (i < r->n && r->v[i].start <= start)
		start = r->v[i++].end;
	if (start >= end)
		return false;
	ret->start = start;
	ret->end = i < r->n && r->v[i].start < end ? r->v[i].start : end;
	return true;
}

bool ranges_part(const struct ranges *r, uint64_t start, uint64_t end, struct range *ret)
{
	size_t i = first_after(r, start);

	if (start >= end || i == r->n || r->v[i].start >= end)
		return false;
	ret->start = r->v[i].start > start ? r->v[i].start : start;
	ret->end = r->v[i].end < end ? r->v[i].end : end;
	return true;
}

bool ranges_cover(const struct ranges *r, uint64_t start, uint64_t end)
{
	struct range gap;

	return !ranges_gap(r, start, end, &gap);
}

uint64_t ranges_total(const struct ranges *r)
{
	uint64_t total = 0;

	for (size_t i = 0; i < r->n; i++)
		total += r->v[i].end - r->v[i].start;
	return total;
}

struct ranges ranges_take(struct ranges *r)
{
	struct ranges all = *r;

	*r = (struct ranges){};
	return all;
}
