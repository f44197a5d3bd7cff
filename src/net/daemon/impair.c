/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. What is to happen to a frame is drawn when it comes in, from a generator of
 * our own, so that a seed gives the same again. Frames wait in a heap by the time when they are
 * due, then by number: equal delays keep their order. A reordered one is held back behind those
 * that come in the next moments.
 */
#include "net/daemon/impair.h"

#include <string.h>

#define FRAMES_MAX 8192
#define BYTES_MAX (32u << 20)
#define HELD_NS (2 * 1000 * 1000ull)
#define MILLION 1000000u

struct frame {
	uint64_t due, number;
	size_t len;
	uint8_t *data;
};

struct impair {
	struct net_impair spec;
	uint64_t random, number;
	struct frame heap[FRAMES_MAX];
	size_t n, bytes;
	uint8_t *out; /* what was popped last */
};

struct impair *impair_new(const struct net_impair *spec, unsigned direction)
{
	struct impair *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->spec = *spec;
	i->random = ((uint64_t)spec->seed << 1 | direction) + 1;
	return i;
}

void impair_free(struct impair *i)
{
	for (size_t k = 0; i && k < i->n; k++)
		free(i->heap[k].data);
	if (i)
		free(i->out);
	free(i);
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(struct impair *i)
{
	uint64_t z = i->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static bool happens(struct impair *i, uint32_t millionths)
{
	return draw(i) % MILLION < millionths;
}

static bool before(const struct frame *a, const struct frame *b)
{
	return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void swap(struct frame *a, struct frame *b)
{
	struct frame c = *a;

	*a = *b;
	*b = c;
}

static void keep(struct impair *i, const void *data, size_t len, uint64_t due)
{
	struct frame f = { .due = due, .number = i->number++, .len = len };
	size_t at = i->n;

	if (i->n == FRAMES_MAX || i->bytes + len > BYTES_MAX)
		return;
	f.data = malloc(len ? len : 1);
	if (!f.data)
		return;
	memcpy(f.data, data, len);
	i->heap[i->n++] = f;
	i->bytes += len;
	for (; at && before(&i->heap[at], &i->heap[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&i->heap[at], &i->heap[(at - 1) / 2]);
}

void impair_push(struct impair *i, const void *frame, size_t len, uint64_t now_ns)
{
	/* all are drawn for each frame: one decision moves no other */
	bool lost = happens(i, i->spec.loss), twice = happens(i, i->spec.dup),
	     held = happens(i, i->spec.reorder);
	uint64_t due = now_ns + i->spec.delay_ns;

	if (lost)
		return;
	if (held)
		due += HELD_NS + i->spec.delay_ns / 2;
	keep(i, frame, len, due);
	if (twice)
		keep(i, frame, len, due);
}

const void *impair_pop(struct impair *i, uint64_t now_ns, size_t *ret_len)
{
	struct frame f;

	if (i->n == 0 || i->heap[0].due > now_ns)
		return NULL;
	f = i->heap[0];
	i->heap[0] = i->heap[--i->n];
	for (size_t at = 0, child; (child = 2 * at + 1) < i->n; at = child) {
		if (child + 1 < i->n && before(&i->heap[child + 1], &i->heap[child]))
			child++;
		if (!before(&i->heap[child], &i->heap[at]))
			break;
		swap(&i->heap[child], &i->heap[at]);
	}
	i->bytes -= f.len;
	free(i->out);
	i->out = f.data;
	*ret_len = f.len;
	return f.data;
}

uint64_t impair_due(const struct impair *i)
{
	return i->n ? i->heap[0].due : UINT64_MAX;
}
