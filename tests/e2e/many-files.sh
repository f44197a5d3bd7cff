# SPDX-License-Identifier: GPL-2.0-or-later
# Folders with many entries: listed whole, seekdir, and emptied while they are read.
# timeout: 300
. "$TOP/tests/e2e/lib.sh"

N=3000
ext4_image fs.img 64M -N 20000
mkdir mnt
cat >inside.py <<'INSIDE'
import ctypes, os, sys
n = int(sys.argv[1])
os.mkdir("mnt/d")
for i in range(n):
    os.close(os.open(f"mnt/d/file-{i:05}", os.O_CREAT | os.O_WRONLY, 0o644))
names = sorted(os.listdir("mnt/d"))
assert names == [f"file-{i:05}" for i in range(n)], len(names)
libc = ctypes.CDLL(None, use_errno=True)
libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
for f, a in (("opendir", [ctypes.c_char_p]), ("readdir", [ctypes.c_void_p]), ("telldir", [ctypes.c_void_p]),
             ("seekdir", [ctypes.c_void_p, ctypes.c_long]), ("rewinddir", [ctypes.c_void_p]),
             ("closedir", [ctypes.c_void_p])):
    getattr(libc, f).argtypes = a
libc.telldir.restype = ctypes.c_long
name = lambda e: ctypes.string_at(e + 19)
d = libc.opendir(b"mnt/d")
places, seen = [], []
while True:
    place = libc.telldir(d)
    e = libc.readdir(d)
    if not e:
        break
    places.append(place)
    seen.append(name(e))
assert len(seen) == len(set(seen)) == n + 2, len(seen)
for i in range(0, n, 97):
    libc.seekdir(d, places[i])
    got = name(libc.readdir(d))
    assert got == seen[i], (i, got, seen[i])
libc.rewinddir(d)
left = 0
while True:
    e = libc.readdir(d)
    if not e:
        break
    if name(e) not in (b".", b".."):
        os.unlink(b"mnt/d/" + name(e))
        left += 1
assert left == n, left
libc.closedir(d)
assert os.listdir("mnt/d") == []
os.rmdir("mnt/d")
for i in range(n):
    os.mkdir(f"mnt/x{i}")
assert sum(x.startswith("x") for x in os.listdir("mnt")) == n
print("all well")
INSIDE
export UM_TIMEOUT=280
is "inside" "$(um -m "fs.img:$HERE/mnt" -- "$PYTHON" inside.py "$N" 2>&1)" "all well"
clean_fs fs.img
is "rm -rf" "$(um -m "fs.img:$HERE/mnt" -- sh -c 'rm -rf mnt/x*; ls -A mnt' 2>&1)" lost+found
clean_fs fs.img
nothing_left
