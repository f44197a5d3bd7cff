/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The partitions of a whole disk, as libblkid reads its table. */
#include <blkid/blkid.h>
#include <stdio.h>
#include <string.h>

#include "sys/mount/internal.h"

#define SECTOR 512ull /* in which libblkid counts, whatever the disk's are */

static void probe_free(blkid_probe *pr)
{
	if (*pr)
		blkid_free_probe(*pr);
}

static blkid_partlist read_table(blkid_probe pr, int fd)
{
	if (!pr || blkid_probe_set_device(pr, fd, 0, 0) != 0)
		return NULL;
	blkid_probe_enable_superblocks(pr, 0);
	blkid_probe_enable_partitions(pr, 1);
	return blkid_probe_get_partitions(pr);
}

static struct image_part part_of(blkid_partition p)
{
	return (struct image_part){ .offset = (uint64_t)blkid_partition_get_start(p) * SECTOR,
		.size = (uint64_t)blkid_partition_get_size(p) * SECTOR };
}

/* The lines of a list, as "1 (ext4, 16 MiB), 2 (...)". */
static void list_parts(FILE *out, const struct image_file *f, blkid_partlist table)
{
	int n = blkid_partlist_numof_partitions(table);
	const char *comma = "";

	for (int i = 0; i < n; i++) {
		blkid_partition p = blkid_partlist_get_partition(table, i);
		struct image_part part = part_of(p);
		_cleanup_free_ char *type = NULL, *why = NULL;

		if (blkid_partition_is_extended(p))
			continue;
		if (image_type(f, "", &part, &type, &why) < 0)
			type = strdup("no file system");
		fprintf(out, "%s%d (%s, %llu MiB)", comma, blkid_partition_get_partno(p),
			type ? type : "?", (unsigned long long)(part.size >> 20));
		comma = ", ";
	}
	if (!*comma)
		fputs("it has none", out);
}

char *partition_list(const struct image_file *f)
{
	_cleanup_(probe_free) blkid_probe pr = blkid_new_probe();
	blkid_partlist table = read_table(pr, f->fd);
	char *text = NULL;
	size_t len;
	FILE *out;

	if (!table)
		return NULL;
	out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	list_parts(out, f, table);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

int partition_find(const struct image_file *f, const char *path, unsigned number,
	struct image_part *ret, char **ret_message)
{
	_cleanup_(probe_free) blkid_probe pr = blkid_new_probe();
	blkid_partlist table = read_table(pr, f->fd);
	_cleanup_free_ char *all = NULL;
	struct image_part part;
	blkid_partition p = NULL;

	for (int i = 0; table && !p && i < blkid_partlist_numof_partitions(table); i++) {
		p = blkid_partlist_get_partition(table, i);
		if (blkid_partition_get_partno(p) != (int)number || blkid_partition_is_extended(p))
			p = NULL;
	}
	if (p) {
		part = part_of(p);
		if (part.size) {
			*ret = part;
			return 0;
		}
	}
	all = partition_list(f);
	*ret_message = str_printf("%s has no partition %u: %s", path, number,
		all ? all : "it has no partition table");
	return -EINVAL;
}
