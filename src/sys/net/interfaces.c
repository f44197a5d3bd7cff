/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ioctl(2) of interfaces by a socket of AF_UNIX, which is the host's where the view's are not. */
#include <linux/capability.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "net/net.h"
#include "sys/net/calls.h"
#include "sys/net/networks.h"
#include "sys/net/sock.h"

#define IFREQ32_BYTES 32 /* of the same layout, as far as is told */
#define INTERFACES_MAX 4096

static size_t ifreq_size(const struct call *c)
{
	return call_is32(c) ? IFREQ32_BYTES : sizeof(struct ifreq);
}

int ifconf_read(struct call *c, struct ifconf_room *ret)
{
	struct {
		int32_t len;
		uint32_t low;
		uint64_t buf;
	} conf;
	const bool is32 = call_is32(c);
	int r = guest_read(c, call_addr(c, 2), &conf, is32 ? 8 : sizeof(conf));

	if (r < 0)
		return r;
	if (conf.len < 0)
		return -EINVAL;
	ret->bytes = (size_t)conf.len;
	ret->buf = (gaddr_t){ is32 ? conf.low : conf.buf };
	return 0;
}

int ifconf_answer(struct call *c, const struct ifconf_room *room, const void *all, size_t n)
{
	const size_t size = ifreq_size(c);
	int32_t len;
	int r = 0;

	if (room->buf.v && n > room->bytes / size)
		n = room->bytes / size;
	for (size_t i = 0; i < n && room->buf.v && r == 0; i++)
		r = guest_write(c, gaddr_add(room->buf, i * size),
			(const char *)all + i * sizeof(struct ifreq), size);
	len = (int32_t)(n * size);
	return r < 0 ? r : guest_write(c, call_addr(c, 2), &len, sizeof(len));
}

static int list_interfaces(struct call *c, int fd)
{
	struct ifconf conf = { 0 };
	struct ifconf_room room;
	_cleanup_free_ void *all = NULL;
	int r = ifconf_read(c, &room);

	if (r < 0)
		return r;
	if (ioctl(fd, SIOCGIFCONF, &conf) < 0)
		return -errno;
	if ((size_t)conf.ifc_len > INTERFACES_MAX * sizeof(struct ifreq))
		return -ENOMEM;
	all = malloc((size_t)conf.ifc_len + 1);
	if (!all)
		return -ENOMEM;
	conf.ifc_buf = all;
	if (ioctl(fd, SIOCGIFCONF, &conf) < 0)
		return -errno;
	return ifconf_answer(c, &room, all, (size_t)conf.ifc_len / sizeof(struct ifreq));
}

/* Those with a struct ifreq that the kernel answers on any socket. */
static bool is_of_interface(unsigned cmd, bool *ret_changes)
{
	*ret_changes = false;
	switch (cmd) {
	case SIOCSIFNAME:
	case SIOCSIFFLAGS:
	case SIOCSIFMETRIC:
	case SIOCSIFMTU:
	case SIOCSIFHWADDR:
	case SIOCSIFHWBROADCAST:
	case SIOCSIFTXQLEN:
	case SIOCADDMULTI:
	case SIOCDELMULTI:
		*ret_changes = true;
		return true;
	case SIOCGIFNAME:
	case SIOCGIFINDEX:
	case SIOCGIFFLAGS:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCGIFHWADDR:
	case SIOCGIFMAP:
	case SIOCGIFTXQLEN:
		return true;
	default:
		return false;
	}
}

static int ask_interface(struct call *c, int fd, unsigned cmd)
{
	struct ifreq ifr = { 0 };
	int r = guest_read(c, call_addr(c, 2), &ifr, ifreq_size(c));

	if (r < 0)
		return r;
	if (ioctl(fd, cmd, &ifr) < 0)
		return -errno;
	return guest_write(c, call_addr(c, 2), &ifr, ifreq_size(c));
}

enum verdict net_ioctl(struct call *c)
{
	const unsigned cmd = (unsigned)c->args[1];
	_cleanup_fd_ int asks = -1, fd = -1;
	_cleanup_net_ struct net *n = NULL;
	bool changes = false;

	if ((!is_of_interface(cmd, &changes) && cmd != SIOCGIFCONF) ||
		(!c->um->families && !networks_any(c->um)))
		return CONTINUE;
	asks = sock_get_unix(c, call_fd(c, 0));
	if (asks < 0 || net_source(c, AF_INET, SOCK_DGRAM, &n) <= 0 ||
		net_stack(n) == NET_STACK_LWIP)
		return CONTINUE;
	if (changes && !net_privileged(c))
		return call_return(c, -EPERM);
	fd = net_socket(n, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, false);
	if (fd < 0)
		return call_return(c, fd);
	return call_return(
		c, cmd == SIOCGIFCONF ? list_interfaces(c, fd) : ask_interface(c, fd, cmd));
}
