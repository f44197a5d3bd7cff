/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire between views of one user that needs no namespace, for the stacks that are a process.
 *
 * Theory of operation. Each view is connected to each other one, by a socket of which a message is
 * a frame. Who comes finds those who are there in a shared file (base/rundir.h), which is locked
 * meanwhile; a name of one that has ended is refused. Each is a switch of its own: it learns which
 * address is where from what it hears, and what it does not know goes to all. All this is done in
 * the stack's own thread: one beside it would be two more switches for each frame; a wire that is
 * to be a bad one has that.
 */
#include <fcntl.h>
#include <net/ethernet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/rundir.h"
#include "net/daemon/link.h"

#define WIRE_MTU 1500
#define PEERS_MAX 256
#define LEARNED 256
#define FILE_BYTES 65536
#define WAIT_MS 20  /* for one that is slow, once */
#define PATIENCE 10 /* times what was waited for one it is not waited for again */
#define BURST 16    /* frames of one before the others have their turn */
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
	int next, nready, burst;
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

static int wire_open(struct link *l, char **ret_message)
{
	const char *name = l->spec->where;
	_cleanup_free_ char *file = str_printf("lwire-%s", name);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct wire_link *w = calloc(1, sizeof(*w));
	int r = w && file ? rundir_shared_file(file, &w->file) : -ENOMEM;

	if (r == -EINVAL)
		*ret_message = str_printf(
			"--net pair=%s: a wire's name is made of letters, digits and \"_.-\"",
			name);
	if (r < 0) {
		free(w);
		return r;
	}
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

static void wire_send(struct wire_link *w, const void *data, size_t len)
{
	const uint8_t *frame = data;
	unsigned slot;

	if (len < ETH_HLEN)
		return;
	slot = slot_of(frame);
	if (!(frame[0] & 1) && w->learned[slot].known &&
		memcmp(w->learned[slot].mac, frame, ETH_ALEN) == 0) {
		send_peer(&w->peers[w->learned[slot].peer], frame, len);
		return;
	}
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

/* A frame; 0: none that is whole; -1: none now. */
static ssize_t from_peer(struct wire_link *w, size_t i, uint8_t *buf)
{
	ssize_t n = recv(w->peers[i].fd, buf, FRAME_MAX, MSG_DONTWAIT);
	unsigned slot;

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			remove_peer(w, i);
		return -1;
	}
	if (n < ETH_HLEN)
		return 0;
	if (!(buf[ETH_ALEN] & 1)) {
		slot = slot_of(buf + ETH_ALEN);
		memcpy(w->learned[slot].mac, buf + ETH_ALEN, ETH_ALEN);
		w->learned[slot].peer = (uint16_t)i;
		w->learned[slot].known = true;
	}
	return n;
}

/* Somebody who has something: his index; -1: nobody. */
static int who_is_ready(struct wire_link *w)
{
	if (w->next == w->nready) {
		w->next = 0;
		w->nready = epoll_wait(w->epoll, w->ready, BURST, 0);
		w->nready = w->nready > 0 ? w->nready : 0;
	}
	return w->next < w->nready ? (int)w->ready[w->next].data.u32 : -1;
}

static ssize_t wire_recv(struct wire_link *w, void *buf)
{
	int i;

	while ((i = who_is_ready(w)) >= 0) {
		ssize_t n = -1;

		if (i == LISTENER) {
			int fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				add_peer(w, fd);
		} else if (w->peers[i].fd >= 0) {
			n = from_peer(w, (size_t)i, buf);
		}
		if (n < 0 || ++w->burst == BURST) {
			w->burst = 0;
			w->next++;
		}
		if (n > 0)
			return n;
	}
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

static ssize_t link_wire_recv(struct link *l, void *buf)
{
	return wire_recv(l->priv, buf);
}

static void link_wire_send(struct link *l, const void *frame, size_t len)
{
	wire_send(l->priv, frame, len);
}

const struct link_ops wire_link = { .kind = NET_PAIR,
	.mtu = WIRE_MTU,
	.open = link_wire_open,
	.recv = link_wire_recv,
	.send = link_wire_send };

/* ---- a bad one: speed does not matter, and a thread has the time that frames wait ---- */

static ssize_t pump_recv(void *wire, void *buf, UNUSED size_t len)
{
	return wire_recv(wire, buf);
}

static ssize_t pump_send(void *wire, const void *buf, size_t len)
{
	wire_send(wire, buf, len);
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
