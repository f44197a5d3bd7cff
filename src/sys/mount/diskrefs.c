/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks of virtual machines that name other files: what they are based on (a backing file), or
 * where their data is. qemu-nbd opens those, to read and to write, whatever they are: of an image
 * from elsewhere that may be any file of the user's, or a network address.
 */
#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "sys/mount/job.h"

#define QCOW2_EXTERNAL_DATA (1ull << 2) /* of the incompatible features */
#define NAME_SHOWN 200
#define VMDK_DESCRIPTOR 0x200 /* where qemu reads it, and how much of it */
#define VMDK_DESCRIPTOR_BYTES 10240
#define SECTOR 512
/* Virtual Hard Disk Image Format Specification, "Hard Disk Footer Format": a copy begins the file
 */
#define VHD_KIND 60
#define VHD_DIFFERENCES 4

struct qcow2_head {
	uint32_t magic, version;
	uint64_t backing_offset;
	uint32_t backing_size, cluster_bits;
	uint64_t other[6];
	uint64_t incompatible; /* from version 3 on */
} __attribute__((packed));

struct vmdk_head {
	uint32_t magic, version, flags;
	uint64_t capacity, granularity, descriptor;
} __attribute__((packed));

static_assert(offsetof(struct qcow2_head, incompatible) == 72, "qcow2.txt of QEMU");
static_assert(offsetof(struct vmdk_head, descriptor) == 28, "as in QEMU's vmdk.c");

/* What the disk refers to, in words; NULL: nothing. */
static char *qcow2_refers(int fd)
{
	char name[NAME_SHOWN + 1] = "";
	struct qcow2_head h = { 0 };
	size_t len;

	if (pread(fd, &h, sizeof(h), 0) < (ssize_t)offsetof(struct qcow2_head, other))
		return NULL;
	if (be32toh(h.version) >= 3 && be64toh(h.incompatible) & QCOW2_EXTERNAL_DATA)
		return strdup("its data in another file");
	if (!h.backing_offset)
		return NULL;
	len = be32toh(h.backing_size) < NAME_SHOWN ? be32toh(h.backing_size) : NAME_SHOWN;
	if (pread(fd, name, len, (off_t)be64toh(h.backing_offset)) < 0)
		name[0] = '\0';
	for (char *p = name; *p; p++) { /* it is shown on a terminal */
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	return str_printf("a backing file, \"%s\"", name);
}

static bool vmdk_has_parent(int fd, uint64_t at)
{
	static const char word[] = "parentFileNameHint";
	char text[VMDK_DESCRIPTOR_BYTES];
	ssize_t n = pread(fd, text, sizeof(text), (off_t)at);

	return n > 0 && memmem(text, (size_t)n, word, sizeof(word) - 1);
}

static char *vmdk_refers(int fd)
{
	struct vmdk_head h = { 0 };

	if (pread(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) || memcmp(&h, "KDMV", 4) != 0 ||
		!h.capacity)
		return strdup("its data in other files");
	if (vmdk_has_parent(fd, VMDK_DESCRIPTOR) ||
		vmdk_has_parent(fd, le64toh(h.descriptor) * SECTOR))
		return strdup("a parent");
	return NULL;
}

/* A disk of differences has the names of its parent; QEMU opens none, and would show other bytes.
 */
static bool vhd_has_parent(int fd)
{
	uint32_t kind = 0;

	return pread(fd, &kind, sizeof(kind), VHD_KIND) == (ssize_t)sizeof(kind) &&
	       be32toh(kind) == VHD_DIFFERENCES;
}

int mount_check_refs(struct mount_job *j)
{
	_cleanup_free_ char *what = NULL;

	if (strcmp(j->type, "vhd") == 0 && j->image.fd >= 0 && vhd_has_parent(j->image.fd))
		return mount_job_fail(j, -EOPNOTSUPP,
			"%s holds the differences to another disk alone, which nothing here opens: "
			"convert it to a whole one first",
			mount_job_source(j));
	if (j->o.backing_files || j->o.server || j->image.fd < 0)
		return 0;
	if (strcmp(j->type, "qcow2") == 0)
		what = qcow2_refers(j->image.fd);
	else if (strcmp(j->type, "vmdk") == 0)
		what = vmdk_refers(j->image.fd);
	if (!what)
		return 0;
	return mount_job_fail(j, -EPERM,
		"%s has %s, which is opened with the option backing-files alone: whoever made "
		"the image has chosen that file",
		mount_job_source(j), what);
}
