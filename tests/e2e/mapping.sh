# SPDX-License-Identifier: GPL-2.0-or-later
# A mapping of a part of a big file that grows (mremap) over what nobody has read yet; msync(2) tells of its own file.
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
clean_fs fs.img
nothing_left
