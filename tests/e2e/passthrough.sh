# SPDX-License-Identifier: GPL-2.0-or-later
# On libfuse's passthrough_ll, which keeps nothing back: a folder is read whole while names come and go, what the server
# refuses was not written, files beyond 4 GiB, two processes that write and read one file by calls and mappings, small
# writes to a file that is mapped as a whole, a file that one has open with O_DIRECT, reflinks, and names that another mount
# took away.
. "$TOP/tests/e2e/lib.sh"
need gcc pkg-config
EXAMPLE=/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c
[ -e $EXAMPLE ] && pkg-config --exists fuse3 || skip "no examples of libfuse3-dev here"
# shellcheck disable=SC2046
gcc -w -o server $EXAMPLE $(pkg-config --cflags --libs fuse3)
mkdir mnt src

# served LIMIT COMMAND...: with it mounted; its own files have LIMIT KiB at most
served() {
	local limit=$1
	shift
	um bash -c '
		(trap "" XFSZ; ulimit -f "$1"; exec ./server -o source="$PWD/src" mnt)
		shift
		"$@" && umount mnt' sh "$limit" "$@"
}

cat >names.py <<'E2'
import os, threading
os.mkdir("mnt/d")
stays = {f"stays-{i}" for i in range(300)}
for name in stays:
    open("mnt/d/" + name, "w").close()
over = threading.Event()
def change():
    i = 0
    while not over.is_set():
        open(f"mnt/d/goes-{i % 50}", "w").close()
        try:
            os.unlink(f"mnt/d/goes-{i * 7 % 50}")
        except FileNotFoundError:
            pass
        i += 1
threads = [threading.Thread(target=change) for _ in range(2)]
for t in threads:
    t.start()
for _ in range(60):
    names = os.listdir("mnt/d")
    if len(names) != len(set(names)) or not stays <= set(names):
        print(len(names), "names,", len(stays - set(names)), "are missing")
over.set()
for t in threads:
    t.join()
print("read")
E2
gives "a folder is read while it changes" 0 served unlimited "$PYTHON" names.py
is "and none of the names that stay is missing" "$OUT" read

cat >refused.py <<'E2'
import errno, os
def what(f, *args):
    try:
        return f(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
MAX = 1 << 20
fd = os.open("mnt/f", os.O_RDWR | os.O_CREAT)
def seen():
    return what(os.lseek, fd, 0, os.SEEK_CUR), os.fstat(fd).st_size, os.stat("mnt/f").st_size
print(os.write(fd, b"abc"), *seen())
print(what(os.pwrite, fd, b"x", MAX + 5), *seen())
os.lseek(fd, MAX, os.SEEK_SET)
print(what(os.write, fd, b"x"), *seen())
os.lseek(fd, MAX - 100, os.SEEK_SET)
print(what(os.write, fd, b"y" * 500000), *seen())
print(what(os.write, fd, b"y"), *seen())
os.ftruncate(fd, 3)
for off in (1 << 63) - 1, (1 << 63) - 2, 1 << 62:
    print(what(os.pwrite, fd, b"x", off), what(os.ftruncate, fd, off), what(os.pread, fd, 4, off),
          what(os.lseek, fd, off, os.SEEK_SET) == off, os.fstat(fd).st_size)
os.ftruncate(fd, 5)
print(os.pread(fd, 10, 0), *seen(), what(os.fsync, fd), what(os.close, fd))
E2
gives "a server that takes a MiB of a file" 0 served 1024 "$PYTHON" refused.py
is "what it refuses was not written" "$OUT" "3 3 3 3
EFBIG 3 3 3
EFBIG 1048576 3 3
100 1048576 1048576 1048576
EFBIG 1048576 1048576 1048576
EINVAL EFBIG EINVAL True 3
EFBIG EFBIG EINVAL True 3
EFBIG EFBIG b'' True 3
b'abc\\x00\\x00' 4611686018427387904 5 5 None None"

cat >far.py <<'E2'
import os, sys
name = sys.argv[1]
fd = os.open(name, os.O_RDWR | os.O_CREAT)
for off, data in ((1 << 32) - 3, b"across"), (5 << 30, b"five"), (1 << 31, b"two"):
    print(os.pwrite(fd, data, off), os.fstat(fd).st_size)
os.close(fd)
fd = os.open(name, os.O_RDWR)
print(os.pread(fd, 8, (1 << 32) - 4), os.pread(fd, 9, 5 << 30), os.pread(fd, 4, (1 << 31) - 1), os.pread(fd, 3, 3 << 30))
print(os.lseek(fd, -4, os.SEEK_END), os.read(fd, 9), os.stat(name).st_blocks < 1000)
os.ftruncate(fd, (1 << 32) + 1)
print(os.stat(name).st_size, os.pread(fd, 9, (1 << 32) - 3))
E2
gives "beyond 4 GiB" 0 served unlimited "$PYTHON" far.py mnt/far
is "as in a native folder" "$OUT" "$("$PYTHON" far.py far)"

head -c 300000 /dev/zero >src/data
ln src/data src/link
gives "two processes at one file" 0 served unlimited "$PYTHON" "$TOP/tests/lib/coherent.py" mnt/data mnt/data
is "what one writes the other reads" "$OUT" seen
gives "by two names of it" 0 served unlimited "$PYTHON" "$TOP/tests/lib/coherent.py" mnt/data mnt/link
is "too" "$OUT" seen

cat >mapped.py <<'E2'
import mmap, os
SIZE = 64 << 20
fd = os.open("mnt/m", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, SIZE)
m = mmap.mmap(fd, SIZE)
for i in range(4000):
    os.pwrite(fd, b"w", i * 16384)
    m[i * 16384 + 1] = 77
m.flush()
print(all(m[i * 16384:i * 16384 + 2] == b"wM" for i in range(4000)))
os.close(fd)
m.close()
with open("mnt/m", "rb") as f:
    f.seek(16384 * 3999)
    print(f.read(3))
E2
gives "small writes to a big file that is mapped" 0 served unlimited timeout 60 "$PYTHON" mapped.py
is "both are there" "$OUT" "True
b'wM\\x00'"
is "at the server too" "$(tail -c +$((16384 * 3999 + 1)) src/m | head -c 2)" wM

cat >direct.py <<'E2'
import os
direct = os.open("mnt/o", os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
plain = os.open("mnt/o", os.O_WRONLY)
print(os.write(plain, b"plain"), os.fsync(plain))
E2
gives "one has a file open with O_DIRECT, another without" 0 served unlimited "$PYTHON" direct.py
is "who writes without it" "$OUT $(cat src/o)" "5 None plain"
cat >direct-io.py <<'E2'
import os
plain = os.open("never/p", os.O_RDWR)
direct = os.open("never/p", os.O_RDWR | os.O_DIRECT)
print(os.pread(plain, 3, 1), os.pwrite(plain, b"xy", 2))
E2
echo abcdef >src/p
gives "the same where the server keeps nothing (FOPEN_DIRECT_IO)" 0 um bash -c '
	mkdir never
	./server -o source="$PWD/src",cache=never never
	"$PYTHON" direct-io.py && umount never'
is "who has it open without it" "$OUT $(cat src/p)" "b'bcd' 2 abxyef"
cat >asks.py <<'E2'
import errno, fcntl, mmap, os, struct
def what(f, *args):
    try:
        return f(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
page = mmap.mmap(-1, 4096)
direct = os.open("mnt/q", os.O_RDONLY | os.O_DIRECT)
plain = os.open("mnt/q", os.O_RDWR)
for text in b"1", b"2", b"3":
    with open("src/q", "r+b") as f:
        f.write(text * 8192)
    print(os.preadv(direct, [page], 4096), page[:2], os.pread(plain, 1, 0) in b"123")
os.pwrite(plain, b"mine", 4096)
print(os.preadv(direct, [page], 4096), page[:6], os.preadv(direct, [page], 8192))
CLONE, RANGE = 0x40049409, 0x4020940d
made, append = (os.open("mnt/made", os.O_WRONLY | os.O_CREAT | i) for i in (0, os.O_APPEND))
folder, other = os.open("mnt", os.O_RDONLY), os.open("/etc/passwd", os.O_RDONLY)
for to, source in (made, plain), (made, append), (append, plain), (plain, plain), (direct, plain), (made, folder), (folder, made), \
        (made, other), (made, 99999):
    print(what(fcntl.ioctl, to, CLONE, source), what(fcntl.ioctl, to, RANGE, struct.pack("qQQQ", source, 0, 4096, 0)))
E2
head -c 8192 /dev/zero >src/q
gives "O_DIRECT and reflinks" 0 served unlimited "$PYTHON" asks.py
is "the one reads what the server has; of the others it is said what is wrong, as by the kernel's FUSE" "$OUT" "4096 b'11' True
4096 b'22' True
4096 b'33' True
4096 b'mine33' 0
ENOTSUP ENOTSUP
EBADF EBADF
EBADF EBADF
ENOTSUP ENOTSUP
EBADF EBADF
EISDIR EISDIR
EISDIR EISDIR
EXDEV EXDEV
EBADF EBADF"
cat >fresh.sh <<'E2'
set -e
mkdir one two src/names
for i in one two; do ./server -o source="$PWD/src/names",cache=always,timeout=1000 $i; done
touch one/f one/excl one/dir one/link one/symlink
mv one/f one/moved
(cd two && mv moved f && rm excl dir link symlink)
mv one/f one/moved
"$PYTHON" -c '
import os
os.close(os.open("one/excl", os.O_CREAT | os.O_EXCL))
os.mkdir("one/dir")
os.link("one/moved", "one/link")
os.symlink("moved", "one/symlink")'
ls src/names
umount one two
E2
gives "names that went at the server while their time-out lasts" 0 um bash fresh.sh
is "can be made and replaced" "$OUT" "$(printf '%s\n' dir excl link moved symlink)"
nothing_left
