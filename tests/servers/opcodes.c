/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file system of libfuse's low level for what other servers seldom have: opcodes [options]
 *MOUNTPOINT. Each request of interest is a line on standard error.
 *
 *	data	a file; ioctl SIZE_GET and SIZE_SET, copy_file_range, fallocate, SEEK_DATA and
 *SEEK_HOLE full	takes no byte: ENOSPC
 *	ctl	a word written to it is a notification to send, after which its reader is woken: it
 *reads the number of notifications sent name	is there while `shown` slow	reading it takes
 *SLOW_MS, or until it is interrupted
 *
 * With $OPCODES_LEAVES a file of this name is written half a second after the unmount.
 */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define SIZE_GET _IOR('E', 0, size_t)
#define SIZE_SET _IOW('E', 1, size_t)
#define SWAP _IOWR('E', 2, size_t) /* gives the old size, sets the new */

enum { DATA_MAX = 1 << 20, FOR_LONG = 3600, SLOW_MS = 30000, HOLE = 65536 };
enum { DIR_HANDLE = 77 };
enum { ROOT = FUSE_ROOT_ID, DATA, FULL, CTL, NAME, SLOW, NINODES };

static const char *const names[NINODES] = {
	[DATA] = "data", [FULL] = "full", [CTL] = "ctl", [NAME] = "name", [SLOW] = "slow"
};

static struct server {
	struct fuse_session *session;
	pthread_mutex_t lock;
	pthread_cond_t interrupted;
	char data[DATA_MAX];
	size_t size;
	bool shown;
	int sent; /* notifications */
} sv = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .interrupted = PTHREAD_COND_INITIALIZER, .shown = true
};

static void attr_of(fuse_ino_t ino, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_mode = ino == ROOT ? S_IFDIR | 0755 : S_IFREG | 0666;
	st->st_nlink = ino == ROOT ? 2 : 1;
	st->st_uid = getuid();
	st->st_gid = getgid();
	st->st_mtime = st->st_ctime = st->st_atime = 1000000000;
	if (ino == DATA)
		st->st_size = (off_t)sv.size;
	else if (ino == CTL || ino == SLOW)
		st->st_size = 8;
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	pthread_mutex_lock(&sv.lock);
	attr_of(ino, &st);
	pthread_mutex_unlock(&sv.lock);
	fuse_reply_attr(req, &st, FOR_LONG);
}

static void op_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *st, int what, struct fuse_file_info *fi)
{
	pthread_mutex_lock(&sv.lock);
	if (ino == DATA && (what & FUSE_SET_ATTR_SIZE)) {
		size_t size = st->st_size < DATA_MAX ? (size_t)st->st_size : DATA_MAX;

		if (size > sv.size)
			memset(sv.data + sv.size, 0, size - sv.size);
		sv.size = size;
	}
	pthread_mutex_unlock(&sv.lock);
	op_getattr(req, ino, fi);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .attr_timeout = FOR_LONG, .entry_timeout = FOR_LONG };

	pthread_mutex_lock(&sv.lock);
	for (fuse_ino_t i = DATA; parent == ROOT && i < NINODES; i++) {
		if (strcmp(name, names[i]) == 0 && (i != NAME || sv.shown))
			e.ino = i;
	}
	if (e.ino)
		attr_of(e.ino, &e.attr);
	pthread_mutex_unlock(&sv.lock);
	fprintf(stderr, "lookup %s: %s\n", name, e.ino ? "there" : "not there");
	fuse_reply_entry(req, &e);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fi->direct_io = ino == CTL || ino == SLOW;
	fi->keep_cache = ino == DATA;
	fuse_reply_open(req, fi);
}

static void on_interrupt(fuse_req_t req, void *arg)
{
	(void)req;
	pthread_mutex_lock(&sv.lock);
	*(bool *)arg = true;
	pthread_cond_broadcast(&sv.interrupted);
	pthread_mutex_unlock(&sv.lock);
}

static void read_slowly(fuse_req_t req)
{
	struct timespec until;
	bool interrupted = false;
	int r = 0;

	fprintf(stderr, "slow read\n");
	fuse_req_interrupt_func(req, on_interrupt, &interrupted);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SLOW_MS / 1000;
	pthread_mutex_lock(&sv.lock);
	while (!interrupted && r == 0)
		r = pthread_cond_timedwait(&sv.interrupted, &sv.lock, &until);
	pthread_mutex_unlock(&sv.lock);
	fuse_req_interrupt_func(req, NULL, NULL);
	fprintf(stderr, "slow read: %s\n", interrupted ? "interrupted" : "done");
	if (interrupted)
		fuse_reply_err(req, EINTR);
	else
		fuse_reply_buf(req, "slow", 4);
}

static void op_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	char text[32];
	int n;

	(void)fi;
	if (ino == SLOW) {
		read_slowly(req);
		return;
	}
	pthread_mutex_lock(&sv.lock);
	if (ino == DATA) {
		size_t left = (size_t)off < sv.size ? sv.size - (size_t)off : 0;

		fuse_reply_buf(req, sv.data + off, left < size ? left : size);
	} else {
		n = ino == CTL ? snprintf(text, sizeof(text), "%d\n", sv.sent) : 0;
		fuse_reply_buf(req, text, off ? 0 : (size_t)n);
	}
	pthread_mutex_unlock(&sv.lock);
}

/* A server's reply to RETRIEVE. */
static void op_retrieved(
	fuse_req_t req, void *cookie, fuse_ino_t ino, off_t off, struct fuse_bufvec *bufv)
{
	char got[16] = "";
	struct fuse_bufvec to = FUSE_BUFVEC_INIT(sizeof(got) - 1);

	(void)cookie;
	to.buf[0].mem = got;
	fuse_buf_copy(&to, bufv, 0);
	fprintf(stderr, "retrieved %s+%d: %.5s\n", names[ino], (int)off, got);
	fuse_reply_none(req);
}

static int notify(const char *word)
{
	struct fuse_bufvec from = FUSE_BUFVEC_INIT(5);

	if (strcmp(word, "change") == 0) { /* without a word to anybody */
		pthread_mutex_lock(&sv.lock);
		memcpy(sv.data, "other", 5);
		pthread_mutex_unlock(&sv.lock);
		return 0;
	}
	if (strcmp(word, "hide") == 0 || strcmp(word, "show") == 0) {
		pthread_mutex_lock(&sv.lock);
		sv.shown = word[0] == 's';
		pthread_mutex_unlock(&sv.lock);
		return 0;
	}
	if (strcmp(word, "inval_inode") == 0)
		return fuse_lowlevel_notify_inval_inode(sv.session, DATA, 0, 0);
	if (strcmp(word, "inval_entry") == 0)
		return fuse_lowlevel_notify_inval_entry(sv.session, ROOT, "name", 4);
	if (strcmp(word, "delete") == 0)
		return fuse_lowlevel_notify_delete(sv.session, ROOT, NAME, "name", 4);
	if (strcmp(word, "store") == 0) {
		from.buf[0].mem = (void *)"store";
		return fuse_lowlevel_notify_store(sv.session, DATA, 0, &from, 0);
	}
	if (strcmp(word, "retrieve") == 0)
		return fuse_lowlevel_notify_retrieve(sv.session, DATA, 5, 0, NULL);
	return -EINVAL;
}

/* Not from the thread of the request that asked for it. */
static void *notify_main(void *arg)
{
	int r = notify(arg);

	fprintf(stderr, "notified %s: %d\n", (char *)arg, r);
	pthread_mutex_lock(&sv.lock);
	sv.sent++;
	pthread_mutex_unlock(&sv.lock);
	free(arg);
	return NULL;
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	pthread_t thread;

	(void)fi;
	if (ino == FULL || off + size > DATA_MAX) {
		fuse_reply_err(req, ENOSPC);
		return;
	}
	if (ino == DATA) {
		pthread_mutex_lock(&sv.lock);
		memcpy(sv.data + off, buf, size);
		if ((size_t)off + size > sv.size)
			sv.size = (size_t)off + size;
		pthread_mutex_unlock(&sv.lock);
	} else if (ino == CTL) {
		if (pthread_create(&thread, NULL, notify_main, strndup(buf, size)) == 0)
			pthread_detach(thread);
	}
	fuse_reply_write(req, size);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->fh = DIR_HANDLE;
	fuse_reply_open(req, fi);
}

static void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg,
	struct fuse_file_info *fi, unsigned flags, const void *in, size_t in_size, size_t out_size)
{
	size_t old = sv.size, new = 0;

	(void)arg;
	fprintf(stderr, "ioctl %#x of %zu and %zu bytes%s%s\n", cmd, in_size, out_size,
		flags & FUSE_IOCTL_DIR ? " of a directory" : "",
		fi->fh == DIR_HANDLE ? " that is open" : "");
	if (in_size == sizeof(new))
		memcpy(&new, in, sizeof(new));
	if (ino != DATA || (cmd != SIZE_GET && cmd != SIZE_SET && cmd != SWAP) || new > DATA_MAX) {
		fuse_reply_err(req, ino == DATA && new > DATA_MAX ? EFBIG : ENOTTY);
		return;
	}
	if (cmd != SIZE_GET)
		sv.size = new;
	if (cmd == SIZE_SET)
		fuse_reply_ioctl(req, 7, NULL, 0);
	else
		fuse_reply_ioctl(req, 0, &old, sizeof(old));
}

static void op_bmap(fuse_req_t req, fuse_ino_t ino, size_t blocksize, uint64_t block)
{
	(void)ino;
	fprintf(stderr, "bmap of %zu\n", blocksize);
	fuse_reply_bmap(req, block + 1000);
}

static void op_fallocate(
	fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len, struct fuse_file_info *fi)
{
	(void)fi;
	fprintf(stderr, "fallocate mode %d\n", mode);
	if (ino == FULL) {
		fuse_reply_err(req, ENOSPC);
	} else if (ino == DATA && mode == 0 && off + len <= DATA_MAX) {
		if ((size_t)(off + len) > sv.size)
			sv.size = (size_t)(off + len);
		fuse_reply_err(req, 0);
	} else {
		fuse_reply_err(req, EOPNOTSUPP);
	}
}

/* All holes but for one page. */
static void op_lseek(
	fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fprintf(stderr, "lseek %s\n", whence == SEEK_DATA ? "data" : "hole");
	if (whence == SEEK_HOLE)
		fuse_reply_lseek(req, off >= HOLE && off < HOLE + 4096 ? HOLE + 4096 : off);
	else if (off < HOLE + 4096)
		fuse_reply_lseek(req, off < HOLE ? HOLE : off);
	else
		fuse_reply_err(req, ENXIO);
}

static void op_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t off_in,
	struct fuse_file_info *fi_in, fuse_ino_t out, off_t off_out, struct fuse_file_info *fi_out,
	size_t len, int flags)
{
	size_t left = (size_t)off_in < sv.size ? sv.size - (size_t)off_in : 0;

	(void)fi_in;
	(void)fi_out;
	(void)flags;
	fprintf(stderr, "copy_file_range %d to %d\n", (int)off_in, (int)off_out);
	if (len > left)
		len = left;
	if (in != DATA || out != DATA || off_out + len > DATA_MAX) {
		fuse_reply_err(req, EIO);
		return;
	}
	memmove(sv.data + off_out, sv.data + off_in, len);
	if ((size_t)off_out + len > sv.size)
		sv.size = (size_t)off_out + len;
	fuse_reply_write(req, len);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = {
		.f_bsize = 4096, .f_frsize = 4096, .f_blocks = 256, .f_namemax = 255
	};

	(void)ino;
	fprintf(stderr, "statfs\n");
	fuse_reply_statfs(req, &st);
}

static const struct fuse_lowlevel_ops ops = {
	.statfs = op_statfs,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.opendir = op_opendir,
	.ioctl = op_ioctl,
	.bmap = op_bmap,
	.fallocate = op_fallocate,
	.lseek = op_lseek,
	.copy_file_range = op_copy_file_range,
	.retrieve_reply = op_retrieved,
};

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	const char *leaves = getenv("OPCODES_LEAVES");
	struct fuse_cmdline_opts o;
	struct fuse_loop_config config = { .max_idle_threads = 10 };
	int r, fd;

	if (fuse_parse_cmdline(&args, &o) != 0 || !o.mountpoint)
		return 1;
	memcpy(sv.data, "start", 5);
	sv.size = 5;
	sv.session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!sv.session || fuse_session_mount(sv.session, o.mountpoint) != 0)
		return 1;
	fuse_daemonize(o.foreground);
	r = fuse_session_loop_mt(sv.session, &config);
	fuse_session_unmount(sv.session);
	fuse_session_destroy(sv.session);
	if (leaves) {
		usleep(500000);
		fd = open(leaves, O_WRONLY | O_CREAT, 0644);
		close(fd);
	}
	return r != 0;
}
