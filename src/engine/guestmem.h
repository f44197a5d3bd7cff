/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's memory. Addresses of a guest are a type of their own, so that none is ever
 * dereferenced here. Every read is followed by the check that the call still waits, but for
 * guest_read_word().
 */
#ifndef UM_ENGINE_GUESTMEM_H
#define UM_ENGINE_GUESTMEM_H

#include <sys/uio.h>

#include "engine/call.h"

typedef struct {
	uint64_t v;
} gaddr_t;

static inline gaddr_t call_addr(const struct call *c, int arg)
{
	return (gaddr_t){ c->args[arg] };
}

static inline gaddr_t gaddr_add(gaddr_t a, uint64_t n)
{
	return (gaddr_t){ a.v + n };
}

/* Copies exactly len bytes: 0, -EFAULT, or -ESRCH when the call is gone. */
int MUST_CHECK guest_read(struct call *c, gaddr_t src, void *dst, size_t len);
int MUST_CHECK guest_write(struct call *c, gaddr_t dst, const void *src, size_t len);

/* Copies a NUL-terminated string of at most size - 1 bytes: its length; -EFAULT,
 * -ENAMETOOLONG, -ESRCH. For paths size is PATH_MAX, as in the kernel. */
ssize_t MUST_CHECK guest_read_str(struct call *c, gaddr_t src, char *dst, size_t size);

/* The same without the check: for a word that most often only tells that the kernel may go on.
 * Until call_alive() was asked nothing but CONTINUE or an error may follow from it, and no server
 * hear of it. */
ssize_t MUST_CHECK guest_read_word(struct call *c, gaddr_t src, char *dst, size_t size);

/* Does this end below where the kernel's own addresses begin? What does not is refused before a
 * byte of it is read or written (access_ok()). */
static inline bool guest_range_ok(gaddr_t at, uint64_t len)
{
	const uint64_t end =
		(1ull << 56) -
		4096; /* with five levels of page tables; with four nothing lies between */

	return at.v <= end && len <= end - at.v;
}

/* Is there memory that the guest may read, though we have been told -EFAULT (a device's, secret
 * memory, all of it where we are blind)? */
bool guest_has(struct call *c, gaddr_t at);

/* The stack pointer of the thread, which waits in its call; 0: it could not be read. */
uint64_t guest_stack(struct call *c);

/* The guest's struct iovec array: at most IOV_MAX entries, malloc'ed; their lengths summed
 * (capped at MAX_RW_COUNT as the kernel does). -EINVAL, -EFAULT (also where one does not pass
 * guest_range_ok()), -ENOMEM. */
int MUST_CHECK guest_read_iov(
	struct call *c, gaddr_t iov, uint64_t count, struct iovec **ret, size_t *ret_total);

/* What a call of read(2)'s or write(2)'s kin asks for. */
struct guest_io {
	struct iovec one, *many; /* many: malloc'ed; NULL: it is the one */
	size_t n, total;
	int64_t off; /* -1: at the file's position */
	int rwf;     /* RWF_... of preadv2(2) */
};
/* -EINVAL, -EFAULT, -ENOMEM. */
int MUST_CHECK guest_io_get(struct call *c, struct guest_io *ret);
void guest_io_release(struct guest_io *io);
#define _cleanup_guest_io_ _cleanup_(guest_io_release)
static inline const struct iovec *guest_io_vec(const struct guest_io *io)
{
	return io->many ? io->many : &io->one;
}

/* Where in the file behind fd it begins; or -errno. */
off_t MUST_CHECK guest_io_at(const struct guest_io *io, int fd);
/* n bytes from there on were moved: the position of fd goes along, if it is by that. n or -errno.
 */
ssize_t MUST_CHECK guest_io_moved(const struct guest_io *io, int fd, off_t at, ssize_t n);

/* Gathers from / scatters to a guest's iovec, skipping the first `skip` bytes of it.
 * Bytes moved (may be short at a bad address), or -EFAULT when none were. */
ssize_t MUST_CHECK guest_gather(
	struct call *c, const struct iovec *iov, size_t n, size_t skip, void *dst, size_t len);
ssize_t MUST_CHECK guest_scatter(struct call *c, const struct iovec *iov, size_t n, size_t skip,
	const void *src, size_t len);

#endif
