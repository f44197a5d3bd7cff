/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/lwip/lease.h"

#include <string.h>
#include <sys/timerfd.h>

struct lease {
	struct source timer;
	struct iface *iface;
	struct dhcp dhcp;
	struct dhcp_lease set; /* what the interface has; addr 0: nothing */
	bool had;	       /* one, once */
};

/* What a guest has changed meanwhile is no error. */
static void unset_lease(struct lease *l)
{
	const struct net_addr a = dhcp_address(&l->set);

	if (l->set.addr.s_addr && iface_del_ip(l->iface, &a) < 0) {
		/* gone already */
	}
	l->set = (struct dhcp_lease){ 0 };
}

static void set_lease(struct lease *l)
{
	const struct dhcp_lease *new = &l->dhcp.lease;
	const struct net_addr a = dhcp_address(new);
	const struct net_addr gw = { .family = AF_INET, .v4 = new->router };

	l->had = true;
	if (dhcp_same(&l->set, new))
		return;
	unset_lease(l);
	if (iface_add_ip(l->iface, &a, NULL) < 0)
		return;
	l->set = *new;
	if (gw.v4.s_addr && l->iface->spec->ngateway == 0 && route_add_default(l->iface, &gw) < 0) {
		/* there is one from elsewhere */
	}
}

static void take_news(struct lease *l, enum dhcp_news news)
{
	struct itimerspec when = { .it_value = { 0 } };

	if (news == DHCP_LOST)
		unset_lease(l);
	if (news == DHCP_HELD)
		set_lease(l);
	if (l->dhcp.due != UINT64_MAX) {
		when.it_value.tv_sec = (time_t)(l->dhcp.due / NSEC_PER_SEC);
		when.it_value.tv_nsec = (long)(l->dhcp.due % NSEC_PER_SEC);
	}
	(void)timerfd_settime(l->timer.fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void send_frame(struct iface *i, const uint8_t *frame, size_t len)
{
	struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);

	if (!p)
		return; /* as if it were lost on the wire */
	memcpy(p->payload, frame, len);
	(void)i->netif.linkoutput(&i->netif, p);
	pbuf_free(p);
}

static void timer_ready(struct source *s, UNUSED uint32_t events)
{
	struct lease *l = container_of_(s, struct lease, timer);
	uint8_t frame[DHCP_FRAME_MAX];
	enum dhcp_news news;
	uint64_t times;
	size_t len;

	if (read(s->fd, &times, sizeof(times)) < 0 && errno != EAGAIN)
		return;
	news = dhcp_tick(&l->dhcp, now_ns(), frame, &len);
	if (len)
		send_frame(l->iface, frame, len);
	take_news(l, news);
}

void lease_frame(struct iface *i, const uint8_t *frame, size_t len)
{
	struct lease *l = i->lease;
	enum dhcp_news news;
	uint64_t due;

	if (!l)
		return;
	due = l->dhcp.due;
	news = dhcp_input(&l->dhcp, now_ns(), frame, len);
	if (news != DHCP_SAME || l->dhcp.due != due)
		take_news(l, news);
}

int lease_start(struct iface *i)
{
	struct lease *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->iface = i;
	l->timer = (struct source){ .ready = timer_ready };
	l->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r = l->timer.fd < 0 ? -errno : source_add(i->stack, &l->timer, EPOLLIN);
	if (r < 0) {
		um_cleanup_fd(&l->timer.fd);
		free(l);
		return r;
	}
	i->lease = l;
	dhcp_init(&l->dhcp, i->netif.hwaddr, now_ns());
	take_news(l, DHCP_SAME);
	return 0;
}

bool leases_there(const struct stack *st)
{
	for (const struct iface *i = st->ifaces; i; i = i->next) {
		if (i->lease && !i->lease->had)
			return false;
	}
	return true;
}

const struct dhcp_lease *lease_of(const struct iface *i)
{
	return i->lease && i->lease->had ? &i->lease->dhcp.lease : NULL;
}
