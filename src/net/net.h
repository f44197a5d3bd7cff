/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network of the view's own, as the supervisor sees it: a process (umview-net, net/daemon/) that
 * sits in a network namespace and makes sockets there. A socket so made is the guest's like any
 * other: no call on it is caught.
 */
#ifndef UM_NET_NET_H
#define UM_NET_NET_H

#include <sys/stat.h>
#include <sys/types.h>

#include "base/util.h"

#include "net/spec.h"
#include "net/stackproto.h"

struct net;

/*
 * Which stack the specs ask for. It is AUTO of none of them: what the kernel refuses is lwIP's, and
 * *ret_message (malloc'ed; NULL where there is nothing to say) tells the user. 0 or -errno and a
 * message.
 */
int MUST_CHECK net_choose_stack(char *const specs[], enum net_stack *ret, char **ret_message);

/*
 * Starts one with the interfaces of the specs (net/spec.h; NULL-terminated). 0 and a reference; or
 * -errno and *ret_message (malloc'ed, may be NULL): what the user is to know.
 */
int MUST_CHECK net_start(
	char *const specs[], enum net_stack stack, struct net **ret, char **ret_message);
/* A network of kind "none" in the same process, whose interfaces can be moved to and from those
 * there. */
int MUST_CHECK net_new_beside(struct net *of, struct net **ret);
struct net *net_get(struct net *n);
/* The last one ends it; what has a socket of it keeps the network alive, without its links. NULL is
 * fine. */
void net_put(struct net *n);
static inline void net_cleanup(struct net **n)
{
	net_put(*n);
}
#define _cleanup_net_ _cleanup_(net_cleanup)
/* Its process, a child of the caller; several may share it. */
pid_t net_pid(const struct net *n);
/* The number of its namespace, or of the file that stands for one, as stat(2) of /proc/PID/ns/net
 * has it. */
ino_t net_ino(const struct net *n);
/* Is this that file? */
bool net_has_file(const struct net *n, const struct stat *st);

/* socket(2) there: a descriptor, or -errno; -ENETDOWN when the process is gone. privileged: of
 * netlink(7) of lwIP's, may the caller change interfaces by it? */
int MUST_CHECK net_socket(struct net *n, int domain, int type, int protocol, bool privileged);
/* socketpair(2) there: 0 or -errno. */
int MUST_CHECK net_socketpair(struct net *n, int domain, int type, int protocol, int ret[2]);
/* open(2) there of a file that a network has: below /proc/net, /proc/sys/net, /sys;
 * /proc/self/ns/net. */
int MUST_CHECK net_open(struct net *n, const char *path, int flags);

/* ---- where the stack is a process of its own (net/lwip/) ---- */

enum net_stack net_stack(const struct net *n);

/* A connection with that process, the caller's alone until stack_end(): NULL when the process is
 * gone. */
struct stack_conn {
	int fd;
	bool broken;
	struct stack_conn *next;
	struct stack_msg msg;
};
struct stack_conn *net_stack_begin(struct net *n);
void net_stack_end(struct net *n, struct stack_conn *s);
/* Sends s->msg and takes the answer, which is there at once: s->msg.ret, or -ENETDOWN. */
int net_stack_ask(struct stack_conn *s);
/* Sends what is not answered: 0 or -ENETDOWN. */
int net_stack_tell(struct stack_conn *s);

/* A stream socket of that stack that nothing was done with yet (net/stackproto.h): a descriptor or
 * -errno. */
int MUST_CHECK net_stack_socket(struct net *n, int domain, int type, int protocol);
/* The domain of such a socket and its stack's process, or -1; also of one that is watched. */
int net_stack_fresh(int fd, pid_t *ret_pid, bool *ret_watched);
/* Tells the stack of it, which then learns of its last close: 0 or -errno. */
int MUST_CHECK net_stack_watch(struct net *n, int fd, int domain);
/* How many connect(2)s of that stack have failed: the same, as long as none has whose socket is
 * writable by then. */
uint32_t net_stack_failed(const struct net *n);
/* A descriptor that is hung up on (POLLHUP) when the stack's process is gone. */
int net_stack_lifeline(const struct net *n);
/* Connects it to the stack's process, which looks for it when it is next asked; of a socket that is
 * already it is no error. junk: bytes that fill it, or 0. 0 or -errno. */
int MUST_CHECK net_stack_adopt(struct net *n, int fd, int domain, size_t junk);
/* Writes so many bytes to it, STACK_JUNK and one at most. */
int MUST_CHECK net_stack_fill(const struct net *n, int fd, size_t bytes);

/* Are abstract AF_UNIX names the view's own: do such sockets come from there as well? */
bool net_abstract_private(const struct net *n);
/* Its resolv.conf, which guests write to as well: a file that stays the network's, or -1: the
 * host's holds. */
int net_resolv(const struct net *n);
/* The specs that it was started with, with spaces between them. */
const char *net_text(const struct net *n);

#endif
