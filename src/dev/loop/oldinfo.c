/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "dev/loop/internal.h"

struct loop_info32 {
	int32_t number;
	uint16_t device;
	uint32_t inode;
	uint16_t rdevice;
	int32_t offset, encrypt_type, encrypt_key_size, flags;
	char name[LO_NAME_SIZE];
	unsigned char encrypt_key[LO_KEY_SIZE];
	uint32_t init[2];
	char reserved[4];
};

_Static_assert(sizeof(struct loop_info32) == 140, "loop_info of i386");

int loop_read_old(struct call *c, gaddr_t from, struct loop_info *ret)
{
	struct loop_info32 in;
	int r;

	if (!call_is32(c))
		return guest_read(c, from, ret, sizeof(*ret));
	r = guest_read(c, from, &in, sizeof(in));
	if (r < 0)
		return r;
	*ret = (struct loop_info){ .lo_offset = in.offset, .lo_flags = in.flags };
	memcpy(ret->lo_name, in.name, sizeof(in.name));
	return 0;
}

int loop_write_old(struct call *c, gaddr_t to, const struct loop_info *info)
{
	struct loop_info32 out = {
		.number = info->lo_number,
		.device = (uint16_t)info->lo_device,
		.inode = (uint32_t)info->lo_inode,
		.rdevice = (uint16_t)info->lo_rdevice,
		.offset = info->lo_offset,
		.flags = info->lo_flags,
	};

	if (!call_is32(c))
		return guest_write(c, to, info, sizeof(*info));
	memcpy(out.name, info->lo_name, sizeof(out.name));
	return guest_write(c, to, &out, sizeof(out));
}
