/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contexts of fsopen(2) and fspick(2), and mounts that are nowhere yet: of fsmount(2),
 * open_tree(2). */
#ifndef UM_SYS_MOUNT_FSCTX_H
#define UM_SYS_MOUNT_FSCTX_H

#include "file/vfile.h"
#include "view/path.h"

enum fsctx_phase { CTX_CONFIG, CTX_CREATED, CTX_MOUNTED, CTX_ATTACHED };

struct fsctx {
	atomic_int refs;      /* the context's file, the mount's file */
	pthread_mutex_t lock; /* all below; not held over requests */
	enum fsctx_phase phase;
	char *type, *source;
	char *options; /* "a,b=c" */
	unsigned long flags;
	char *message;	      /* for read(2): "e ..."; NULL: none */
	struct mount *picked; /* fspick: to be reconfigured; referenced */
	struct path tree;     /* open_tree: what the mount will show; else of no kind */
};

/* One reference; NULL: no memory. */
struct fsctx *fsctx_new(const char *type);
void fsctx_put(struct fsctx *x);
/* Answers with a file that stands for a mount that is nowhere yet. Takes the reference. */
enum verdict fsctx_answer_mount(struct call *c, struct fsctx *x, bool cloexec);
/* Such a mount behind a descriptor, valid as long as *ret_vf, which is referenced; or NULL. */
struct fsctx *fsctx_mount_of(struct call *c, int fd, struct vfile **ret_vf);
/* Its source as mount(2) takes it: nothing but a word where there is no image. */
const char *fsctx_source(const struct fsctx *x);

#endif
