/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/task/binfmt.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define MEMFD_NAME_MAX 249

static bool blank(char ch)
{
	return ch == ' ' || ch == '\t';
}

static const char *skip_blank(const char *p, const char *last)
{
	for (; p <= last; p++) {
		if (!blank(*p))
			return p;
	}
	return NULL;
}

static const char *find_end(const char *p, const char *last)
{
	for (; p <= last; p++) {
		if (blank(*p) || *p == '\0')
			return p;
	}
	return NULL;
}

/* The rules are those of load_script() in fs/binfmt_script.c, in its order. */
int script_parse(const char *head, size_t n, struct script *ret)
{
	char *buf = ret->line;
	const char *last = buf + IMAGE_HEAD - 1, *end, *name, *sep;

	memset(buf, 0, IMAGE_HEAD);
	memcpy(buf, head, n < IMAGE_HEAD ? n : IMAGE_HEAD);
	if (buf[0] != '#' || buf[1] != '!')
		return -ENOEXEC;
	end = memchr(buf, '\n', strnlen(buf, IMAGE_HEAD));
	if (!end) {
		end = skip_blank(buf + 2, last);
		if (!end || !find_end(end, last))
			return -ENOEXEC; /* blank, or a name that may go on */
		end = last;
	}
	while (blank(end[-1]))
		end--;
	name = skip_blank(buf + 2, end);
	if (!name || name == end)
		return -ENOEXEC;
	ret->arg = NULL;
	sep = find_end(name, end);
	if (sep && *sep)
		ret->arg = skip_blank(sep, end);
	ret->line[end - buf] = '\0';
	if (ret->arg)
		ret->line[sep - buf] = '\0';
	ret->interp = name;
	return 0;
}

/* Where a program header is, and what it says; the same for both classes. */
struct interp_ph {
	uint64_t at; /* of the header in the file */
	bool is64;
	uint64_t offset, filesz;
};

static int pread_all(int fd, void *buf, size_t len, uint64_t at)
{
	ssize_t n = pread(fd, buf, len, (off_t)at);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -ENOEXEC;
}

static int read_ph(int fd, uint64_t at, bool is64, uint32_t *ret_type, struct interp_ph *ret)
{
	union {
		Elf64_Phdr p64;
		Elf32_Phdr p32;
	} u;
	int r = pread_all(fd, &u, is64 ? sizeof(u.p64) : sizeof(u.p32), at);

	if (r < 0)
		return r;
	*ret_type = is64 ? u.p64.p_type : u.p32.p_type;
	*ret = (struct interp_ph){ .at = at,
		.is64 = is64,
		.offset = is64 ? u.p64.p_offset : u.p32.p_offset,
		.filesz = is64 ? u.p64.p_filesz : u.p32.p_filesz };
	return 0;
}

/* 1: found; 0: none. */
static int find_interp(int fd, struct interp_ph *ret)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr h64;
		Elf32_Ehdr h32;
	} u;
	uint64_t at;
	uint32_t type;
	bool is64;
	unsigned n, size;
	int r;

	r = pread_all(fd, &u, sizeof(u.h32), 0);
	if (r < 0)
		return r == -ENOEXEC ? 0 : r;
	if (memcmp(u.ident, ELFMAG, SELFMAG) != 0)
		return 0;
	is64 = u.ident[EI_CLASS] == ELFCLASS64;
	if (is64 && pread_all(fd, &u, sizeof(u.h64), 0) < 0)
		return 0;
	at = is64 ? u.h64.e_phoff : u.h32.e_phoff;
	n = is64 ? u.h64.e_phnum : u.h32.e_phnum;
	size = is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	if (n > 65536 / size || at > INT64_MAX / 2)
		return 0; /* the kernel refuses it */
	for (unsigned i = 0; i < n; i++) {
		if (read_ph(fd, at + (uint64_t)i * size, is64, &type, ret) < 0)
			return 0;
		if (type == PT_INTERP)
			return 1;
	}
	return 0;
}

int elf_interp(int fd, char ret[PATH_MAX])
{
	struct interp_ph ph;
	int r = find_interp(fd, &ph);

	if (r <= 0)
		return r;
	if (ph.filesz > PATH_MAX || ph.filesz < 2 || pread_all(fd, ret, ph.filesz, ph.offset) < 0 ||
		ret[ph.filesz - 1] != '\0')
		return 0; /* the kernel refuses it */
	return (int)strlen(ret);
}

static int copy_all(int from, int to, off_t size)
{
	off_t at = 0;

	while (at < size) {
		ssize_t n = sendfile(to, from, &at, (size_t)(size - at));

		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
	}
	return 0;
}

/* The kernel reads the name where the program header says, which may be at the end of the file. */
static int set_interp(int fd, const struct interp_ph *ph, const char *interp, off_t size)
{
	size_t len = strlen(interp) + 1;
	union {
		Elf64_Phdr p64;
		Elf32_Phdr p32;
	} u;
	size_t n = ph->is64 ? sizeof(u.p64) : sizeof(u.p32);
	int r = pread_all(fd, &u, n, ph->at);

	if (r < 0)
		return r;
	if (ph->is64) {
		u.p64.p_offset = (Elf64_Off)size;
		u.p64.p_filesz = len;
	} else {
		if (size > UINT32_MAX)
			return -EFBIG;
		u.p32.p_offset = (Elf32_Off)size;
		u.p32.p_filesz = (Elf32_Word)len;
	}
	if (pwrite(fd, interp, len, size) != (ssize_t)len ||
		pwrite(fd, &u, n, (off_t)ph->at) != (ssize_t)n)
		return errno ? -errno : -EIO;
	return 0;
}

char *exe_copy_name(const char *link)
{
	static const char begin[] = "/memfd:" EXE_COPY, end[] = " (deleted)";
	size_t n = strcspn(link, "\n");

	if (strncmp(link, begin, sizeof(begin) - 1) != 0)
		return NULL;
	link += sizeof(begin) - 1;
	n -= sizeof(begin) - 1;
	if (n >= sizeof(end) - 1 &&
		strncmp(link + n - (sizeof(end) - 1), end, sizeof(end) - 1) == 0)
		n -= sizeof(end) - 1;
	return strndup(link, n);
}

static int make_copy(const char *name)
{
	char full[MEMFD_NAME_MAX + 1];
	size_t n = strlen(name), room = MEMFD_NAME_MAX - (sizeof(EXE_COPY) - 1);

	snprintf(full, sizeof(full), EXE_COPY "%s", n > room ? name + (n - room) : name);
	return memfd_create(full, MFD_CLOEXEC);
}

int elf_with_interp(int fd, const char *name, const char *interp)
{
	_cleanup_fd_ int copy = -1;
	struct interp_ph ph;
	struct stat st;
	int r = find_interp(fd, &ph);

	if (r <= 0)
		return r < 0 ? r : -ENOEXEC;
	if (fstat(fd, &st) < 0)
		return -errno;
	copy = make_copy(name);
	if (copy < 0)
		return -errno;
	r = copy_all(fd, copy, st.st_size);
	if (r == 0)
		r = set_interp(copy, &ph, interp, st.st_size);
	return r < 0 ? r : take_fd(&copy);
}

int script_with_interp(const struct script *s, const char *interp)
{
	_cleanup_fd_ int fd = memfd_create("umview-script", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "#!%s%s%s\n", interp, s->arg ? " " : "", s->arg ? s->arg : "") < 0)
		return -errno;
	return take_fd(&fd);
}
