# SPDX-License-Identifier: GPL-2.0-or-later
# A mapping of a part of a big file that grows (mremap) over what nobody has read yet; msync(2) tells of its own file; what
# is written by a mapping whose descriptor has a low number reaches the server; a hole is not written to it.
. "$TOP/tests/e2e/lib.sh"

need mke2fs gcc
ext4_image fs.img 128M
mkdir mnt
M=$HERE/mnt
cat >grow.c <<'EOF'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
	int shared = argc > 2, fd = open(argv[1], shared ? O_RDWR : O_RDONLY), bad = 0;
	char *p = mmap(NULL, 4096, PROT_READ, shared ? MAP_SHARED : MAP_PRIVATE, fd, 1 << 20);

	p = p == MAP_FAILED ? p : mremap(p, 4096, 8 << 20, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return 1;
	for (int i = 0; i < 8 << 20; i++)
		bad += p[i] != 'x';
	printf("%d bad bytes\n", bad);
	return 0;
}
EOF
gcc -o grow grow.c
gives "a big file is written" 0 um -m "fs.img:$M" -- sh -c "head -c 24M /dev/zero | tr '\\0' x >'$M/big'"
gives "a private mapping" 0 um -m "fs.img:$M" -- ./grow "$M/big"
is "grows over the file" "$OUT" "0 bad bytes"
gives "a shared mapping" 0 um -m "fs.img:$M" -- ./grow "$M/big" shared
is "grows over it too" "$OUT" "0 bad bytes"
cat >msync.py <<'EOF'
import mmap, os
def mapped(name, size):
    with open(name, "w+b") as f:
        f.truncate(size)
        return mmap.mmap(f.fileno(), size)
small, big = mapped("small", 4096), mapped("huge", 200 << 20)
for at in range(0, len(big), 4096):
    big[at] = 1
small[0] = 1
for m in small, big:
    try:
        m.flush()
        print("written")
    except OSError as e:
        print(e.strerror)
os.unlink("huge")
EOF
gives "a file that fits and one that does not are mapped" 0 um -m "fs.img:$M" -- sh -c "cd '$M' && python3 '$HERE/msync.py'"
is "msync(2) tells of the file that is mapped there" "$OUT" "written
No space left on device"
cat >low.c <<'EOF'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* The number is one whose calls are not caught. What is written last is written long after all that came before was. */
int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
	char *p;

	if (argc < 2 || ftruncate(fd, 12288) < 0 || dup2(fd, 5) < 0 || close(fd) < 0)
		return 1;
	p = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, 5, 0);
	if (p == MAP_FAILED)
		return 1;
	p[0] = 'A';
	p[8192] = 'D'; /* is made a hole below */
	for (int i = 0; i < 2; i++) {
		usleep(50000);
		if (fsync(5) < 0)
			return 1;
	}
	p[1] = 'B';
	p[4096] = 'C';
	return madvise(p + 8192, 4096, MADV_REMOVE) < 0 || munmap(p, 12288) < 0 || close(5) < 0;
}
EOF
gcc -o low low.c
gives "a mapping of a descriptor with a low number" 0 um -m "fs.img:$M" -- ./low "$M/low"
gives "what it wrote is read" 0 um -m "fs.img:$M" -- sh -c "tr -d '\\0' <'$M/low'"
is "in another view" "$OUT" "ABC"
cat >then.c <<'EOF'
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a mapping wrote is not taken for what the server has when a copy of its descriptor gets a low number. */
int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0644);
	char *p;

	if (argc < 2 || ftruncate(fd, 1 << 20) < 0)
		return 1;
	p = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 53248);
	if (p == MAP_FAILED)
		return 1;
	memset(p, 'm', 100000);
	return munmap(p, 100000) < 0 || dup2(fd, 40) < 0 || pwrite(40, "x", 1, 700000) != 1 ||
	       close(40) < 0 || close(fd) < 0;
}
EOF
gcc -o then then.c
gives "a mapping, and then a copy of the descriptor at a low number" 0 um -m "fs.img:$M" -- ./then "$M/then"
gives "both are read" 0 um -m "fs.img:$M" -- sh -c "tr -d '\\0' <'$M/then' | wc -c"
is "in another view, too" "$OUT" 100001
gives "a byte in a hole of 8 GiB" 0 um -m "fs.img:$M" -- sh -c \
	"truncate -s 8G '$M/hole' && echo x | dd of='$M/hole' conv=notrunc bs=1 count=1 seek=4G status=none"
gives "is all that the server has of it" 0 um -m "fs.img:$M" -- sh -c "stat -c '%s %b' '$M/hole'; rm '$M/hole'"
is "the size and the blocks" "$OUT" "8589934592 8"
gives "two processes at one file" 0 um -m "fs.img:$M" -- sh -c \
	"head -c 300000 /dev/zero >'$M/data' && python3 '$TOP/tests/lib/coherent.py' '$M/data' '$M/data'"
is "what one writes, by calls and mappings, the other reads" "$OUT" seen
clean_fs fs.img
nothing_left
