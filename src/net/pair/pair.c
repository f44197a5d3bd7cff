/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. The first view on a wire makes a user namespace and in it the wire's network
 * namespace with a bridge, and writes into a shared file (net/wirefile.h) by which of its
 * descriptors that can be had. The next one enters the same user namespace, since moving an
 * interface from one network namespace to another asks for capabilities in both. Every view keeps
 * the wire's namespace open and adds its own line, so that it does not matter who ends first. The
 * views' frames never leave the kernel.
 */
#include "net/pair/pair.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "net/daemon/iface.h"
#include "net/daemon/userns.h"
#include "net/wirefile.h"

#define BRIDGE "wire"
#define WIRE_MTU 1500 /* where the spec says nothing */
#define FILE_BYTES 65536

struct wire {
	int ns;	  /* network namespace of the bridge */
	int file; /* which keeps the shared file */
};

/* Enters by a view that has it: 0, or -ENOENT. */
static int enter_by(struct wire *w, pid_t pid, int fd)
{
	_cleanup_fd_ int user = -1, net = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	user = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	net = open(path, O_RDONLY | O_CLOEXEC);
	if (user < 0 || net < 0)
		return -ENOENT;
	if (setns(user, CLONE_NEWUSER) < 0)
		return -errno;
	w->ns = take_fd(&net);
	return 0;
}

/* The shared file has a line "PID STARTTIME FD" for each view. */
static int find_wire(struct wire *w)
{
	char text[FILE_BYTES + 1], *save = NULL;
	ssize_t n = pread(w->file, text, FILE_BYTES, 0);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long when;
		int pid, fd;

		if (sscanf(line, "%d %llu %d", &pid, &when, &fd) == 3 &&
			process_stat(pid, STAT_START) == when && enter_by(w, pid, fd) == 0)
			return 0;
	}
	return ftruncate(w->file, 0) < 0 ? -errno : -ENOENT;
}

static int make_wire(struct wire *w, char **ret_message)
{
	int r = userns_enter(CLONE_NEWNET, ret_message);

	if (r < 0)
		return r;
	w->ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (w->ns < 0)
		return -errno;
	r = iface_add_bridge(BRIDGE);
	return r < 0 ? r : iface_up(BRIDGE);
}

int wire_enter(const char *name, struct wire **ret, char **ret_message)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct wire *w = calloc(1, sizeof(*w));
	char line[64];
	int r = w ? wirefile_open(name, NET_STACK_KERNEL, &w->file, ret_message) : -ENOMEM;

	/* held for a moment by each view that begins */
	if (r == 0 && fcntl(w->file, F_OFD_SETLKW, &lock) < 0)
		r = -errno;
	if (r == 0)
		r = find_wire(w);
	if (r == -ENOENT)
		r = make_wire(w, ret_message);
	if (r == 0) {
		int n = snprintf(line, sizeof(line), "%d %llu %d\n", (int)getpid(),
			(unsigned long long)process_stat(getpid(), STAT_START), w->ns);

		if (lseek(w->file, 0, SEEK_END) < 0)
			r = -errno;
		else
			r = write_all(w->file, line, (size_t)n);
	}
	lock.l_type = F_UNLCK;
	if (w && r == 0)
		(void)fcntl(w->file, F_OFD_SETLK, &lock);
	if (r < 0) {
		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

/* At most 15 characters, and of this process alone. */
static void port_name(char ret[IFNAMSIZ])
{
	snprintf(ret, IFNAMSIZ, "p%d", (int)getpid());
}

int wire_settle(struct wire *w)
{
	_cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	char port[IFNAMSIZ];
	int r;

	port_name(port);
	if (own < 0 || setns(w->ns, CLONE_NEWNET) < 0)
		return -errno;
	r = iface_settle(port);
	return setns(own, CLONE_NEWNET) < 0 ? -errno : r;
}

int wire_join(struct wire *w, const struct net_spec *s)
{
	_cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	char peer[IFNAMSIZ];
	int r;

	if (own < 0)
		return -errno;
	port_name(peer);
	r = iface_add_pair(s->name, peer, w->ns);
	if (r < 0)
		return r;
	if (setns(w->ns, CLONE_NEWNET) < 0)
		return -errno;
	/* as long frames as the view's end takes */
	r = iface_prepare(peer, &(struct net_spec){ .mtu = s->mtu }, WIRE_MTU);
	if (r == 0)
		r = iface_join_bridge(peer, BRIDGE);
	/* a process reads what comes out of it */
	if (r == 0 && net_spec_impaired(s))
		r = iface_no_offload(peer);
	if (setns(own, CLONE_NEWNET) < 0)
		return -errno;
	return r;
}
