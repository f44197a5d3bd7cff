/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libslirp: TCP, UDP and ping of the view by the user's own sockets, with a DHCP and a name server.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "net/daemon/link.h"
#include "net/linger.h"
#include "net/slirp/direct.h"
#include "net/slirp/finished.h"

#define BATCH 64
#define POLL_STEP 256
#define END_STEP_MS 2
#define OWN_FDS 3

struct timer {
	SlirpTimerCb fn;
	void *arg;
	int64_t ms; /* when, on the clock of clock_get_ns; -1: not set */
	struct timer *next;
};

struct slirp {
	Slirp *slirp;
	struct link *link;
	struct timer *timers;
	struct finished *finished;
	struct direct *direct; /* NULL: all connections are libslirp's */
	struct pollfd *fds;    /* the view's frames, its end, direct's, then libslirp's */
	int nfds, room;
	bool unpublished; /* the view has ended, */
	bool last;	  /* and sends nothing more */
	struct lingering linger;
};

static ssize_t send_packet(const void *buf, size_t len, void *opaque)
{
	struct slirp *s = opaque;

	finished_to_view(s->finished, buf, len);
	link_to_view(s->link, buf, len);
	return (ssize_t)len;
}

static void guest_error(UNUSED const char *msg, UNUSED void *opaque)
{
}

static int64_t clock_get_ns(UNUSED void *opaque)
{
	return (int64_t)now_ns();
}

static void *timer_new(SlirpTimerCb fn, void *arg, void *opaque)
{
	struct slirp *s = opaque;
	struct timer *t = malloc(sizeof(*t));

	if (!t)
		abort(); /* libslirp cannot do without, and this process is nothing else */
	*t = (struct timer){ fn, arg, -1, s->timers };
	s->timers = t;
	return t;
}

static void timer_free(void *timer, void *opaque)
{
	struct slirp *s = opaque;

	for (struct timer **p = &s->timers; *p; p = &(*p)->next) {
		if (*p == timer) {
			*p = (*p)->next;
			break;
		}
	}
	free(timer);
}

static void timer_mod(void *timer, int64_t ms, UNUSED void *opaque)
{
	((struct timer *)timer)->ms = ms;
}

static void has_fd(int fd, void *opaque)
{
	finished_socket(((struct slirp *)opaque)->finished, fd);
}

static void no_fd(UNUSED int fd, UNUSED void *opaque)
{
}

static void no_notify(UNUSED void *opaque)
{
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_get_ns,
	.timer_new = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = has_fd,
	.unregister_poll_fd = no_fd,
	.notify = no_notify,
};

/* What to do about an error of bind(2). */
static const char *publish_hint(int err)
{
	switch (err) {
	case EADDRINUSE:
		return "; choose another: somebody has it already (ss -tunlp)";
	case EACCES:
		return "; choose a higher one: those below 1024 are root's";
	case EADDRNOTAVAIL:
		return "; the address is none of the host's (ip addr)";
	default:
		return "";
	}
}

struct name {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at;
	socklen_t len;
};

static struct name name_of(int family, struct in_addr v4, const struct in6_addr *v6, uint16_t port)
{
	struct name n = { .len = sizeof(n.at.v4) };

	if (family == AF_INET) {
		n.at.v4 = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = v4
		};
		return n;
	}
	n.at.v6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = *v6
	};
	n.len = sizeof(n.at.v6);
	return n;
}

/* Where the host listens. */
static struct name host_name(const struct net_port *p)
{
	return name_of(p->host.family, p->host.v4, &p->host.v6, p->host_port);
}

static int publish(
	struct slirp *s, const struct net_port *p, const struct net_slirp *net, char **ret_message)
{
	const struct name host = host_name(p),
			  guest = name_of(p->host.family, net->guest, &net->guest6, p->port);
	const bool v6 = p->host.family == AF_INET6;
	int err;

	if (slirp_add_hostxfwd(s->slirp, &host.at.any, host.len, &guest.at.any, guest.len,
		    (p->udp ? SLIRP_HOSTFWD_UDP : 0) | (v6 ? SLIRP_HOSTFWD_V6ONLY : 0)) == 0)
		return 0;
	err = errno ? errno : EADDRINUSE;
	*ret_message = str_printf("--net slirp: port %u of the host cannot be published: %s%s",
		p->host_port, strerror(err), publish_hint(err));
	return -err;
}

static void publish_end(struct slirp *s, const struct net_port *p)
{
	const struct name host = host_name(p);

	(void)slirp_remove_hostxfwd(
		s->slirp, &host.at.any, host.len, p->udp ? SLIRP_HOSTFWD_UDP : 0);
}

static int link_slirp_open(struct link *l, char **ret_message)
{
	struct slirp *s = calloc(1, sizeof(*s));
	struct net_slirp net;
	SlirpConfig cfg;
	int r = 0;

	net_spec_slirp(l->spec, &net);
	cfg = (SlirpConfig){ .version = 4,
		.restricted = l->spec->restricted,
		.in_enabled = true,
		.vnetwork = net.net,
		.vnetmask = net.mask,
		.vhost = net.host,
		.in6_enabled = true,
		.vprefix_addr6 = net.net6,
		.vprefix_len = 64,
		.vhost6 = net.host6,
		.vdhcp_start = net.guest,
		.vnameserver = net.dns,
		.vnameserver6 = net.dns6,
		.if_mtu = l->spec->mtu ? l->spec->mtu : slirp_link.mtu };
	cfg.if_mru = cfg.if_mtu;
	if (!s)
		return -ENOMEM;
	s->link = l;
	s->finished = finished_new();
	if (s->finished)
		s->slirp = slirp_new(&cfg, &callbacks, s);
	if (!s->slirp) {
		finished_free(s->finished);
		free(s);
		*ret_message = str_printf("--net slirp: libslirp refuses these addresses");
		return -EINVAL;
	}
	l->priv = s;
	s->direct = direct_new(l, &net);
	for (size_t i = 0; i < l->spec->nports && r == 0; i++)
		r = publish(s, &l->spec->port[i], &net, ret_message);
	return r;
}

/* One more entry, of which nothing is said yet: its index. */
static int grow(struct slirp *s)
{
	if (s->nfds == s->room) {
		const size_t room = (size_t)s->room + POLL_STEP;
		struct pollfd *fds = realloc(s->fds, room * sizeof(*fds));

		if (!fds)
			abort(); /* as in timer_new() */
		s->fds = fds;
		s->room = (int)room;
	}
	return s->nfds++;
}

static int add_poll(int fd, int events, void *opaque)
{
	struct slirp *s = opaque;
	int index = grow(s);
	short want = 0;

	if (events & SLIRP_POLL_IN)
		want |= POLLIN;
	if (events & SLIRP_POLL_OUT)
		want |= POLLOUT;
	if (events & SLIRP_POLL_PRI)
		want |= POLLPRI;
	s->fds[index] = (struct pollfd){ .fd = fd, .events = want };
	return index;
}

static bool is_polled(const void *arg, int fd)
{
	const struct slirp *s = arg;

	for (int i = 0; i < s->nfds; i++) {
		if (s->fds[i].fd == fd)
			return true;
	}
	return false;
}

static int get_revents(int index, void *opaque)
{
	const struct slirp *s = opaque;
	int have = index < 0 || index >= s->nfds ? 0 : s->fds[index].revents, events = 0;

	if (have & POLLIN)
		events |= SLIRP_POLL_IN;
	if (have & POLLOUT)
		events |= SLIRP_POLL_OUT;
	if (have & POLLPRI)
		events |= SLIRP_POLL_PRI;
	if (have & (POLLERR | POLLNVAL))
		events |= SLIRP_POLL_ERR;
	if (have & POLLHUP)
		events |= SLIRP_POLL_HUP;
	return events;
}

/* Runs the timers that are due; the milliseconds until the next, or UINT32_MAX. */
static uint32_t run_timers(struct slirp *s)
{
	int64_t now = (int64_t)(now_ns() / 1000000), next = -1;

	for (struct timer *t = s->timers, *after; t; t = after) {
		after = t->next;
		if (t->ms >= 0 && t->ms <= now) {
			t->ms = -1;
			t->fn(t->arg);
		}
	}
	for (const struct timer *t = s->timers; t; t = t->next) {
		if (t->ms >= 0 && (next < 0 || t->ms < next))
			next = t->ms;
	}
	return next < 0 ? UINT32_MAX : next > now ? (uint32_t)(next - now) : 0;
}

/* libslirp's putting together of fragments reads where it must not (4.7). The kernel does it: what
 * is one still, having come by another way or never become whole, is lost. */
static bool is_fragment(const uint8_t *frame, size_t len)
{
	struct ether_header eth;
	struct ip ip; /* in a frame it lies at an odd half-word */

	if (len < sizeof(eth) + sizeof(ip))
		return false;
	memcpy(&eth, frame, sizeof(eth));
	memcpy(&ip, frame + sizeof(eth), sizeof(ip));
	return eth.ether_type == htons(ETHERTYPE_IP) && (ip.ip_off & htons(IP_MF | IP_OFFMASK));
}

static void whole_datagrams(struct link *l)
{
	struct sockaddr_ll sll = { 0 };
	socklen_t len = sizeof(sll);
	unsigned how = (unsigned)(PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG) << 16;

	if (l->control < 0 || getsockname(l->frames, (struct sockaddr *)&sll, &len) < 0)
		return;
	how |= (unsigned)sll.sll_ifindex & 0xffff; /* a group of its own */
	(void)setsockopt(l->frames, SOL_PACKET, PACKET_FANOUT, &how, sizeof(how));
}

/* What libslirp wants to be told of, and until when; what it need not keep is ended. */
static int wait_events(struct slirp *s)
{
	uint32_t timeout = run_timers(s);
	uint8_t frame[FINISHED_FRAME];
	size_t len;
	int ms;

	s->nfds = 0;
	for (int i = 0; i < OWN_FDS; i++)
		(void)grow(s);
	s->fds[0] = (struct pollfd){ .fd = s->link->frames, .events = POLLIN };
	s->fds[1] = (struct pollfd){ .fd = s->last ? -1 : s->link->end,
		.events = s->unpublished ? 0 : POLLIN };
	s->fds[2] =
		(struct pollfd){ .fd = s->direct ? direct_fd(s->direct) : -1, .events = POLLIN };
	slirp_pollfds_fill(s->slirp, &timeout, add_poll, s);
	while ((len = finished_next(s->finished, is_polled, s, frame)) > 0)
		slirp_input(s->slirp, frame, (int)len);
	if (s->last && timeout > END_STEP_MS)
		timeout = END_STEP_MS;
	ms = s->direct ? direct_timeout(s->direct) : -1;
	if (ms >= 0 && (uint32_t)ms < timeout)
		timeout = (uint32_t)ms;
	return poll(s->fds, (nfds_t)s->nfds, timeout > INT32_MAX ? -1 : (int)timeout);
}

static void to_libslirp(struct slirp *s, const uint8_t *frame, size_t len)
{
	finished_from_view(s->finished, frame, len);
	slirp_input(s->slirp, frame, (int)len);
	finished_taken(s->finished);
}

static void from_view(struct slirp *s, uint8_t *buf)
{
	for (int i = 0; i < BATCH; i++) {
		ssize_t n = link_from_view(s->link, buf);

		if (n <= 0)
			break;
		if (is_fragment(buf, (size_t)n) ||
			(s->direct && direct_input(s->direct, buf, (size_t)n)))
			continue;
		to_libslirp(s, buf, (size_t)n);
	}
}

/* The published ports are the host's again. */
static void unpublish(struct slirp *s)
{
	s->unpublished = true;
	for (size_t i = 0; i < s->link->spec->nports; i++)
		publish_end(s, &s->link->spec->port[i]);
}

/* How much has been taken from the view, and not yet by the host: what libslirp is going to write
 * to connected sockets, which it polls for that, and direct's. As a number that changes with it. */
static uint64_t owed(const struct slirp *s)
{
	uint64_t sum = s->direct ? direct_owed(s->direct) : 0;

	for (int i = OWN_FDS; i < s->nfds; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int bytes = 0;

		if (!(s->fds[i].events & POLLOUT) ||
			getpeername(s->fds[i].fd, (struct sockaddr *)&peer, &len) < 0)
			continue;
		(void)ioctl(s->fds[i].fd, SIOCOUTQ, &bytes);
		sum = sum * 31 + (uint64_t)bytes + 1;
	}
	return sum;
}

static void link_slirp_run(struct link *l)
{
	_cleanup_free_ uint8_t *buf = malloc(FRAME_MAX);
	struct slirp *s = l->priv;

	whole_datagrams(l);
	while (buf) {
		int ready = wait_events(s);
		bool view, end, direct;

		if (ready < 0 && errno == EINTR)
			continue;
		view = s->fds[0].revents;
		end = s->fds[1].revents;
		direct = s->fds[2].revents;
		if (s->last && !view && !direct && !linger_on(&s->linger, owed(s)))
			return;
		if (end && !s->unpublished)
			unpublish(s);
		if (!s->last && (s->fds[1].revents & POLLHUP)) {
			s->last = true;
			if (s->direct)
				direct_last(s->direct);
		}
		/* where nothing has come for a socket it need not look through them all: "an error"
		 */
		slirp_pollfds_poll(s->slirp, ready <= view + end + direct, get_revents, s);
		if (view)
			from_view(s, buf);
		if (s->direct)
			direct_run(s->direct);
	}
}

const struct link_ops slirp_link = {
	.kind = NET_SLIRP, .mtu = 65520, .open = link_slirp_open, .run = link_slirp_run
};
