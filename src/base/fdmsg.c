/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fdmsg.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

union control {
	char buf[CMSG_SPACE(FDMSG_MAX_FDS * sizeof(int))];
	struct cmsghdr align;
};

int fdmsg_send(int sock, const void *buf, size_t len, const int fds[], size_t nfds)
{
	struct iovec iov = { (void *)(uintptr_t)buf, len };
	union control control = { .buf = { 0 } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	assert(nfds <= FDMSG_MAX_FDS);
	if (nfds) {
		struct cmsghdr *cm;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, nfds * sizeof(int));
	}
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int fdmsg_recv(int sock, void *buf, size_t len, int fds[], size_t nfds)
{
	int r;

	do {
		r = fdmsg_recv_once(sock, buf, len, fds, nfds);
	} while (r == -EINTR);
	return r;
}

int fdmsg_recv_once(int sock, void *buf, size_t len, int fds[], size_t nfds)
{
	struct iovec iov = { buf, len };
	union control control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf) };
	size_t got = 0;
	ssize_t n;

	for (size_t i = 0; i < nfds; i++)
		fds[i] = -1;
	n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(&msg); cm; cm = CMSG_NXTHDR(&msg, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
			if (got < nfds)
				fds[got++] = fd;
			else
				close(fd);
		}
	}
	return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : (int)n;
}
