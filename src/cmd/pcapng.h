/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of a packet socket, written as pcapng (draft-ietf-opsawg-pcapng). */
#ifndef UM_CMD_PCAPNG_H
#define UM_CMD_PCAPNG_H

#include "base/util.h"

/* Writes what the socket (of all interfaces of a network) sees until SIGINT, SIGTERM, or `count`
 * frames (0: no end);
 * "-" is standard output. Each frame is in the file at once. 0; or -errno of the file, or of the
 * socket. */
int MUST_CHECK pcapng_capture(int packets, const char *file, unsigned long count);

#endif
