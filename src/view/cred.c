/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose call it is, as a server is told. The kernel keeps a task's filesystem ids, groups and
 * umask; they are read from /proc/TID/status, in one read, and kept no longer than
 * the call.
 *
 * That read costs more than all the rest of a path call, so it is made only where it can say
 * something new: where a guest can have other ids than ours (engine/own.h), and for the umask,
 * which matters to calls that make a file alone; to an open with O_CREAT once it is known that it
 * makes one (fs_req_need_umask()).
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engine/own.h"
#include "engine/status.h"
#include "engine/nr.h"
#include "view/itable.h"
#include "view/path.h"

/* Set once, before the first call. */
static void (*_Atomic cred_hook)(struct call *c, struct fs_req *ret);

static bool (*_Atomic group_hook)(struct call *c, gid_t gid, bool *ret);

void path_set_cred_hook(void (*fn)(struct call *c, struct fs_req *ret),
	bool (*in_group)(struct call *c, gid_t gid, bool *ret))
{
	atomic_store(&cred_hook, fn);
	atomic_store(&group_hook, in_group);
}

/* The real and the file-system one. */
static void take_ids(const char *text, const char *key, uint32_t *ret_real, uint32_t *ret_fs)
{
	uint32_t id[4];
	int n = status_ids(text, key, id);

	if (n > 0)
		*ret_real = id[0];
	if (n == 4)
		*ret_fs = id[3];
}

static bool makes_file(const struct call *c)
{
	switch (c->nr) {
	case __NR_open:
		return c->args[1] & __O_TMPFILE;
	case __NR_openat:
		return c->args[2] & __O_TMPFILE;
	case __NR_openat2:
	case __NR_creat:
	case __NR_mkdir:
	case __NR_mkdirat:
	case __NR_mknod:
	case __NR_mknodat:
	case __NR_bind:
		return true;
	}
	return false;
}

uint64_t fs_req_odd_caps(uid_t uid, uint64_t caps)
{
	return uid == 0 ? ~caps : caps;
}

bool fs_req_capable(const struct fs_req *req, int cap)
{
	return !req || !req->call || (req->uid == 0) != (req->odd_caps >> cap & 1);
}

/* Those of another than root count where it is in our user namespace. */
static void take_caps(struct call *c, const char *text, struct fs_req *req)
{
	const char *p = status_field(text, "\nCapEff:\t");
	uint64_t caps = p ? strtoull(p, NULL, 16) : 0;

	if (req->uid != 0 && caps && process_ns(c->tid, "user") != process_ns(0, "user"))
		return;
	if (p)
		req->odd_caps = fs_req_odd_caps(req->uid, caps);
}

static void cred_read(struct call *c, struct fs_req *req)
{
	void (*fn)(struct call *, struct fs_req *) = atomic_load(&cred_hook);
	bool asked = false;
	char buf[4096];

	if ((makes_file(c) || !call_own_ids(c).fixed) && call_status(c, buf, sizeof(buf)) > 0) {
		const char *p = status_field(buf, "\nUmask:\t");

		asked = true;
		take_ids(buf, "\nUid:\t", &req->ruid, &req->uid);
		take_ids(buf, "\nGid:\t", &req->rgid, &req->gid);
		take_caps(c, buf, req);
		if (p)
			req->umask = (mode_t)strtoul(p, NULL, 8) & 0777;
	}
	if (fn)
		fn(c, req);
	c->cred_ = (struct call_cred){ .known = true,
		.asked = asked,
		.uid = req->uid,
		.ruid = req->ruid,
		.gid = req->gid,
		.rgid = req->rgid,
		.odd_caps = req->odd_caps,
		.umask = req->umask };
}

void fs_req_init(struct fs_req *req, struct call *c)
{
	struct own_ids own;

	if (c && c->cred_.known) {
		*req = (struct fs_req){ .call = c,
			.uid = c->cred_.uid,
			.gid = c->cred_.gid,
			.ruid = c->cred_.ruid,
			.rgid = c->cred_.rgid,
			.pid = c->tid,
			.odd_caps = c->cred_.odd_caps,
			.umask = c->cred_.umask };
		return;
	}
	own = call_own_ids(c);
	*req = (struct fs_req){ .call = c, .uid = own.uid, .gid = own.gid, .umask = 022 };
	req->ruid = req->uid;
	req->rgid = req->gid;
	if (!c)
		return;
	req->pid = c->tid;
	cred_read(c, req);
}

int fs_req_need_umask(struct fs_req *req)
{
	struct call *c = req->call;
	char buf[4096];
	const char *p;

	if (!c)
		return 0;
	if (c->cred_.asked) { /* perhaps for another request of the same call */
		req->umask = c->cred_.umask;
		return 0;
	}
	p = call_status(c, buf, sizeof(buf)) > 0 ? status_field(buf, "\nUmask:\t") : NULL;
	if (!call_alive(c)) /* its number may be another's */
		return -ESRCH;
	c->cred_.asked = true;
	if (p)
		req->umask = c->cred_.umask = (mode_t)strtoul(p, NULL, 8) & 0777;
	return 0;
}

bool fs_req_in_group(const struct fs_req *req, gid_t gid)
{
	_cleanup_free_ char *buf = NULL;
	const size_t size = 1 << 20; /* 65,536 groups */
	bool (*fn)(struct call *, gid_t, bool *) = atomic_load(&group_hook);
	struct own_ids own;
	const char *p;
	bool is_in;
	gid_t g;

	if (req->gid == gid)
		return true;
	if (!req->call)
		return false;
	if (fn && fn(req->call, gid, &is_in))
		return is_in;
	own = call_own_ids(req->call);
	if (own.fixed && own.groups) {
		for (int i = 0; i < own.ngroups; i++)
			if (own.groups[i] == gid)
				return true;
		return false;
	}
	buf = malloc(size);
	if (!buf || status_read(req->call->tid, buf, size) < 0)
		return false;
	p = status_field(buf, "\nGroups:\t");
	while (status_next_group(&p, &g)) {
		if (g == gid)
			return true;
	}
	return false;
}
