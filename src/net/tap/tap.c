/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tap interface of the host, made for this user: ip tuntap add NAME mode tap user USER. */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net/daemon/link.h"

/* What to do about `err` of a tap called `name`. */
static char *tap_advice(const char *name, int err)
{
	if (err == EBUSY)
		return str_printf("another program has it open");
	if (err == EINVAL)
		return str_printf("it is no tap interface");
	return str_printf("root makes one that you may use by: ip tuntap add %s mode tap user %u",
		name, getuid());
}

static int tap_open(struct link *l, char **ret_message)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	const char *name = l->spec->where;
	_cleanup_free_ char *advice = NULL;
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), err;

	if (fd < 0) {
		err = errno;
		*ret_message = str_printf(
			"--net tap=%s: /dev/net/tun: %s; only who may open that can use a tap",
			name, strerror(err));
		return -err;
	}
	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (if_nametoindex(name) == 0 || ioctl(fd, TUNSETIFF, &ifr) < 0) {
		err = if_nametoindex(name) == 0 ? ENODEV : errno;
		close(fd);
		advice = tap_advice(name, err);
		*ret_message = str_printf(
			"--net tap=%s: %s; %s", name, strerror(err), advice ? advice : "");
		return -err;
	}
	l->priv = (void *)(intptr_t)fd;
	return 0;
}

static ssize_t tap_recv(void *priv, void *buf, size_t len)
{
	return read((int)(intptr_t)priv, buf, len);
}

static ssize_t tap_send(void *priv, const void *buf, size_t len)
{
	return write((int)(intptr_t)priv, buf, len);
}

static void tap_run(struct link *l)
{
	link_pump(l, &(struct pump){ .fd = (int)(intptr_t)l->priv,
			     .watch = -1,
			     .recv = tap_recv,
			     .send = tap_send });
	link_carrier(l, false);
}

const struct link_ops tap_link = { .kind = NET_TAP, .mtu = 1500, .open = tap_open, .run = tap_run };
