/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netdevice(7): SIOCGIF*, SIOCSIF*. */
#ifndef UM_NET_LWIP_IOCTL_H
#define UM_NET_LWIP_IOCTL_H

#include "net/lwip/stack.h"

/* data: the struct ifreq or what else the command takes, of *len bytes; what is answered replaces
 * it. For SIOCGIFCONF data is as many struct ifreq as there is room for (*len bytes), and *len what
 * there are. */
int interface_ioctl(struct stack *st, unsigned command, void *data, uint32_t *len, bool privileged);

#endif
