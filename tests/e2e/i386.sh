# SPDX-License-Identifier: GPL-2.0-or-later
# 32-bit programs: dynamic ones of the host and on a mount, exec from one width to the other, the virtual
# root, a tracer, a server.
. "$TOP/tests/e2e/lib.sh"

need mke2fs gcc strace
cat >prog.c <<'END'
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void comm(char *buf)
{
	prctl(PR_GET_NAME, buf);
}

int main(int argc, char **argv)
{
	char line[256] = "", exe[512] = "", name[17] = "";
	FILE *f;

	if (argc > 2 && !strcmp(argv[1], "exec")) {
		execv(argv[2], argv + 2);
		printf("exec: %s\n", strerror(errno));
		return 1;
	}
	if (argc > 1 && !strcmp(argv[1], "ids")) {
		printf("%d %d %d\n", getuid(), geteuid(), getgid());
		if (setgid(33) || setuid(34))
			return 1;
		printf("%d %d %d\n", getuid(), geteuid(), getgid());
		return setuid(0) == 0;
	}
	f = fopen(argc > 1 ? argv[1] : "file", "r");
	if (f && fgets(line, sizeof(line), f))
		fclose(f);
	line[strcspn(line, "\n")] = 0;
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		strcpy(exe, "?");
	comm(name);
	printf("%d bits: %s; %s; %s; %s; %s\n", (int)sizeof(long) * 8, line, argv[0],
		(char *)getauxval(AT_EXECFN), strrchr(exe, '/'), name);
	return 0;
}
END
gcc -o prog64 prog.c
gcc -m32 -o prog32 prog.c 2>/dev/null || skip "no programs for i386: gcc-multilib and libc6-dev-i386 are missing"
ext4_image fs.img 64M
mkdir mnt
M=$HERE/mnt

# inside SCRIPT: in a view with the image at $M, the working directory there
inside() {
	status um -m "$HERE/fs.img:$M" -- bash -c "cd '$M' && $1"
}

inside "echo on the mount >file; cp $HERE/prog32 $HERE/prog64 .; $HERE/prog32; cd /; $HERE/prog32 $M/file"
is "a 32-bit program of the host sees the mount" "$OUT" "32 bits: on the mount; $HERE/prog32; $HERE/prog32; /prog32; prog32
32 bits: on the mount; $HERE/prog32; $HERE/prog32; /prog32; prog32"
inside "./prog32 && $M/prog32"
is "one on the mount" "$OUT" "32 bits: on the mount; ./prog32; ./prog32; /prog32; prog32
32 bits: on the mount; $M/prog32; $M/prog32; /prog32; prog32"
inside './prog64 exec ./prog32 file; ./prog32 exec ./prog64 file; ./prog32 exec ./prog32 file
printf "#!./prog32 exec\n" >script; chmod +x script; printf "#!/bin/sh\necho \"shell \$0\"\n" >sh; chmod +x sh
./prog32 exec ./sh; ./prog64 exec ./sh; ./prog32 exec ./none; ./prog32 exec ./file'
is "exec from one width to the other" "$OUT" "32 bits: on the mount; ./prog32; ./prog32; /prog32; prog32
64 bits: on the mount; ./prog64; ./prog64; /prog64; prog64
32 bits: on the mount; ./prog32; ./prog32; /prog32; prog32
shell ./sh
shell ./sh
exec: No such file or directory
exec: Permission denied"
# what a path written in place cannot hide is the same for both widths (doc/internals.md)
inside '(strace -f -o /dev/null ./prog64; strace -f -o /dev/null ./prog32
strace -f -o /dev/null ./prog64 exec ./prog32; strace -f -o /dev/null ./prog32 exec ./prog64) | cut -d ";" -f 1-2'
is "under strace" "$OUT" "64 bits: on the mount; ./prog64
32 bits: on the mount; ./prog32
32 bits: on the mount; ./prog32
64 bits: on the mount; ./prog64"

# an interpreter of the view
loader=$(find /lib32/ld-linux.so.2 /lib/ld-linux.so.2 2>/dev/null | head -n 1)
if [ -n "$loader" ]; then
	gcc -m32 -Wl,--dynamic-linker="$M/ld32" -o own32 prog.c
	inside "cp -L $loader ld32; cp $HERE/own32 .; ./own32; $HERE/own32"
	is "its ELF interpreter is on the mount" "$OUT" "32 bits: on the mount; ./own32; ./own32; /own32; own32
32 bits: on the mount; $HERE/own32; $HERE/own32; /own32; own32"
fi

status um --root -m "$HERE/fs.img:$M" -- bash -c "'$M/prog32' ids; '$HERE/prog32' ids"
is "the virtual root" "$OUT" "0 0 0
34 34 33
0 0 0
34 34 33"

nothing_left
