/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/net as proc(5) has it, and what else there are files of. */
#ifndef UM_NET_LWIP_PROCNET_H
#define UM_NET_LWIP_PROCNET_H

#include <stdio.h>

#include "net/lwip/stack.h"

/* A descriptor of a file with what "/proc/self/net/...", "/sys/class/net/IF/..." says now, or of
 * the one that stands for the network (NET_FILE); with O_DIRECTORY of one that says what is in a
 * folder (net/proto.h). -ENOENT, -EACCES, of a folder without that -EISDIR. */
int MUST_CHECK procnet_open(struct stack *st, const char *path, int flags);

/* The parts. False: there is no such file. */
bool sysnet_show(struct stack *st, const char *path, FILE *f); /* "eth0/mtu" */
bool sysnet_list(struct stack *st, const char *path, FILE *f); /* "", "eth0/statistics" */
bool sysnet_list_class(struct stack *st, FILE *f);
bool sysctl_show(const char *path, FILE *f); /* "ipv4/ip_forward" */
bool sysctl_list(const char *path, FILE *f); /* "", "ipv4/conf" */
void procnet_igmp(struct stack *st, FILE *f);
void procnet_igmp6(struct stack *st, FILE *f);
void procnet_dev_mcast(struct stack *st, FILE *f);
void procnet_route6(struct stack *st, FILE *f);
void procnet_snmp(struct stack *st, FILE *f);
void procnet_netstat(struct stack *st, FILE *f);
void procnet_snmp6(struct stack *st, FILE *f);
/* How many connections are established. */
unsigned procnet_established(struct stack *st);

#endif
