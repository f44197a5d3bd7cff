/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Folders of the host laid over each other, in overlayfs's on-disk format (userxattr):
 * Documentation/filesystems/overlayfs.rst of the kernel. What is changed goes to the upper folder.
 */
#ifndef UM_FS_OVERLAY_OVERLAY_H
#define UM_FS_OVERLAY_OVERLAY_H

#include <stdio.h>

#include "view/fs.h"

#define OVERLAY_LOWER_MAX 500

struct overlay_layers {
	const char *lower[OVERLAY_LOWER_MAX]; /* absolute paths, the topmost first */
	unsigned nlower;
	const char *upper; /* NULL: read-only */
	const char *work;  /* on the file system of upper; NULL: upper is a tree that others use at
			      the same time, over nothing */
	bool fresh;	  /* upper was just made: it gets owner, mode and times of the topmost lower
			     folder */
	const char *hide; /* a folder that is not to be seen in it, or NULL */
	const char *layer; /* the folder that keeps upper, of src/layer; NULL: none */
	/* statfs(2): what it says to be (0: an overlay), and how many files there are for it alone
	 */
	long magic;
	fsfilcnt_t own_files;
	bool served;	 /* it runs in a view, whose mounts the folders may be on */
	bool consistent; /* who reads a file sees what is written to it: it is copied up before, if
			    anybody may write to it */
	bool durable; /* a copy's content is on disk before it takes the place of what is below */
	bool no_redirect; /* redirect_dir=off: EXDEV for folders with lower content */
	bool owners;	  /* owners and modes that cannot be set are kept in
			     user.containers.override_stat */
	bool owned_below; /* in the lowest folder they are kept so, too (podman's trees) */
	bool root; /* guests may be root: modes that would close a file to us are kept there too */
	/* The text to begin with where a file of the lowest folder that we may not read is changed:
	 * sys/task/shadow.h; may be NULL. What has none begins empty (where root is set, else it
	 * cannot be changed). */
	int (*stand_in)(const char *path, char **ret, size_t *ret_len);
	/* Lies on its own lowest folder, of which a walk may go on by itself where nothing is
	 * changed. */
	bool seen_through;
};

/*
 * Names of folders as options have them, with "\" before "\", ":" and "," that are a name's own
 * (the kernel's ovl_unescape()). overlay_next_name() cuts the next one off a list, whose names are
 * parted by `sep` ('\0': it is one), and unescapes it in place; NULL: there is no more.
 */
char *overlay_next_name(char **list, char sep);
void overlay_put_name(FILE *out, const char *before, const char *name);

/* *ret is for view_mount(). *ret_message is filled where something is to be said to the user
 * (malloc'ed). -EBUSY: the upper folder is in use; -EINVAL, -ENOMEM, -errno. */
int MUST_CHECK overlay_new(
	const struct overlay_layers *layers, struct fs **ret, char **ret_message);

#endif
