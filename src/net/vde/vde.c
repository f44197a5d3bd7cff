/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VDE switch, or whatever else libvdeplug has a plug for. A switch that was ended and started
 * again is found again; meanwhile the interface has no carrier. */
#include <fcntl.h>
#include <libvdeplug.h>
#include <string.h>

#include "net/daemon/link.h"

static VDECONN *connect_switch(struct link *l)
{
	VDECONN *conn = vde_open((char *)(uintptr_t)l->spec->where, (char *)"umview", NULL);

	/* plugs do not all heed MSG_DONTWAIT */
	if (conn)
		(void)fcntl(vde_datafd(conn), F_SETFL, O_RDWR | O_NONBLOCK);
	return conn;
}

static int link_vde_open(struct link *l, char **ret_message)
{
	int err;

	errno = 0;
	l->priv = connect_switch(l);
	if (l->priv)
		return 0;
	err = errno ? errno : EIO;
	*ret_message = str_printf("--net vde=%s: %s: is a switch there? (vde_switch -s %s)",
		l->spec->where, strerror(err), l->spec->where);
	return -err;
}

static ssize_t link_vde_recv(void *priv, void *buf, size_t len)
{
	ssize_t n = vde_recv(priv, buf, len, MSG_DONTWAIT);

	return n == 1 ? 0 : n; /* one byte is an error of the plug's */
}

static ssize_t link_vde_send(void *priv, const void *buf, size_t len)
{
	return vde_send(priv, buf, len, MSG_DONTWAIT);
}

static void link_vde_run(struct link *l)
{
	for (;;) {
		link_pump(l, &(struct pump){ .fd = vde_datafd(l->priv),
				     .watch = vde_ctlfd(l->priv),
				     .recv = link_vde_recv,
				     .send = link_vde_send });
		vde_close(l->priv);
		link_carrier(l, false);
		do {
			if (link_has_ended(l, 0))
				return;
			l->priv = connect_switch(l);
		} while (!l->priv && !link_has_ended(l, 1000));
		if (!l->priv)
			return;
		link_carrier(l, true);
	}
}

const struct link_ops vde_link = {
	.kind = NET_VDE, .mtu = 1500, .open = link_vde_open, .run = link_vde_run
};
