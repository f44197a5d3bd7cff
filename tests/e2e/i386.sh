# SPDX-License-Identifier: GPL-2.0-or-later
# 32-bit programs: dynamic ones of the host and on a mount, exec from one width to the other, the virtual
# root, a tracer, a server.
. "$TOP/tests/e2e/lib.sh"

need mke2fs gcc strace
M32=(-m32 -idirafter /usr/include/x86_64-linux-gnu)
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
	if (argc > 1 && !strcmp(argv[1], "newer"))
		return syscall(500, 1, 2, 3) == -1 && errno == ENOSYS ? 0 : 1;
	if (argc > 1 && !strcmp(argv[1], "ids")) {
		printf("%d %d %d\n", getuid(), geteuid(), getgid());
		if (setgid(33) || setuid(34))
			return 1;
		printf("%d %d %d\n", getuid(), geteuid(), getgid());
		return setuid(0) == 0;
	}
#ifdef __i386__
	/* ids of 16 bits: setgroups, getgroups, setresgid, setresuid, getresuid, setfsuid, setuid */
	if (argc > 1 && !strcmp(argv[1], "old-ids")) {
		unsigned short g[3] = { 70, 60, 0 }, u[3] = { 0 };

		printf("%ld", syscall(81, 2, g));
		printf(" %ld", syscall(80, 3, g));
		printf(" %d %d", g[0], g[1]);
		printf(" %ld", syscall(170, 0xffff, 61, 0xffff));
		printf(" %ld", syscall(164, 34, 35, 0xffff));
		printf(" %ld", syscall(165, u, u + 1, u + 2));
		printf(" %d %d %d", u[0], u[1], u[2]);
		printf(" %ld", syscall(138, 34));
		printf(" %ld", syscall(23, 0));
		printf(" %ld\n", syscall(24));
		return getegid() != 61;
	}
#endif
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
gcc "${M32[@]}" -o prog32 prog.c 2>/dev/null || skip "no programs for i386: lib32gcc-12-dev and libc6-dev-i386 are missing"
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

# in a mount namespace of a guest's own, where the program is run by a descriptor
if unshare -Urm true 2>/dev/null; then
	inside "unshare -Urm ./prog32 exec ./prog64 file | cut -d ';' -f 1-2
unshare -Urm ./prog64 exec ./prog32 file | cut -d ';' -f 1-2
mkdir w && cd w && unshare -Urm $TOP/build-check/tests/guest-compat >out
grep -c 'COMPAT is yes' out; grep 'argument 0' out | sort | uniq -c | sed 's/.* - //'"
	is "in a mount namespace" "$OUT" "64 bits: on the mount; ./prog64
32 bits: on the mount; ./prog32
2
argument 0: ./prog
argument 0: name"
fi

# an interpreter of the view
loader=$(find /lib32/ld-linux.so.2 /lib/ld-linux.so.2 2>/dev/null | head -n 1)
if [ -n "$loader" ]; then
	gcc "${M32[@]}" -Wl,--dynamic-linker="$M/ld32" -o own32 prog.c
	inside "cp -L $loader ld32; cp $HERE/own32 .; ./own32; $HERE/own32"
	is "its ELF interpreter is on the mount" "$OUT" "32 bits: on the mount; ./own32; ./own32; /own32; own32
32 bits: on the mount; $HERE/own32; $HERE/own32; /own32; own32"
fi

status um --root -m "$HERE/fs.img:$M" -- bash -c "'$M/prog32' ids; '$HERE/prog32' ids"
is "the virtual root" "$OUT" "0 0 0
34 34 33
0 0 0
34 34 33"

gives "ids of 16 bits" 0 um --root -m "$HERE/fs.img:$M" -- ./prog32 old-ids
is "are set and told" "$OUT" "0 2 60 70 0 0 0 34 35 0 35 0 34"

# what is newer than the tables
gives "an unknown call, nothing mounted" 0 um --trace=trace.txt -- ./prog32 newer
has "passes" "$(cat trace.txt)" "syscall_500 = continue"
for bits in 32 64; do
	gives "an unknown call, $bits bits" 0 um --trace=trace.txt -m "$HERE/fs.img:$M" -- "./prog$bits" newer
	has "is refused" "$(cat trace.txt)" "syscall_500 = ENOSYS"
done

# ioctls that name a long, and structures of loop devices
cat >ioctl.c <<'END'
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int loops(const char *image)
{
	unsigned long sectors[2] = { 0, 7 };
	unsigned long long size = 0;
	struct loop_info old;
	int control = open("/dev/loop-control", O_RDWR), file = open(image, O_RDWR), dev, r;
	char name[32];

	snprintf(name, sizeof(name), "/dev/loop%d", ioctl(control, LOOP_CTL_GET_FREE));
	dev = open(name, O_RDWR);
	printf("set %d\n", ioctl(dev, LOOP_SET_FD, file));
	memset(&old, 0, sizeof(old));
	old.lo_offset = 4096;
	strcpy(old.lo_name, "the name");
	printf("status %d\n", ioctl(dev, LOOP_SET_STATUS, &old));
	memset(&old, 0x55, sizeof(old));
	r = ioctl(dev, LOOP_GET_STATUS, &old);
	printf("%d offset %d, %s, %d\n", r, old.lo_offset, old.lo_name, old.lo_flags);
	r = ioctl(dev, BLKGETSIZE, sectors);
	printf("%d %lu %lu", r, sectors[0], sectors[1]);
	r = ioctl(dev, BLKGETSIZE64, &size);
	printf(" %d %llu\n", r, size);
	printf("clear %d\n", ioctl(dev, LOOP_CLR_FD));
	return 0;
}

int main(int argc, char **argv)
{
	int flags[2] = { -1, 0x55 }, fd;

	if (argc > 2)
		return loops(argv[2]);
	fd = open(argv[1], O_RDONLY);
	/* fuse2fs 1.47 does not know it: then nothing is written */
	if (ioctl(fd, FS_IOC_GETFLAGS, flags) == 0)
		flags[0] = flags[0] & FS_IMMUTABLE_FL ? 0 : -1;
	printf("%d %d\n", flags[0], flags[1]);
	return 0;
}
END
gcc -o ioctl64 ioctl.c
gcc "${M32[@]}" -o ioctl32 ioctl.c
inside "$HERE/ioctl32 file; $HERE/ioctl64 file"
is "FS_IOC_GETFLAGS is of an int" "$OUT" "-1 85
-1 85"
truncate -s 1M disk
for bits in 32 64; do
	status um --root -- "./ioctl$bits" loop disk
	is "loop devices, $bits bits" "$OUT" "set 0
status 0
0 offset 4096, the name, 0
0 2040 7 0 1044480
clear 0"
done

# a server of 32 bits, which mounts by itself and ends by ENODEV
cat >server.c <<'END'
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define TEXT "hello from 32 bits\n"

static void attr(struct fuse_attr *a, unsigned long long ino)
{
	a->ino = ino;
	a->mode = ino == 1 ? S_IFDIR | 0755 : S_IFREG | 0644;
	a->nlink = 1;
	a->size = ino == 1 ? 0 : strlen(TEXT);
}

/* The length of the answer in out; -1: none is wanted. */
static int serve(const struct fuse_in_header *in, const void *arg, char *out)
{
	struct fuse_init_out *init = (void *)out;
	struct fuse_attr_out *stat = (void *)out;
	struct fuse_entry_out *entry = (void *)out;

	switch (in->opcode) {
	case FUSE_INIT:
		init->major = 7;
		init->minor = 31;
		init->max_write = 65536;
		return sizeof(*init);
	case FUSE_GETATTR:
		attr(&stat->attr, in->nodeid);
		return sizeof(*stat);
	case FUSE_LOOKUP:
		if (strcmp(arg, "hello") != 0)
			return -ENOENT;
		entry->nodeid = 2;
		attr(&entry->attr, 2);
		return sizeof(*entry);
	case FUSE_OPEN:
		return sizeof(struct fuse_open_out);
	case FUSE_READ:
		if (((const struct fuse_read_in *)arg)->offset)
			return 0;
		strcpy(out, TEXT);
		return strlen(TEXT);
	case FUSE_RELEASE:
	case FUSE_FLUSH:
	case FUSE_DESTROY:
		return 0;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		return -1;
	}
	return -ENOSYS;
}

int main(int argc, char **argv)
{
	static char buf[200000] __attribute__((aligned(8))), out[4096] __attribute__((aligned(8)));
	const struct fuse_in_header *in = (void *)buf;
	int fd = open("/dev/fuse", O_RDWR);
	char data[128];

	snprintf(data, sizeof(data), "fd=%d,rootmode=40000,user_id=%d,group_id=%d", fd, getuid(), getgid());
	if (argc < 2 || mount("tiny", argv[1], "fuse.tiny", 0, data) < 0) {
		perror("mount");
		return 1;
	}
	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));
		struct fuse_out_header head;
		struct iovec v[2] = { { &head, sizeof(head) }, { out, 0 } };
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			puts(errno == ENODEV ? "ENODEV" : strerror(errno));
			return errno != ENODEV;
		}
		if (n == 0)
			return 3;
		memset(out, 0, sizeof(out));
		r = serve(in, buf + sizeof(*in), out);
		if (r == -1)
			continue;
		v[1].iov_len = r < 0 ? 0 : r;
		head = (struct fuse_out_header){ sizeof(head) + v[1].iov_len, r < 0 ? r : 0, in->unique };
		if (writev(fd, v, 2) < 0)
			return 4;
	}
}
END
gcc "${M32[@]}" -o server32 server.c
status um --root -- bash -c "
	./server32 '$M' &
	until grep -q tiny /proc/self/mounts; do sleep 0.05; done
	cat '$M/hello'; cat '$M/none' 2>/dev/null || echo none
	umount '$M'; wait \$!; echo \$?"
is "a server of 32 bits" "$OUT" "hello from 32 bits
none
ENODEV
0"

nothing_left
