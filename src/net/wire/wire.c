/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire between views of one user that needs no namespace, for the stacks that are a process.
 *
 * Theory of operation. Each view is connected to each other one, by a socket of which a message is
 * a frame. Who comes finds those who are there in a shared file (base/rundir.h), which is locked
 * meanwhile; a name of one that has ended is refused. Each is a switch of its own: it learns which
 * address is where from what it hears, and what it does not know goes to all.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/rundir.h"
#include "net/daemon/link.h"

#define PEERS_MAX 256
#define LEARNED 256
#define FILE_BYTES 65536
#define WAIT_MS 20 /* for one that is slow, once */
#define BATCH 64
#define FIRST 2 /* of the peers, behind the view and the listener */

struct wire_link {
	int file; /* which keeps the shared file */
	struct pollfd fds[FIRST + PEERS_MAX];
	nfds_t n;
	bool slow[FIRST + PEERS_MAX];
	struct {
		uint8_t mac[6];
		uint16_t peer; /* index in fds; 0: nothing learned */
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

static void add_peer(struct wire_link *w, int fd)
{
	int bytes = 4 << 20;

	if (!is_ours(fd) || w->n >= ARRAY_SIZE(w->fds)) {
		close(fd);
		return;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	w->slow[w->n] = false;
	w->fds[w->n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
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
	w->fds[1] = (struct pollfd){ .fd = fd, .events = POLLIN };
	if (bind(fd, (struct sockaddr *)&sun, len) < 0 || listen(fd, PEERS_MAX) < 0)
		return -errno;
	return 0;
}

static int link_wire_open(struct link *l, char **ret_message)
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
	if (r == 0 && net_spec_impaired(l->spec)) {
		*ret_message = str_printf("--net pair=%s: loss=, delay=, reorder= and dup= are of "
					  "the kernel's stack alone: "
					  "stack=kernel",
			name);
		r = -EINVAL;
	}
	if (r < 0) {
		free(w);
		return r;
	}
	w->fds[0] = (struct pollfd){ .fd = l->frames, .events = POLLIN };
	w->n = FIRST;
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

static void send_peer(struct wire_link *w, nfds_t i, const void *frame, size_t len)
{
	struct pollfd p = { .fd = w->fds[i].fd, .events = POLLOUT };

	if (send(p.fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
		w->slow[i] = false;
		return;
	}
	if (errno != EAGAIN || w->slow[i])
		return;
	w->slow[i] = poll(&p, 1, WAIT_MS) <= 0;
	(void)send(p.fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void from_view(struct wire_link *w, const uint8_t *frame, size_t len)
{
	unsigned slot = slot_of(frame);
	nfds_t known = w->learned[slot].peer;

	if (len < 14)
		return;
	if (!(frame[0] & 1) && known && known < w->n &&
		memcmp(w->learned[slot].mac, frame, 6) == 0) {
		send_peer(w, known, frame, len);
		return;
	}
	for (nfds_t i = FIRST; i < w->n; i++)
		send_peer(w, i, frame, len);
}

/* False: it has ended. */
static bool from_peer(struct link *l, struct wire_link *w, nfds_t i, uint8_t *buf)
{
	for (int k = 0; k < BATCH; k++) {
		ssize_t n = recv(w->fds[i].fd, buf, FRAME_MAX, MSG_DONTWAIT);

		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		if (n < 14)
			continue;
		if (!(buf[6] & 1)) {
			unsigned slot = slot_of(buf + 6);

			memcpy(w->learned[slot].mac, buf + 6, 6);
			w->learned[slot].peer = (uint16_t)i;
		}
		link_to_view(l, buf, (size_t)n);
	}
	return true;
}

static void remove_peer(struct wire_link *w, nfds_t i)
{
	close(w->fds[i].fd);
	w->fds[i] = w->fds[--w->n];
	w->slow[i] = w->slow[w->n];
	memset(w->learned, 0, sizeof(w->learned));
}

static void link_wire_run(struct link *l)
{
	_cleanup_free_ uint8_t *buf = malloc(FRAME_MAX);
	struct wire_link *w = l->priv;

	while (buf) {
		if (poll(w->fds, w->n, -1) < 0)
			continue;
		for (nfds_t i = w->n; i-- > FIRST;) {
			if (w->fds[i].revents && !from_peer(l, w, i, buf))
				remove_peer(w, i);
		}
		if (w->fds[1].revents) {
			int fd = accept4(w->fds[1].fd, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				add_peer(w, fd);
		}
		for (int k = 0; k < BATCH && w->fds[0].revents; k++) {
			ssize_t n = recv(l->frames, buf, FRAME_MAX, MSG_DONTWAIT);

			if (n == 0)
				return;
			if (n < 0)
				break;
			from_view(w, buf, (size_t)n);
		}
	}
}

const struct link_ops wire_link = {
	.kind = NET_PAIR, .mtu = 1500, .open = link_wire_open, .run = link_wire_run
};
