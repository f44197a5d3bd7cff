/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef UM_NET_CHECKSUM_H
#define UM_NET_CHECKSUM_H

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>

/* The Internet's checksum (RFC 1071) of an even number of bytes, in network order. */
static inline uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

#endif
