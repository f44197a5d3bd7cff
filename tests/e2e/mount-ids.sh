# SPDX-License-Identifier: GPL-2.0-or-later
# All that tells of mounts tells the same: stat, statx, mountinfo, findmnt, df, statmount, listmount.
. "$TOP/tests/e2e/lib.sh"
need findmnt df mksquashfs

ext4_image fs.img 16M
mkdir tree mnt mnt2 mnt3
echo content >tree/file
mksquashfs tree t.sqfs -quiet -no-progress >/dev/null

cat >inside.py <<'INSIDE'
import ctypes, errno, os, struct, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
STATX, STATMOUNT, LISTMOUNT = 332, 457, 458
MNT_ID, MNT_ID_UNIQUE = 0x1000, 0x4000

def call(nr, *args):
    r = libc.syscall(nr, *args)
    if r < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return r

def mount_id(path, mask):
    buf = ctypes.create_string_buffer(256)
    call(STATX, -100, path.encode(), 0, mask, buf)
    return struct.unpack_from("Q", buf, 0x90)[0]

def request(nr, mnt, param, size):
    buf = ctypes.create_string_buffer(size)
    n = call(nr, struct.pack("IIQQ", 24, 0, mnt, param), buf,
             ctypes.c_size_t(size if nr == STATMOUNT else size // 8), 0)
    return n, buf.raw

def out(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()

info = [l.split() for l in open("/proc/self/mountinfo")]
assert len(set(l[0] for l in info)) == len(info)
for name, source, kind in (("mnt", "fs.img", "ext4"), ("mnt2", "t.sqfs", "squashfs")):
    path, source = os.path.realpath(name), os.path.realpath(source)
    line = [l for l in info if l[4] == path]
    assert len(line) == 1 and line[0][-2] == source and line[0][-3] == kind, line
    ids, dev = line[0][0], os.stat(path).st_dev
    assert line[0][2] == f"{os.major(dev)}:{os.minor(dev)}", (line, dev)
    assert out("findmnt", "-no", "ID,MAJ:MIN,SOURCE,FSTYPE", path) == [ids, line[0][2], source, kind]
    assert out("df", "--output=source,target", name)[-2:] == [source, path]
    assert out("stat", "-c", "%m", name) == [path]
    for sub in os.listdir(path):
        assert os.lstat(f"{path}/{sub}").st_dev == dev
        assert mount_id(f"{path}/{sub}", MNT_ID) == int(ids)
    try:
        n, listed = request(LISTMOUNT, 0xffffffffffffffff, 0, 8 * 4096)
    except OSError as e:
        assert e.errno in (errno.ENOSYS, errno.EPERM), e
        continue
    unique = mount_id(path, MNT_ID_UNIQUE)
    assert unique in struct.unpack(f"{n}Q", listed[:8 * n])
    _, told = request(STATMOUNT, unique, 0x1 | 0x2 | 0x8 | 0x10 | 0x20, 4096)
    assert struct.unpack_from("II", told, 16) == (os.major(dev), os.minor(dev))
    assert struct.unpack_from("Q", told, 40)[0] == unique
    assert struct.unpack_from("I", told, 56)[0] == int(ids)
    point = struct.unpack_from("I", told, 108)[0]
    assert told[512 + point:].split(b"\0")[0].decode() == path
    begins = struct.unpack_from("I", told, 104)[0]
    assert told[512 + begins:].split(b"\0")[0].decode() == line[0][3]
path = os.path.realpath("mnt3")
unique = mount_id(path, MNT_ID_UNIQUE)
begins = [l[3] for l in info if l[4] == path][0]
assert begins.endswith("/tree"), begins
try:
    _, told = request(STATMOUNT, unique, 0x8, 4096)
    assert told[512 + struct.unpack_from("I", told, 104)[0]:].split(b"\0")[0].decode() == begins
except OSError as e:
    assert e.errno in (errno.ENOSYS, errno.EPERM), e
assert os.stat("mnt").st_dev != os.stat("mnt2").st_dev != os.stat(".").st_dev
print("all well")
INSIDE
is "as ordinary user" "$(um -m fs.img:mnt -m t.sqfs:mnt2 --bind tree:mnt3 -- "$PYTHON" inside.py 2>&1)" "all well"
is "as root of the view" "$(um --root -m fs.img:mnt -m t.sqfs:mnt2 --bind tree:mnt3 -- "$PYTHON" inside.py 2>&1)" "all well"
nothing_left
