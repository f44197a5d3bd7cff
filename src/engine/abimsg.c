/* SPDX-License-Identifier: GPL-2.0-or-later */
/* abi.h: messages, and arrays of pointers. */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "engine/abi.h"
#include "engine/abi32.h"

#define PAGE 4096u

static void *address(uint32_t v)
{
	return (void *)(uintptr_t)v;
}

int abi_read_msghdr(struct call *c, gaddr_t from, struct msghdr *ret)
{
	struct msghdr32 m;
	int r;

	if (!call_is32(c))
		return guest_read(c, from, ret, sizeof(*ret));
	r = guest_read(c, from, &m, sizeof(m));
	if (r == 0)
		*ret = (struct msghdr){
			.msg_name = address(m.name),
			.msg_namelen = (socklen_t)m.namelen,
			.msg_iov = address(m.iov),
			.msg_iovlen = m.iovlen,
			.msg_control = address(m.control),
			.msg_controllen = m.controllen,
			.msg_flags = (int)m.flags,
		};
	return r;
}

size_t abi_narrow_msghdr(const struct msghdr *msg, char ret[ABI_MSGHDR32])
{
	const struct msghdr32 m = {
		.name = (uint32_t)(uintptr_t)msg->msg_name,
		.namelen = (int32_t)msg->msg_namelen,
		.iov = (uint32_t)(uintptr_t)msg->msg_iov,
		.iovlen = (uint32_t)msg->msg_iovlen,
		.control = (uint32_t)(uintptr_t)msg->msg_control,
		.controllen = (uint32_t)msg->msg_controllen,
		.flags = (uint32_t)msg->msg_flags,
	};

	memcpy(ret, &m, sizeof(m));
	return sizeof(m);
}
static_assert(sizeof(struct msghdr32) == ABI_MSGHDR32, "struct msghdr32");

int abi_write_msghdr(struct call *c, gaddr_t to, const struct msghdr *msg)
{
	const bool is32 = call_is32(c);
	const uint32_t namelen = msg->msg_namelen, flags = (uint32_t)msg->msg_flags;
	const uint64_t controllen = msg->msg_controllen;
	int r = guest_write(c,
		gaddr_add(to, is32 ? offsetof(struct msghdr32, namelen)
				   : offsetof(struct msghdr, msg_namelen)),
		&namelen, sizeof(namelen));

	if (r == 0)
		r = guest_write(c,
			gaddr_add(to, is32 ? offsetof(struct msghdr32, controllen)
					   : offsetof(struct msghdr, msg_controllen)),
			&controllen, is32 ? 4 : 8);
	if (r == 0)
		r = guest_write(c,
			gaddr_add(to, is32 ? offsetof(struct msghdr32, flags)
					   : offsetof(struct msghdr, msg_flags)),
			&flags, sizeof(flags));
	return r;
}

size_t abi_mmsghdr_size(const struct call *c)
{
	return call_is32(c) ? sizeof(struct mmsghdr32) : sizeof(struct mmsghdr);
}

size_t abi_mmsghdr_len(const struct call *c)
{
	return call_is32(c) ? offsetof(struct mmsghdr32, len) : offsetof(struct mmsghdr, msg_len);
}

/* Control messages of 32 bits in our own layout, which is longer:
 * cmsghdr_from_user_compat_to_kern(). to: of twice the size and one header more. Their length, or
 * -EINVAL. */
static ssize_t widen_control(const char *from, size_t len, char *to)
{
	size_t at = 0, out = 0;

	while (len - at >= sizeof(struct cmsghdr32)) {
		struct cmsghdr32 h;
		struct cmsghdr wide;
		size_t data;

		memcpy(&h, from + at, sizeof(h));
		if (h.len < sizeof(h) || h.len > len - at)
			return -EINVAL;
		data = h.len - sizeof(h);
		wide = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(data), .cmsg_level = h.level, .cmsg_type = h.type
		};
		memset(to + out, 0, CMSG_SPACE(data));
		memcpy(to + out, &wide, sizeof(wide));
		memcpy(to + out + CMSG_LEN(0), from + at + sizeof(h), data);
		out += CMSG_SPACE(data);
		at += (h.len + 3u) & ~(size_t)3;
		if (at > len)
			break;
	}
	return (ssize_t)out;
}

int abi_read_control(struct call *c, struct msghdr *msg, size_t max, char **ret)
{
	gaddr_t src = { (uint64_t)(uintptr_t)msg->msg_control };
	_cleanup_free_ char *raw = NULL, *wide = NULL;
	size_t len = msg->msg_controllen;
	ssize_t n;
	int r;

	*ret = NULL;
	if (!src.v || !len) {
		msg->msg_control = NULL;
		msg->msg_controllen = 0;
		return 0;
	}
	if (len > max)
		return -ENOBUFS;
	raw = malloc(len);
	if (!raw)
		return -ENOMEM;
	r = guest_read(c, src, raw, len);
	if (r < 0)
		return r;
	if (call_is32(c)) {
		/* 12 bytes of a message become at most 24 */
		wide = malloc(2 * len + sizeof(struct cmsghdr));
		if (!wide)
			return -ENOMEM;
		n = widen_control(raw, len, wide);
		if (n < 0)
			return (int)n;
		msg->msg_control = *ret = take_ptr(&wide);
		msg->msg_controllen = (size_t)n;
		return 0;
	}
	msg->msg_control = *ret = take_ptr(&raw);
	return 0;
}

/* Takes the pointers of `raw` up to a NULL: true when there was one. */
static bool take_ptrs(const struct call *c, const char *raw, size_t want, gaddr_t *v, size_t *n)
{
	size_t word = abi_word_size(c);

	for (size_t i = 0; i < want; i++) {
		uint64_t p = 0;

		memcpy(&p, raw + i * word, word);
		if (p == 0)
			return true;
		v[(*n)++].v = p;
	}
	return false;
}

int abi_read_ptrs(struct call *c, gaddr_t array, size_t max, gaddr_t **ret, size_t *ret_n)
{
	size_t cap = 0, n = 0, word = abi_word_size(c);
	_cleanup_free_ gaddr_t *v = NULL;
	char raw[PAGE];
	gaddr_t at = array;

	for (bool end = at.v == 0; !end;) {
		/* up to the end of a page: nothing is promised behind the NULL */
		size_t want = (PAGE - (size_t)(at.v & (PAGE - 1))) / word;
		int r;

		if (want == 0)
			want = 1;
		if (n + want > cap) {
			gaddr_t *bigger = realloc(v, (cap = n + want + 64) * sizeof(*v));

			if (!bigger)
				return -ENOMEM;
			v = bigger;
		}
		r = guest_read(c, at, raw, want * word);
		if (r < 0)
			return r;
		end = take_ptrs(c, raw, want, v, &n);
		at = gaddr_add(at, want * word);
		if (n > max)
			return -E2BIG;
	}
	*ret = take_ptr(&v);
	*ret_n = n;
	return 0;
}
