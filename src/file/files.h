/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registry's inside: shared by the file layer's own files alone. */
#ifndef UM_FILE_FILES_H
#define UM_FILE_FILES_H

#include "file/vfile.h"

#define FILES_BUCKETS 4096
#define BUF_SIZE (4u << 20) /* one read of a server, one piece of write-back */
#define BUF_KEEP 4
#define AGAIN_MAX 64

enum job {
	JOB_CLOSED = 1 << 0,	/* no guest has it open any more */
	JOB_WRITEBACK = 1 << 1, /* dirty for some time */
	JOB_PREFETCH = 1 << 2,	/* read ahead */
	JOB_REFILL = 1 << 3,	/* readers that are not trapped hold it, and it was invalidated */
	JOB_FILL = 1 << 5,	/* read often: all of it is worth having */
	JOB_POLL = 1 << 6,	/* a stream may be ready, or not any more */
	JOB_LOCKS = 1 << 4,	/* a lock may have ended with a process or an open file */
};

/* What is known of a file system's free space. */
struct space {
	struct fs *fs;
	uint64_t until; /* now_ns(): it is believed so long */
	bool low;
};

struct files {
	struct view *view;
	char *rundir;
	char *placedir; /* where nameless directories are made: in memory, if there is such a place
			 */
	atomic_int known;   /* vfiles in the registry */
	atomic_int nlow;    /* of them that may be at numbers below VFD_BASE */
	char *diskdir;	    /* where big placeholders lie, NULL: nowhere */
	atomic_uint serial; /* of names in rundir */

	pthread_rwlock_t lock; /* hash, wds and vf->hashed; below caches' locks */
	struct cds_hlist_head hash[FILES_BUCKETS];  /* by device and inode number */
	struct cds_hlist_head wds[FILES_BUCKETS];   /* by watch */
	struct cds_hlist_head twins[FILES_BUCKETS]; /* with a cache: by the file's number */

	int inotify;
	int wake;	  /* eventfd: ends the events thread */
	pthread_t events; /* started with the first file: the launcher is forked before, and by a
			   * bare clone(2), which no thread's locks survive */
	atomic_bool events_run;
	pthread_mutex_t events_start; /* a leaf */
	pthread_mutex_t events_lock;  /* one reader of the queue at a time; above all others */
	/* Under it. Closed by somebody, and in use: the kernel reports a close a moment before the
	 * file counts as closed, so they are looked at again. Referenced. */
	struct vfile *again[AGAIN_MAX];
	int nagain;

	pthread_mutex_t job_lock; /* jobs, vf->jobs, the counts below; innermost, below lock */
	pthread_cond_t job_cond;  /* something is to be done */
	pthread_cond_t job_done;  /* pending is 0, or a worker ended */
	struct cds_list_head jobs;
	int workers, idle;
	int pending; /* vfiles waiting or at work */
	bool stop;

	pthread_mutex_t lru_lock;     /* lru, writers, space; below caches' locks */
	struct cds_list_head lru;     /* closed, clean caches; oldest first */
	struct cds_list_head writers; /* caches that a guest may write to */
	bool ticks;		      /* the events thread looks at them without being woken */
	uint64_t lru_bytes, lru_max;
	size_t lru_count, lru_count_max; /* each costs a descriptor and an inotify watch */
	struct space space[16];

	pthread_mutex_t lockers_lock; /* lockers (locks.c); above job_lock alone */
	struct cds_list_head lockers;

	pthread_mutex_t buf_lock; /* bufs; innermost */
	void *bufs[BUF_KEEP];
	int nbufs;

	pthread_mutex_t fifo_make_lock; /* finding or making one; above lock */
	pthread_mutex_t fifo_lock;	/* innermost */
	pthread_cond_t fifo_cond;	/* somebody opened a fifo */
};

/* A buffer of BUF_SIZE, NULL when out of memory. */
void *files_buf_get(struct files *f);
void files_buf_put(struct files *f, void *buf);

/* Makes a vfile for the open placeholder `fd` (which stays the caller's), hashed and watched:
 * the registry holds a reference, the caller another. What `like` has in it is there from the
 * beginning, for others see it at once; its inode and mount are referenced. */
int MUST_CHECK files_add(struct files *f, const struct vfile *like, int fd, struct vfile **ret);
#define VFILE_LIKE(kind_, ino_, mnt_)                                                              \
	.kind = kind_, .inode = ino_, .mnt = mnt_, .wd = -1, .place = -1, .device_fd = -1,         \
	.own = OWN_PLACE_NONE
/* Takes it out of the registry: nobody finds it from now on; the registry's reference is put. */
void files_remove(struct vfile *vf);
/* Nobody has it open any more: it is at no number. */
void vfile_left_low(struct vfile *vf);
/* All that are known of a file system (NULL: of all) with a page cache, each referenced, in a
 * malloc'ed array: how many, or -ENOMEM. */
ssize_t MUST_CHECK files_collect(struct files *f, struct fs *fs, struct vfile ***ret);
/* Of those the others that show the same number on the same file system; of what the server has no
 * more (orphans) the number may be another file's by now. */
ssize_t MUST_CHECK files_collect_twins(struct filecache *c, struct vfile ***ret);
/* Hands vf to a background thread. */
void files_job(struct vfile *vf, enum job job);
/* A new name in the run directory, of FILES_NAME_MAX bytes at least. */
#define FILES_NAME_MAX 4200
void files_name(struct files *f, const char *what, char *buf);
/* The same in placedir, for what loses its name at once. */
void files_place_name(struct files *f, const char *what, char *buf);

/* events.c: its thread is started with the first file. 0, or -errno. */
int MUST_CHECK files_events_start(struct files *f);
void files_events_stop(struct files *f);
/* Wakes the thread: somebody may write now; or it is to end. */
#define FILES_WAKE_STOP (1ull << 32)
void files_wake(struct files *f, uint64_t what);
/* Takes in what the kernel reported so far. */
void files_drain(struct files *f);

/* jobs.c */
int MUST_CHECK files_jobs_init(struct files *f);
/* Lets the threads end what they are at, as far as possible until deadline_ns. */
void files_jobs_stop(struct files *f, uint64_t deadline_ns);
/* Waits until nothing is to be done. */
void files_jobs_settle(struct files *f, uint64_t deadline_ns);

/* cache.c */
/* False: somebody has it open still. */
bool cache_closed_event(struct vfile *vf);
/* The jobs, in a background thread. */
void cache_job(struct vfile *vf, unsigned jobs);
/* Every half second: what has been dirty for long is written back. */
void cache_tick(struct files *f);

/* At the end: the placeholder goes, whatever it holds. */
void cache_forget(struct vfile *vf);

/* dir.c */
void dir_free(struct vfile *vf);

#endif
