/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A wire between views that is to be bad: its frames go through this process. */
#include <sys/socket.h>

#include "net/daemon/link.h"

static int link_far_open(struct link *l, UNUSED char **ret_message)
{
	return l->far < 0 ? -EINVAL : 0;
}

static ssize_t far_recv(void *priv, void *buf, size_t len)
{
	ssize_t n = recv(((struct link *)priv)->far, buf, len, MSG_DONTWAIT);

	/* the wire's bridge was set down: it comes back */
	if (n < 0 && errno == ENETDOWN)
		errno = EAGAIN;
	return n;
}

static ssize_t far_send(void *priv, const void *buf, size_t len)
{
	return send(((struct link *)priv)->far, buf, len, MSG_DONTWAIT);
}

static void link_far_run(struct link *l)
{
	l->priv = l;
	link_pump(
		l, &(struct pump){ .fd = l->far, .watch = -1, .recv = far_recv, .send = far_send });
	link_carrier(l, false);
}

const struct link_ops far_link = {
	.kind = NET_PAIR, .mtu = 1500, .open = link_far_open, .run = link_far_run
};
