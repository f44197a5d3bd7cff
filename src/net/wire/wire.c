/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire between views of one user that needs no namespace, for the stacks that are a process.
 *
 * Theory of operation. Each view is connected to each other one, by a socket of which a message is
 * a frame. Who comes finds those who are there in a shared file (net/wirefile.h), which is locked
 * meanwhile; a name of one that has ended is refused. Each is a switch of its own: it learns which
 * address is where from what it hears, and what it does not know goes to all. All this is done in
 * the stack's own thread: one beside it would be two more switches for each frame; a wire that is
 * to be a bad one has that. Frames for one go together at the end of a turn of the stack's loop,
 * and are read together: who is woken finds them all.
 */
#include <fcntl.h>
#include <net/ethernet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net/daemon/link.h"
#include "net/wirefile.h"

#define WIRE_MTU 1500
#define PEERS_MAX 256
#define LEARNED 256
#define FILE_BYTES 65536
#define WAIT_MS 20  /* for one that is slow, once */
#define PATIENCE 10 /* times what was waited for one it is not waited for again */
#define BURST 16    /* frames of one before the others have their turn */
#define OUT_MOST 32 /* frames that go together */
#define OUT_BYTES (2 * FRAME_MAX)
#define LISTENER PEERS_MAX

struct wire_link {
	int file; /* which keeps the shared file */
	int listener, epoll;
	struct peer {
		int fd;		     /* -1: nobody */
		bool slow;	     /* it was waited for in vain, and has taken nothing since */
		uint64_t patient_ns; /* from then on it may be waited for again */
	} peers[PEERS_MAX];
	size_t n;			 /* of peers, those at its end that are nobody apart */
	struct epoll_event ready[BURST]; /* who has frames: from next on */
	int next, nready;
	bool asked; /* in this turn */
	/* frames of one that have been read: from next on */
	struct {
		struct mmsghdr msgs[BURST];
		struct iovec iov[BURST];
		uint8_t (*frames)[FRAME_MAX];
		int next, n;
		size_t peer;
	} in;
	/* and for one that are to be sent */
	struct {
		struct mmsghdr msgs[OUT_MOST];
		struct iovec iov[OUT_MOST];
		uint8_t *bytes;
		size_t used;
		unsigned n, peer;
	} out;
	struct {
		uint8_t mac[6];
		bool known;
		uint16_t peer;
	} learned[LEARNED];
};

static unsigned slot_of(const uint8_t mac[6])
{
	return (mac[5] ^ (mac[4] << 3) ^ mac[3]) % LEARNED;
}

static socklen_t wire_address(const char *name, int pid, struct sockaddr_un *ret)
{
	int n;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "umview-wire-%u-%.60s-%d",
		getuid(), name, pid);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

/* A name in the abstract namespace can be anybody's. */
static bool is_ours(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.uid == geteuid();
}

static int watch(struct wire_link *w, int fd, uint32_t what)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = what };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static void add_peer(struct wire_link *w, int fd)
{
	int bytes = 4 << 20;
	size_t i = 0;

	while (i < w->n && w->peers[i].fd >= 0)
		i++;
	if (!is_ours(fd) || i == PEERS_MAX || watch(w, fd, (uint32_t)i) < 0) {
		close(fd);
		return;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	w->peers[i] = (struct peer){ .fd = fd };
	w->n = i < w->n ? w->n : i + 1;
}

static bool connect_peer(struct wire_link *w, const char *name, int pid)
{
	struct sockaddr_un sun;
	socklen_t len = wire_address(name, pid, &sun);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, len) < 0) {
		um_cleanup_fd(&fd);
		return false;
	}
	add_peer(w, fd);
	return true;
}

/* The file has a line "PID" for each; it is written anew with those that are there. */
static int join(struct wire_link *w, const char *name)
{
	char text[FILE_BYTES + 1], out[FILE_BYTES], *save = NULL;
	ssize_t n = pread(w->file, text, FILE_BYTES, 0);
	size_t used = 0;

	if (n < 0)
		return -errno;
	text[n] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		int pid = (int)strtol(line, NULL, 10);

		if (pid > 0 && connect_peer(w, name, pid) && used + 16 < sizeof(out))
			used += (size_t)snprintf(out + used, sizeof(out) - used, "%d\n", pid);
	}
	if (used + 16 < sizeof(out))
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%d\n", (int)getpid());
	if (ftruncate(w->file, 0) < 0 || pwrite(w->file, out, used, 0) != (ssize_t)used)
		return -errno;
	return 0;
}

static int listen_at(struct wire_link *w, const char *name)
{
	struct sockaddr_un sun;
	socklen_t len = wire_address(name, (int)getpid(), &sun);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	w->listener = fd;
	if (bind(fd, (struct sockaddr *)&sun, len) < 0 || listen(fd, PEERS_MAX) < 0)
		return -errno;
	return watch(w, fd, LISTENER);
}

static struct wire_link *wire_new(void)
{
	struct wire_link *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	/* (of most only the first pages are ever touched) */
	w->in.frames = malloc(BURST * sizeof(*w->in.frames));
	w->out.bytes = malloc(OUT_BYTES);
	if (!w->in.frames || !w->out.bytes)
		return NULL;
	for (size_t i = 0; i < BURST; i++) {
		w->in.iov[i] = (struct iovec){ w->in.frames[i], FRAME_MAX };
		w->in.msgs[i].msg_hdr =
			(struct msghdr){ .msg_iov = &w->in.iov[i], .msg_iovlen = 1 };
	}
	for (size_t i = 0; i < OUT_MOST; i++)
		w->out.msgs[i].msg_hdr =
			(struct msghdr){ .msg_iov = &w->out.iov[i], .msg_iovlen = 1 };
	return w;
}

static int wire_open(struct link *l, char **ret_message)
{
	const char *name = l->spec->where;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct wire_link *w = wire_new();
	int r = w ? wirefile_open(name, NET_STACK_LWIP, &w->file, ret_message) : -ENOMEM;

	if (r < 0) /* (which ends the process) */
		return r;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0)
		return -errno;
	l->priv = w;
	/* held for a moment by each view that begins */
	if (fcntl(w->file, F_OFD_SETLKW, &lock) < 0)
		return -errno;
	r = listen_at(w, name);
	if (r == 0)
		r = join(w, name);
	lock.l_type = F_UNLCK;
	(void)fcntl(w->file, F_OFD_SETLK, &lock);
	return r;
}

static void send_peer(struct peer *to, const void *frame, size_t len)
{
	struct pollfd p = { .fd = to->fd, .events = POLLOUT };
	uint64_t now;

	if (p.fd < 0)
		return;
	if (send(p.fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
		to->slow = false;
		return;
	}
	now = now_ns();
	if (errno != EAGAIN || to->slow || now < to->patient_ns)
		return;
	to->slow = poll(&p, 1, WAIT_MS) <= 0;
	to->patient_ns = now_ns() + PATIENCE * (now_ns() - now);
	(void)send(p.fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What one has no room for is sent, or not, one by one. */
static void wire_flush(struct wire_link *w)
{
	struct peer *to = &w->peers[w->out.peer];
	int sent = 0;

	if (w->out.n && to->fd >= 0)
		sent = sendmmsg(to->fd, w->out.msgs, w->out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0)
		to->slow = false;
	for (unsigned i = sent > 0 ? (unsigned)sent : 0; i < w->out.n; i++)
		send_peer(to, w->out.iov[i].iov_base, w->out.iov[i].iov_len);
	w->out.n = 0;
	w->out.used = 0;
}

static void send_later(struct wire_link *w, unsigned peer, const uint8_t *frame, size_t len)
{
	if (w->out.peer != peer || w->out.n == OUT_MOST || w->out.used + len > OUT_BYTES)
		wire_flush(w);
	w->out.peer = peer;
	memcpy(w->out.bytes + w->out.used, frame, len);
	w->out.iov[w->out.n] = (struct iovec){ w->out.bytes + w->out.used, len };
	w->out.used += len;
	w->out.n++;
}

static void wire_send(struct wire_link *w, const void *data, size_t len)
{
	const uint8_t *frame = data;
	unsigned slot;

	if (len < ETH_HLEN || len > FRAME_MAX)
		return;
	slot = slot_of(frame);
	if (!(frame[0] & 1) && w->learned[slot].known &&
		memcmp(w->learned[slot].mac, frame, ETH_ALEN) == 0) {
		send_later(w, w->learned[slot].peer, frame, len);
		return;
	}
	wire_flush(w);
	for (size_t i = 0; i < w->n; i++)
		send_peer(&w->peers[i], frame, len);
}

static void remove_peer(struct wire_link *w, size_t i)
{
	close(take_fd(&w->peers[i].fd)); /* which takes it out of the epoll set */
	for (size_t k = 0; k < LEARNED; k++) {
		if (w->learned[k].peer == i)
			w->learned[k].known = false;
	}
}

/* Reads what one has. */
static void read_peer(struct wire_link *w, size_t i)
{
	w->in.next = 0;
	w->in.peer = i;
	w->in.n = recvmmsg(w->peers[i].fd, w->in.msgs, BURST, MSG_DONTWAIT, NULL);
	if (w->in.n < 0 && errno != EAGAIN && errno != EINTR)
		remove_peer(w, i);
}

/* The next frame of those that were read; 0: none that is whole; -1: none now. */
static ssize_t take_read(struct wire_link *w, const uint8_t **ret)
{
	const uint8_t *frame;
	unsigned slot, len;

	if (w->in.next >= w->in.n)
		return -1;
	frame = w->in.frames[w->in.next];
	len = w->in.msgs[w->in.next++].msg_len;
	if (len == 0) {
		remove_peer(w, w->in.peer);
		w->in.n = 0;
		return -1;
	}
	if (len < ETH_HLEN)
		return 0;
	if (!(frame[ETH_ALEN] & 1)) {
		slot = slot_of(frame + ETH_ALEN);
		memcpy(w->learned[slot].mac, frame + ETH_ALEN, ETH_ALEN);
		w->learned[slot].peer = (uint16_t)w->in.peer;
		w->learned[slot].known = true;
	}
	*ret = frame;
	return len;
}

/* Somebody who has something, once in a turn: his index; -1: nobody any more. */
static int who_is_ready(struct wire_link *w)
{
	if (w->next == w->nready && !w->asked) {
		w->next = 0;
		w->nready = epoll_wait(w->epoll, w->ready, BURST, 0);
		w->nready = w->nready > 0 ? w->nready : 0;
		w->asked = true;
	}
	if (w->next < w->nready)
		return (int)w->ready[w->next++].data.u32;
	w->asked = false;
	return -1;
}

static ssize_t wire_recv(struct wire_link *w, const uint8_t **ret)
{
	ssize_t n = take_read(w, ret);
	int i;

	while (n <= 0 && (w->in.next < w->in.n || (i = who_is_ready(w)) >= 0)) {
		if (w->in.next < w->in.n) {
			/* one that was not whole */
		} else if (i == LISTENER) {
			int fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				add_peer(w, fd);
		} else if (w->peers[i].fd >= 0) {
			read_peer(w, (size_t)i);
		}
		n = take_read(w, ret);
	}
	if (n > 0)
		return n;
	errno = EAGAIN;
	return -1;
}

static int link_wire_open(struct link *l, char **ret_message)
{
	int r = wire_open(l, ret_message);

	if (r == 0)
		l->frames = ((struct wire_link *)l->priv)->epoll;
	return r;
}

static ssize_t link_wire_recv(struct link *l, const uint8_t **ret)
{
	return wire_recv(l->priv, ret);
}

static void link_wire_send(struct link *l, const void *frame, size_t len)
{
	wire_send(l->priv, frame, len);
}

static void link_wire_flush(struct link *l)
{
	wire_flush(l->priv);
}

const struct link_ops wire_link = { .kind = NET_PAIR,
	.mtu = WIRE_MTU,
	.open = link_wire_open,
	.recv = link_wire_recv,
	.send = link_wire_send,
	.flush = link_wire_flush };

/* ---- a bad one: speed does not matter, and a thread has the time that frames wait ---- */

static ssize_t pump_recv(void *wire, void *buf, size_t len)
{
	const uint8_t *frame;
	ssize_t n = wire_recv(wire, &frame);

	if (n > 0)
		memcpy(buf, frame, (size_t)n < len ? (size_t)n : len);
	return n;
}

static ssize_t pump_send(void *wire, const void *buf, size_t len)
{
	wire_send(wire, buf, len);
	wire_flush(wire);
	return (ssize_t)len;
}

static void link_wire_run(struct link *l)
{
	struct wire_link *w = l->priv;

	link_pump(l, &(struct pump){ w->epoll, -1, pump_recv, pump_send });
}

const struct link_ops bad_wire_link = {
	.kind = NET_PAIR, .mtu = WIRE_MTU, .open = wire_open, .run = link_wire_run
};
