/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks that print TAP, for tests/unit and tests/guest. A guest program prints what it saw, not
 * what it expects: its output on a native file system is the oracle.
 */
#ifndef UM_TESTS_TAP_H
#define UM_TESTS_TAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct tap {
	int count;
	int failed;
};

static inline __attribute__((format(printf, 3, 4))) int tap_check(
	struct tap *t, int good, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++t->count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	if (!good)
		t->failed++;
	return good;
}

/* Prints a result: the value, or the error's name. `errno` is read at once. */
static inline __attribute__((format(printf, 3, 4))) long tap_result(
	struct tap *t, long value, const char *fmt, ...)
{
	int e = errno;
	va_list ap;

	printf("ok %d - ", ++t->count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	if (value == -1)
		printf(" = -1 %s\n", strerrorname_np(e) ? strerrorname_np(e) : "?");
	else
		printf(" = %ld\n", value);
	fflush(stdout);
	errno = e;
	return value;
}

/* The plan, and the exit status for main(). */
static inline int tap_done(struct tap *t)
{
	printf("1..%d\n", t->count);
	return t->failed ? 1 : 0;
}

#define TAP_INIT                                                                                   \
	{                                                                                          \
		0, 0                                                                               \
	}

#endif
