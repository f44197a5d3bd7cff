/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links: where the frames of an interface go. A driver is one folder of src/net/ and one row of
 * link_table (main.c). It runs mostly in a thread of its own, in the host's network namespace, and
 * has the other end of the view's interface: a packet socket (packet(7)), or where the view's stack
 * is a process one of a pair with that.
 */
#ifndef UM_NET_LINK_H
#define UM_NET_LINK_H

#include "net/spec.h"

#define FRAME_MAX 65550 /* the longest MTU and an Ethernet header */

#define LINK_FDS 4 /* that the holder sends at most */

struct link {
	const struct net_spec *spec;
	const struct link_ops *ops;
	int frames; /* whole frames, without waiting: a packet socket, a tap, or one of a pair */
	int far;    /* the packet socket at the other end of a wire that goes through us; else -1 */
	int control; /* any socket of the view's namespace, for ioctls on peer; -1: the stack is a
			process */
	struct {
		int ask, inject;
	} outer; /* net/daemon/outer.h; -1: it is not there */
	char peer[IFNAMSIZ];
	int end;    /* of a pipe, readable once the view has ended; at its end, all that it sends is
		       in `frames` */
	void *priv; /* the driver's */
};

struct link_ops {
	enum net_link_kind kind;
	unsigned mtu; /* of the interface where the spec says none */
	/* Opens the other side: 0; or -errno and *ret_message for the user. */
	int (*open)(struct link *l, char **ret_message);
	/* Carries frames until the view has ended, and what it has sent is on its way. */
	void (*run)(struct link *l);
	/* Of one that needs no thread, instead: the next frame, which is there until the next call,
	 * when l->frames, which open() has set, is readable, its length as read(2) of what does not
	 * block; one for it, which may be kept back until the flush. */
	ssize_t (*recv)(struct link *l, const uint8_t **ret);
	void (*send)(struct link *l, const void *frame, size_t len);
	void (*flush)(struct link *l);
};

extern const struct link_ops slirp_link, vde_link, tap_link, far_link;
/* umview-lwip's alone: net/pair/ is the kernel's; the second one where frames are lost and delayed
 */
extern const struct link_ops wire_link, bad_wire_link;

/* What a stack that is a process is told of the carrier: a frame of this one byte. */
#define FRAME_CARRIER_OFF 0
#define FRAME_CARRIER_ON 1

/* The carrier of the view's interface: what its peer being up or down makes of it. */
void link_carrier(struct link *l, bool on);

/* Is the pipe at its end? Waits so long for it. */
bool link_has_ended(const struct link *l, int wait_ms);

/* The next frame of the view's, at most FRAME_MAX bytes, as read(2) of what does not block. */
ssize_t link_from_view(struct link *l, void *buf);

/* Sends a frame to the view; one that finds no room is lost, as on a wire, or waits for a stack
 * that is a process. */
void link_to_view(struct link *l, const void *frame, size_t len);

/*
 * Carries frames, with what the spec says of a bad wire, between the view and a descriptor of which
 * each read is a frame, until that is at its end, or the view has ended. recv and send as read(2)
 * and write(2), of l->priv.
 */
struct pump {
	int fd;	   /* readable when recv has a frame */
	int watch; /* its end or an error on it is the end too; -1 */
	ssize_t (*recv)(void *priv, void *buf, size_t len);
	ssize_t (*send)(void *priv, const void *buf, size_t len);
};
void link_pump(struct link *l, const struct pump *p);

#endif
