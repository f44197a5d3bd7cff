# SPDX-License-Identifier: GPL-2.0-or-later
# What /proc says of tasks on a mount, and what the programs that read it say: nothing of placeholders,
# nothing of the supervisor's files.
. "$TOP/tests/e2e/lib.sh"

need mke2fs gcc fuser lsof pgrep killall
ext4_image fs.img 32M
mkdir mnt
M=$HERE/mnt

inside() {
	status um -m "$HERE/fs.img:$M" -- bash -c "cd '$M' && $1"
}

inside 'echo hi >f; mkdir d; exec 7<f 8>>g 9<d
	for n in 7 8 9; do
		i=$(sed -n "s/^ino:\t//p" /proc/$$/fdinfo/$n) m=$(sed -n "s/^mnt_id:\t//p" /proc/self/fdinfo/$n)
		[ "$i" = "$(stat -L -c %i /proc/$$/fd/$n)" ] || echo "$n: inode $i"
		grep -q "^$m .* '"$M"' " /proc/self/mountinfo || echo "$n: mount $m"
		sed -n "s/^pos:\t//p" /proc/self/fdinfo/$n
	done'
is "fdinfo: position, mount and number" "$OUT" "0
0
0"

inside 'echo hi >f; sleep 60 <f & exec 8>>g; until [ "$(readlink /proc/$!/fd/0)" = "$PWD/f" ]; do :; done
	fuser f 2>/dev/null | wc -w; fuser -v g 2>&1 | grep -c umview-sup; lsof f g 2>/dev/null | grep -c umview-sup
	readlink /proc/$!/fd/0; exec 2>/dev/null; fuser -k -s f; wait $!; echo $?'
is "fuser and lsof" "$OUT" "1
0
0
$M/f
137"

inside 'for d in fd fdinfo map_files task/$PPID/fd; do
	[ -d /proc/$PPID/$d ] || echo none; ls /proc/$PPID/$d 2>&1; done; true'
has "the supervisor's files are not shown" "$OUT" "Permission denied"
if grep -qv "Permission denied" <<<"$OUT"; then
	fail "the supervisor's files are shown: $OUT"
fi

cat >maps.py <<'PYTHON'
import ctypes, errno, fcntl, mmap, os, struct
fd = os.open("/proc/self/maps", os.O_RDONLY)
m = mmap.mmap(-1, 4096)
at = ctypes.addressof(ctypes.c_char.from_buffer(m))
while os.read(fd, 65536):
    pass
text = b""
os.lseek(fd, 0, 0)
while more := os.read(fd, 65536):
    text += more
print(any(int(l.split(b"-")[0], 16) <= at < int(l.split(b"-")[1].split()[0], 16) for l in text.splitlines()))
query = bytearray(struct.pack("10QIIQQ", 104, 0, at, *[0] * 7, 0, 0, 0, 0))
try:
    fcntl.ioctl(fd, 0xc0686611, query)  # PROCMAP_QUERY
    print(struct.unpack_from("Q", query, 24)[0] <= at)
except OSError as e:
    print(errno.errorcode[e.errno])
PYTHON
is "/proc/self/maps is the kernel's where nothing of a mount is mapped" \
	"$(um -m fs.img:mnt -- "$PYTHON" maps.py)" "$("$PYTHON" maps.py)"

cat >many-maps.py <<'PYTHON'
import mmap
kept = [mmap.mmap(-1, 4096, prot=1 + i % 2 * 2) for i in range(8000)]
print(sum(l.startswith("VmFlags") for l in open("/proc/self/smaps")) >= len(kept))
PYTHON
is "/proc/self/smaps of many mappings" "$(um -m fs.img:mnt -- "$PYTHON" many-maps.py)" True

inside 'cp /bin/sleep slow; ./slow 60 & until [ "$(cat /proc/$!/comm)" = slow ]; do :; done; cd d
	pgrep -x slow | wc -l; readlink /proc/$!/exe /proc/$!/cwd; tr "\0" " " </proc/$!/cmdline; echo
	grep -c "'"$M"'/slow" /proc/$!/maps; ls -l /proc/$!/map_files | grep -c "'"$M"'/slow"; grep -c memfd /proc/$!/maps
	ls -l /proc/$!/exe | sed "s/.*-> //"; readlink /proc/$!/task/$!/cwd; cmp /proc/$!/exe ../slow && echo the same
	grep -z ^PWD /proc/$!/environ | tr "\0" "\n"; cat /proc/$!/cwd/f; exec 2>/dev/null; killall slow; wait $!; echo $?'
is "a program that runs from a mount" "$(sed 's/^[2-9]$/some/' <<<"$OUT")" "1
$M/slow
$M
./slow 60 
some
some
0
$M/slow
$M
the same
PWD=$M
hi
143"

# A program that may be run, not read: its memory is closed to us, and it sees the host.
cat >reads.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char buf[100];
	int fd = open(argv[argc - 1], O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf));

	return n > 0 && write(1, buf, (size_t)n) == n ? 0 : 1;
}
END
gcc -static -o reads reads.c
echo host >real
chmod 111 reads
inside "rm -f f; $HERE/reads $HERE/real; $HERE/reads $M/f; echo \$?; cp $HERE/real f; cat $HERE/reads"
is "a program without read permission" "$OUT" "host
1
cat: $HERE/reads: Permission denied"
inside 'cp '"$TOP"'/README.md f; cp /bin/cat xcat; chmod 111 xcat; ./xcat f | head -1; cat xcat'
is "the same on the mount" "$OUT" "$(head -1 "$TOP/README.md")
cat: xcat: Permission denied"
clean_fs fs.img
nothing_left
