/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of mounting share: mountsrv.c, servers.c, image.c, umount.c. */
#ifndef UM_SYS_MOUNT_INTERNAL_H
#define UM_SYS_MOUNT_INTERNAL_H

#include "sys/mount/mountsrv.h"
#include "sys/mount/service.h"

/* Where in an image a file system lies, in bytes; size 0: in all of it. */
struct image_part {
	uint64_t offset, size;
};

/* ---- url.c ---- */

struct url {
	char *scheme;
	char *user;	   /* with its "@", or "" */
	char *authority;   /* host and port */
	char *host, *port; /* "" where there is none */
	char *path;	   /* from its "/" on; below "/~/" without that */
};
/* "SCHEME://[USER@]HOST[:PORT][PATH]". Release with url_release(). -EINVAL: it is no URL; -ENOMEM.
 */
int MUST_CHECK url_parse(const char *s, struct url *ret);
void url_release(struct url *u);

/* ---- servers.c: which program serves which type ---- */

struct server {
	char *type;
	/* template: %s source, %m mount point, %o options, never empty, %w the same with "rw+" for
	 * "rw", %f where in the source it begins, %z how long it is, %r "-r" for reading only (no
	 * word, else); of a URL %U user, %H host, %N port (a word that has it is left out where
	 * there is none), %A host and port, %P path */
	char *command;
	char *package; /* Debian's, or several with commas */
};
/* The line for a type: given on the command line ("TYPE=COMMAND", may be NULL), from the user's
 * table, from ours, else for "fuse.NAME" NAME itself. -ENODEV: none. Release with server_release().
 */
int MUST_CHECK server_find(char *const *given, const char *type, struct server *ret);
/* A command a user gave: "NAME" alone is NAME %s %m -o %o. malloc'ed or NULL. */
char *server_command(const char *command);
void server_release(struct server *s);
/* The words of a command template with its places filled in; NULL-terminated, free with
 * strv_free(). Single and double quotes group words. -EINVAL for an open quote, -ENOMEM. */
struct server_places {
	const char *source, *mountpoint, *options;
	struct image_part part;
	const struct url *url; /* of the source; NULL: it is none */
};
int MUST_CHECK server_argv(const char *command, const struct server_places *places, char ***ret);
void strv_free(char **v);
/* Is the program of argv[0] there (PATH)? */
bool server_installed(const char *program);

/* ---- imagefile.c: an image to be looked into ---- */

/* One that lies on a mount of the view is not brought here as a whole: what is looked at is copied.
 */
struct image_file {
	int fd;	       /* what to look at; -1: no image */
	int file;      /* the image itself, whose identity counts; often the same one */
	struct um *um; /* NULL: all of it is there */
};
#define IMAGE_FILE_NONE                                                                            \
	{                                                                                          \
		.fd = -1, .file = -1                                                               \
	}
/* Takes fd. virtual: it comes from file_open_peek(). On failure fd is closed. */
int MUST_CHECK image_file_init(struct image_file *f, struct um *um, int fd, bool virtual);
void image_file_release(struct image_file *f);
/* Sees to it that what tells the type of a file system that begins at off is there. */
int MUST_CHECK image_file_want(const struct image_file *f, uint64_t off);

/* ---- image.c: what is in an image, and who has it ---- */

/* The type of what is in an image, or in a part of it (NULL: all): libblkid's name, or that of an
 * archive ("zip", "tar" ...). -EINVAL with a message: unknown, truncated, encrypted, a whole disk
 * with partitions ... */
int MUST_CHECK image_type(const struct image_file *f, const char *path,
	const struct image_part *part, char **ret_type, char **ret_message);
/* What its first bytes say of it, by themselves: one of the types below, or NULL. */
const char *image_magic(const struct image_file *f);
/* Is it an archive, or another thing that is no file system, which image_type() knows by itself? */
bool image_type_is_packed(const char *type);
/* partition.c: the partitions of a whole disk in words, malloc'ed; NULL: it has no table. */
char *partition_list(const struct image_file *f);
/* Where a partition lies; -EINVAL with a message that lists them. */
int MUST_CHECK partition_find(const struct image_file *f, const char *path, unsigned number,
	struct image_part *ret, char **ret_message);
/* Locks a part of an image against being mounted twice, as long as the descriptor is open: fd;
 * -EBUSY with a message. */
int MUST_CHECK image_lock(struct um *um, int image, const struct image_part *part, const char *path,
	bool rw, char **ret_message);
/* Gives the lock up; its file goes with the last holder. */
void image_unlock(int fd);

/* ---- opts.c ---- */

/* What an options string is to us, and what of it is the server's. */
struct mount_options {
	char *type, *server;
	char *rest;		  /* for the server: no flags, nothing of ours */
	char *policy;		  /* a rule: sys/mount/rule.h */
	char *make;		  /* "dir", "symlink": sys/mount/make.h */
	char *partition, *offset; /* as given: where in the image it begins */
	unsigned long flags;
	bool backing_files; /* of a disk: what it names may be opened */
	bool fsck;	    /* repaired first, where it was not unmounted */
};

/* Flags as for mount(2) are or-ed in; "\\," is a comma of an option's own. -EINVAL, -ENOMEM. */
int MUST_CHECK mount_options_parse(
	const char *options, unsigned long flags, struct mount_options *ret);
void mount_options_release(struct mount_options *o);
/* Options after a remount with others: those of a name that both have are the new ones. malloc'ed;
 * NULL: out of memory. */
char *mount_options_merge(const char *old, const char *new);
/* Is one of the options, as they are written, this word? options may be NULL. */
bool mount_options_have(const char *options, const char *word);

/* ---- mountsrv.c ---- */

/* Servers between an image and the file system in it, at most: of where it is, of its format, of a
 * part. */
#define MOUNT_DISKS 3

/* A mount that is being made, or one whose server we started. */
struct mount_pending {
	struct mountsrv *ms;
	/* What the server is told to mount on: an empty directory of ours, so that it need not like
	 * the real place (libfuse refuses one that is not empty). Canonical. */
	char *mountpoint;
	char *dir;		  /* which we made for that */
	char *disks[MOUNT_DISKS]; /* mounts of ours that the source lies on; they end with this one
				   */
	char *alias; /* a symbolic link to the source, for servers whose options know no commas */
	const struct path *where; /* the real place; the job's, valid until done */
	char *source, *type, *options;
	unsigned long flags;
	bool claimed; /* the server's mount(2) has come */
	bool done;    /* and was answered: mnt or error */
	int error;
	struct mount *mnt; /* referenced */
	struct service service;
	int lock_fd; /* of the image */
	dev_t dev;   /* the image, and where in it */
	ino_t ino;
	uint64_t offset;
	int loop;		   /* device to be freed with it, -1 */
	struct cds_list_head node; /* ms->pending or ms->live */
};

struct ended {
	char *target;
	pid_t server;
	struct cds_list_head node;
};

struct mountsrv {
	struct um *um;
	pthread_mutex_t lock; /* the lists and the pending ones' state; innermost */
	pthread_cond_t cond;  /* a pending one was claimed or done */
	struct cds_list_head pending, live;
	struct cds_list_head ended; /* newest last, at most MAX_ENDED */
	unsigned nended;
	struct cds_list_head lazy; /* umount -l: struct lazy, until nobody uses them */
	bool lazy_started, lazy_stop;
	pthread_t lazy_thread;
	atomic_bool lost; /* something that was written, which was said */
};

void mount_pending_free(struct mount_pending *p);
/* A file system has ended: waits for its server, unlocks its image. */
void mountsrv_fs_ended(struct mountsrv *ms, struct fs *fs, uint64_t deadline_ns);
/* Did we start its server? */
bool mountsrv_started(struct mountsrv *ms, const struct fs *fs);
/* And does it serve an image from its beginning? */
bool mountsrv_whole_image(struct mountsrv *ms, const struct fs *fs);
void mountsrv_remember_ended(struct mountsrv *ms, const struct mount *m);

/* ---- again.c: an image that the view has mounted already ---- */

int MUST_CHECK mount_note_image(struct mount_pending *p, int image, uint64_t offset);
/* Puts the file system that serves p's image at p's place too (dry_run: would): 1; 0: there is none
 * that is mounted likewise; -EINTR, or what view_mount() says. */
int MUST_CHECK mount_again(
	struct mountsrv *ms, struct call *c, const struct mount_pending *p, bool dry_run);
/* One more user of a file system, if it has any: then umount_leave(), and the last one ends it. */
bool fs_join(struct fs *fs);
void umount_leave(struct um *um, struct fs *fs);

#endif
