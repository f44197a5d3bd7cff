/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/arch/x86_64.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define MAPS_MAX (1u << 20)
#define VDSO_MAX (64u << 10)

uint64_t arch_find_syscall(pid_t pid, int mem)
{
	static const char insn[] = { 0x0f, 0x05 };
	_cleanup_free_ char *maps = NULL, *code = NULL;
	unsigned long long from, to;
	char path[64], *line;
	const char *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	if (read_file(path, MAPS_MAX, &maps, NULL) < 0)
		return 0;
	line = strstr(maps, "[vdso]");
	while (line && line > maps && line[-1] != '\n')
		line--;
	if (!line || sscanf(line, "%llx-%llx", &from, &to) != 2 || to < from ||
		to - from > VDSO_MAX)
		return 0;
	code = malloc(to - from + 1);
	n = code ? pread(mem, code, to - from, (off_t)from) : -1;
	at = n > 0 ? memmem(code, (size_t)n, insn, sizeof(insn)) : NULL;
	return at ? from + (uint64_t)(at - code) : 0;
}
