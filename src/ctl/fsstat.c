/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a mount's server was asked, and how long it took, for umctl stat. */

#include "base/json.h"
#include "ctl/ctl.h"
#include "fs/fuse/fuse.h"
#include "view/view.h"

static void add_count(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)n));
}

static void add_us(struct json_object *o, const char *key, double ns)
{
	json_object_object_add(o, key, json_object_new_double(ns / 1e3));
}

static struct json_object *op_stat(unsigned opcode, const struct fuse_op_stats *s)
{
	const char *name = fuse_opcode_name(opcode);
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "request", json_text(name ? name : "?"));
	add_count(o, "count", s->count);
	add_count(o, "failed", s->errors);
	add_us(o, "average_us", (double)s->ns / (double)s->count);
	add_us(o, "p50_us", (double)fuse_op_percentile(s, 50));
	add_us(o, "p95_us", (double)fuse_op_percentile(s, 95));
	add_us(o, "p99_us", (double)fuse_op_percentile(s, 99));
	add_us(o, "max_us", (double)s->ns_max);
	return o;
}

void ctl_add_mount_stat(struct mount *m, void *arg)
{
	struct json_object *o, *list;
	_cleanup_free_ struct fuse_stats *st = NULL;

	if (!fuse_is(m->fs))
		return;
	st = malloc(sizeof(*st));
	if (!st)
		return;
	fuse_conn_stats(m->fs, st);
	o = json_object_new_object();
	list = json_object_new_array();
	json_object_object_add(o, "target", json_text(m->target));
	add_count(o, "protocol_minor", st->minor);
	add_count(o, "in_flight", st->in_flight);
	add_count(o, "bytes_sent", st->bytes_sent);
	add_count(o, "bytes_received", st->bytes_received);
	add_count(o, "bad_replies", st->bad_replies);
	add_count(o, "notifications", st->notifications);
	add_count(o, "opens", atomic_load(&m->fs->hits.opens));
	add_count(o, "opens_kept", atomic_load(&m->fs->hits.opens_kept));
	add_count(o, "reads", atomic_load(&m->fs->hits.reads));
	add_count(o, "reads_kept", atomic_load(&m->fs->hits.reads_kept));
	for (unsigned i = 0; i < FUSE_NR_OPCODES; i++)
		if (st->op[i].count)
			json_object_array_add(list, op_stat(i, &st->op[i]));
	json_object_object_add(o, "requests", list);
	json_object_array_add(arg, o);
}
