/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/task/ids.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "engine/engine.h"
#include "engine/nr.h"
#include "sys/task/nsids.h"
#include "view/root.h"

#define MAX_IDENTITIES 65536
#define STATUS_MAX 65536

struct entry {
	uint64_t hash;
	struct identity id;
	gid_t groups[];
};

struct ids {
	const struct view *view;
	pthread_mutex_t lock;	/* the table; and from reading a mark to setting it */
	struct entry **entries; /* 0: root */
	size_t n, size;
};

static uint64_t identity_hash(const struct identity *id)
{
	uint64_t h = hash_bytes(HASH_BEGIN, id->uid, sizeof(id->uid));

	h = hash_bytes(h, id->gid, sizeof(id->gid));
	h = hash_bytes(h, &id->inh, 5 * sizeof(uint64_t));
	h = hash_bytes(h, &id->securebits, sizeof(id->securebits));
	h = hash_bytes(h, &id->root, sizeof(id->root));
	return hash_bytes(h, id->groups, id->ngroups * sizeof(gid_t));
}

static bool identity_equal(const struct identity *a, const struct identity *b)
{
	return memcmp(a->uid, b->uid, sizeof(a->uid)) == 0 &&
	       memcmp(a->gid, b->gid, sizeof(a->gid)) == 0 && a->inh == b->inh &&
	       a->prm == b->prm && a->eff == b->eff && a->bnd == b->bnd && a->amb == b->amb &&
	       a->securebits == b->securebits && a->root == b->root && a->ngroups == b->ngroups &&
	       memcmp(a->groups, b->groups, a->ngroups * sizeof(gid_t)) == 0;
}

/* Under the lock: the index of an identity, added where it is new. */
static int intern(struct ids *ids, const struct identity *id)
{
	uint64_t hash = identity_hash(id);
	struct entry *e;

	for (size_t i = 0; i < ids->n; i++) {
		if (ids->entries[i]->hash == hash && identity_equal(&ids->entries[i]->id, id))
			return (int)i;
	}
	if (ids->n >= MAX_IDENTITIES)
		return -EAGAIN;
	if (ids->n == ids->size) {
		size_t size = ids->size ? ids->size * 2 : 16;
		struct entry **bigger = realloc(ids->entries, size * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		ids->entries = bigger;
		ids->size = size;
	}
	e = malloc(sizeof(*e) + id->ngroups * sizeof(gid_t));
	if (!e)
		return -ENOMEM;
	e->hash = hash;
	e->id = *id;
	memcpy(e->groups, id->groups, id->ngroups * sizeof(gid_t));
	e->id.groups = e->groups;
	ids->entries[ids->n] = e;
	return (int)ids->n++;
}

int ids_new(const struct view *view, struct ids **ret)
{
	static const gid_t root_group[] = { 0 };
	const struct identity root = {
		.prm = CAP_ALL, .eff = CAP_ALL, .bnd = CAP_ALL, .ngroups = 1, .groups = root_group
	};
	struct ids *ids = calloc(1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	ids->view = view;
	pthread_mutex_init(&ids->lock, NULL);
	if (intern(ids, &root) != 0) {
		ids_free(ids);
		return -ENOMEM;
	}
	*ret = ids;
	return 0;
}

void ids_free(struct ids *ids)
{
	if (!ids)
		return;
	for (size_t i = 0; i < ids->n; i++)
		free(ids->entries[i]);
	free(ids->entries);
	pthread_mutex_destroy(&ids->lock);
	free(ids);
}

/* Under the lock. A mark that is not ours (a limit set before the view began) is root's. */
static int lookup(struct ids *ids, pid_t pid, struct task_mark *m, const struct identity **ret)
{
	int r = task_mark_get(pid, m);

	if (r < 0)
		return r == -EPERM ? -EPERM : -ESRCH;
	if (m->identity >= ids->n)
		m->identity = 0;
	*ret = &ids->entries[m->identity]->id;
	return 0;
}

int ids_given(struct ids *ids, pid_t pid, const struct identity **ret)
{
	struct task_mark m;
	int r;

	pthread_mutex_lock(&ids->lock);
	r = lookup(ids, pid, &m, ret);
	pthread_mutex_unlock(&ids->lock);
	return r;
}

int ids_of(struct ids *ids, pid_t pid, const struct identity **ret)
{
	return nsids_elsewhere(ids->view, pid) ? -EPERM : ids_given(ids, pid, ret);
}

bool ids_virtual(struct call *c)
{
	return c->um->ids && !nsids_elsewhere(&c->um->view, c->tid);
}

int ids_change(struct call *c, int (*fn)(struct identity *id, void *arg), void *arg)
{
	struct ids *ids = c->um->ids;
	const struct identity *old;
	struct identity id;
	struct task_mark m;
	int r;

	if (!ids_virtual(c))
		return -EPERM;
	pthread_mutex_lock(&ids->lock);
	r = lookup(ids, c->tid, &m, &old);
	if (r == 0) {
		id = *old;
		r = fn(&id, arg);
	}
	if (r == 0) {
		r = intern(ids, &id);
		if (r >= 0 && (uint32_t)r != m.identity) {
			m.identity = (uint16_t)r;
			r = task_mark_set(c->tid, &m);
		}
	}
	pthread_mutex_unlock(&ids->lock);
	return r < 0 ? r : 0;
}

struct new_root {
	struct ids *ids;
	unsigned from, to;
	uint16_t space;
};

static void move_root(pid_t pid, const struct task_mark *mark, void *arg)
{
	const struct new_root *new = arg;
	const struct identity *old;
	struct identity id;
	struct task_mark m;
	int r;

	if (mark->service || mark->space != new->space || !task_is_ours(pid))
		return;
	pthread_mutex_lock(&new->ids->lock);
	r = lookup(new->ids, pid, &m, &old);
	if (r == 0 && old->root == new->from) {
		id = *old;
		id.root = new->to;
		r = intern(new->ids, &id);
		m.identity = r < 0 ? m.identity : (uint32_t)r;
		r = r < 0 ? r : task_mark_set(pid, &m);
	}
	pthread_mutex_unlock(&new->ids->lock);
	if (r < 0)
		log_info("process %d keeps its root: %s", pid, strerror(-r));
}

int ids_move_root(struct call *c, unsigned root)
{
	struct new_root new = { .ids = c->um->ids, .to = root };
	const struct identity *id;
	struct task_mark m;
	int r = ids_of(new.ids, c->tid, &id);

	if (r == 0)
		r = task_mark_get(c->tid, &m);
	if (r < 0)
		return r;
	new.from = id->root;
	new.space = m.space;
	task_mark_each(move_root, &new);
	return 0;
}

bool ids_capable(struct call *c, int cap)
{
	const struct identity *id;

	return c->um->ids && ids_of(c->um->ids, c->tid, &id) == 0 && (id->eff & CAP_BIT(cap));
}

bool ids_kernel_capable(struct call *c, int cap)
{
	_cleanup_free_ char *status = NULL;
	char path[64];
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/status", c->tid);
	if (read_file(path, 16384, &status, NULL) < 0)
		return false;
	p = strstr(status, "\nCapEff:");
	return p && (strtoull(p + 8, NULL, 16) >> cap & 1);
}

/* Are its mounts those of its user namespace, or of one within? Its capabilities are of that. */
static bool owns_mounts(pid_t tid)
{
	_cleanup_fd_ int ns = -1, user = -1;
	const ino_t its = process_ns(tid, "user");
	struct stat owner;
	char link[64];

	if (!its)
		return false;
	snprintf(link, sizeof(link), "/proc/%d/ns/mnt", tid);
	ns = open(link, O_RDONLY | O_CLOEXEC);
	user = ns < 0 ? -1 : ioctl(ns, NS_GET_USERNS);
	while (user >= 0 && fstat(user, &owner) == 0 && owner.st_ino != its) {
		int parent = ioctl(user, NS_GET_PARENT);

		close(user);
		user = parent;
	}
	return user >= 0;
}

bool ids_mounts_are_others(struct call *c)
{
	return nsids_elsewhere(&c->um->view, c->tid) && !owns_mounts(c->tid);
}

bool ids_may_mount(struct call *c)
{
	return ids_capable(c, CAP_SYS_ADMIN) ||
	       (ids_kernel_capable(c, CAP_SYS_ADMIN) && !ids_mounts_are_others(c));
}

static int exec_transition(struct identity *id, UNUSED void *arg)
{
	bool root = !(id->securebits & SECBIT_NOROOT);
	bool eff_root = root && id->uid[ID_EFF] == 0;

	id->uid[ID_SAVED] = id->uid[ID_FS] = id->uid[ID_EFF];
	id->gid[ID_SAVED] = id->gid[ID_FS] = id->gid[ID_EFF];
	if (eff_root || (root && id->uid[ID_REAL] == 0)) {
		id->prm = id->inh | id->bnd;
		id->eff = eff_root ? id->prm : id->amb;
	} else {
		id->prm = id->eff = id->amb;
	}
	id->securebits &= ~(unsigned)SECBIT_KEEP_CAPS;
	return 0;
}

void ids_exec(struct call *c)
{
	/* a failure leaves what it was: the process is gone, or the table full */
	if (c->um->ids && ids_change(c, exec_transition, NULL) < 0)
		return;
}

/* One line of /proc/PID/status: rewritten, or as it is. */
static void put_status_line(FILE *out, const char *line, size_t len, const struct identity *id)
{
	const struct {
		const char *name;
		uint64_t set;
	} caps[] = {
		{ "CapInh:", id->inh },
		{ "CapPrm:", id->prm },
		{ "CapEff:", id->eff },
		{ "CapBnd:", id->bnd },
		{ "CapAmb:", id->amb },
	};

	if (strncmp(line, "Uid:", 4) == 0) {
		fprintf(out, "Uid:\t%u\t%u\t%u\t%u\n", id->uid[0], id->uid[1], id->uid[2],
			id->uid[3]);
		return;
	}
	if (strncmp(line, "Gid:", 4) == 0) {
		fprintf(out, "Gid:\t%u\t%u\t%u\t%u\n", id->gid[0], id->gid[1], id->gid[2],
			id->gid[3]);
		return;
	}
	if (strncmp(line, "Groups:", 7) == 0) {
		fputs("Groups:\t", out);
		for (uint32_t i = 0; i < id->ngroups; i++)
			fprintf(out, "%u ", id->groups[i]);
		fputc('\n', out);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		if (strncmp(line, caps[i].name, 7) == 0) {
			fprintf(out, "%s\t%016llx\n", caps[i].name,
				(unsigned long long)caps[i].set);
			return;
		}
	}
	fwrite(line, 1, len, out);
}

int ids_status_text(struct ids *ids, pid_t pid, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *host = NULL, *text = NULL;
	const struct identity *id;
	char path[64];
	size_t len;
	FILE *out;
	int r = ids_of(ids, pid, &id);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	r = read_file(path, STATUS_MAX, &host, NULL);
	if (r < 0)
		return r;
	out = open_memstream(&text, &len);
	if (!out)
		return -ENOMEM;
	for (const char *p = host; *p;) {
		size_t n = strcspn(p, "\n");

		n += p[n] == '\n';
		put_status_line(out, p, n, id);
		p += n;
	}
	if (fclose(out) != 0)
		return -ENOMEM;
	*ret = take_ptr(&text);
	*ret_len = len;
	return 0;
}

bool ids_chown_is_noop(struct call *c, const struct stat *st, uid_t uid, gid_t gid)
{
	if (!ids_capable(c, CAP_CHOWN) || st->st_uid != geteuid())
		return false;
	return (uid == (uid_t)-1 || uid == 0 || uid == st->st_uid) &&
	       (gid == (gid_t)-1 || gid == 0 || gid == st->st_gid);
}

bool ids_chown(struct call *c, int dirfd, const char *word)
{
	_cleanup_path_ struct path p = PATH_INIT;
	bool at = c->nr == __NR_fchownat;
	uid_t uid = (uid_t)c->args[at ? 2 : 1];
	gid_t gid = (gid_t)c->args[at ? 3 : 2];
	unsigned flags = PATH_FOLLOW;
	struct stat st;

	if ((uid != (uid_t)-1 && uid != 0 && uid != geteuid()) || !ids_capable(c, CAP_CHOWN))
		return false;
	if (c->nr == __NR_lchown || (at && (c->args[4] & AT_SYMLINK_NOFOLLOW)))
		flags = 0;
	if (at && (c->args[4] & AT_EMPTY_PATH))
		flags |= PATH_EMPTY;
	if (path_resolve(c, &c->um->view, dirfd, word, flags | PATH_REALIZE, &p) < 0)
		return false;
	if (p.kind == PATH_VIRTUAL)
		return p.mnt->fs->host_fd && !(p.mnt->fs->flags & FS_KEEPS_OWNERS) &&
		       path_want_write(&p) == 0 && fstat(inode_host_fd(p.inode), &st) == 0 &&
		       ids_chown_is_noop(c, &st, uid, gid);
	if (p.kind != PATH_REAL)
		return false;
	return fstatat(p.dirfd, p.last, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0 &&
	       ids_chown_is_noop(c, &st, uid, gid);
}

static void cred_hook(struct call *c, struct fs_req *req)
{
	const struct identity *id;

	if (!c->um->ids || ids_given(c->um->ids, c->tid, &id) < 0)
		return;
	req->uid = id->uid[ID_FS];
	req->gid = id->gid[ID_FS];
	req->ruid = id->uid[ID_REAL];
	req->rgid = id->gid[ID_REAL];
	req->odd_caps = fs_req_odd_caps(req->uid, id->eff);
}

static unsigned root_hook(struct um *um, pid_t tid)
{
	const struct identity *id;

	return um->ids && ids_given(um->ids, tid, &id) == 0 ? id->root : 0;
}

static bool group_hook(struct call *c, gid_t gid, bool *ret)
{
	const struct identity *id;

	if (!c->um->ids || ids_given(c->um->ids, c->tid, &id) < 0)
		return false;
	*ret = false;
	for (uint32_t i = 0; i < id->ngroups && !*ret; i++)
		*ret = id->groups[i] == gid;
	return true;
}

void ids_install(UNUSED struct ids *ids)
{
	path_set_cred_hook(cred_hook, group_hook);
	root_set_hook(root_hook);
}
