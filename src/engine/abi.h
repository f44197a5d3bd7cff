/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures in a guest's memory, in the guest's layout: that of x86_64, or of i386 in the form
 * which the call's row says. All return 0; -EFAULT or -ESRCH as guest_read(); the writing ones
 * -EOVERFLOW as well, where a field of a 32-bit guest is too small.
 */
#ifndef UM_ENGINE_ABI_H
#define UM_ENGINE_ABI_H

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <time.h>
#include <utime.h>

#include "engine/guestmem.h"

int MUST_CHECK abi_write_stat(struct call *c, gaddr_t to, const struct stat *st);
int MUST_CHECK abi_write_statfs(struct call *c, gaddr_t to, const struct statfs *st);

int MUST_CHECK abi_read_timespec(struct call *c, gaddr_t from, struct timespec *ret);
int MUST_CHECK abi_read_timespecs(struct call *c, gaddr_t from, struct timespec ret[2]);
int MUST_CHECK abi_read_timevals(struct call *c, gaddr_t from, struct timeval ret[2]);
int MUST_CHECK abi_read_utimbuf(struct call *c, gaddr_t from, struct utimbuf *ret);

/* getrlimit(2) and setrlimit(2); prlimit64(2) has one layout for all. */
int MUST_CHECK abi_read_rlimit(struct call *c, gaddr_t from, struct rlimit *ret);
int MUST_CHECK abi_write_rlimit(struct call *c, gaddr_t to, const struct rlimit *rl);

/* An off_t by address, as sendfile(2) has it. */
int MUST_CHECK abi_read_off(struct call *c, gaddr_t from, off_t *ret);
int MUST_CHECK abi_write_off(struct call *c, gaddr_t to, off_t off);

/* Where the n-th pointer of an array lies, and what it is; an unsigned long. */
size_t abi_word_size(const struct call *c);
int MUST_CHECK abi_read_ptr(struct call *c, gaddr_t array, uint64_t n, gaddr_t *ret);
int MUST_CHECK abi_write_long(struct call *c, gaddr_t to, uint64_t value);

/* User or group ids. */
int MUST_CHECK abi_read_ids(struct call *c, gaddr_t from, uint32_t *ret, size_t n);
int MUST_CHECK abi_write_ids(struct call *c, gaddr_t to, const uint32_t *ids, size_t n);

/* What the pointers in *ret mean are the guest's addresses. */
int MUST_CHECK abi_read_msghdr(struct call *c, gaddr_t from, struct msghdr *ret);
/* The same as a 32-bit program has it; its length. */
#define ABI_MSGHDR32 28
size_t abi_narrow_msghdr(const struct msghdr *msg, char ret[ABI_MSGHDR32]);
/* What recvmsg(2) changes of it. */
int MUST_CHECK abi_write_msghdr(struct call *c, gaddr_t to, const struct msghdr *msg);
/* The size of a struct mmsghdr, and where msg_len is in it. */
size_t abi_mmsghdr_size(const struct call *c);
size_t abi_mmsghdr_len(const struct call *c);
/* The control messages of msg, in our layout: malloc'ed, and msg then says so. len: at most.
 * -EINVAL when they are malformed, -ENOBUFS, -ENOMEM. */
int MUST_CHECK abi_read_control(struct call *c, struct msghdr *msg, size_t max, char **ret);

/* An exec's argv, or another array of pointers with a NULL behind: malloc'ed, without the NULL.
 * -E2BIG above max, -ENOMEM. */
int MUST_CHECK abi_read_ptrs(
	struct call *c, gaddr_t array, size_t max, gaddr_t **ret, size_t *ret_n);

#endif
