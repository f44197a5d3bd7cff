# SPDX-License-Identifier: GPL-2.0-or-later
# --root: losetup, bind and moved mounts, remounts, lazy unmounts, the newer mount calls.
# timeout: 200
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
need losetup mount umount findmnt blkid dd

ext4_image disk.img 16M
mkdir mnt mnt2 mnt3
cat >loop.sh <<'INSIDE'
set -eux
dev=$(losetup -f --show disk.img)
losetup -n -l -O BACK-FILE "$dev" | grep -x "$PWD/disk.img"
blkid -p "$dev" | grep ext4
test "$(dd if="$dev" bs=1 skip=1080 count=2 2>/dev/null | od -An -tx1)" = " 53 ef"
mount "$dev" mnt
echo one >mnt/file
losetup -d "$dev"
cat mnt/file
umount mnt
! losetup -l | grep disk.img
mount disk.img mnt
losetup -l | grep disk.img
! test -s /run/mount/utab
umount mnt
! losetup -l | grep disk.img
INSIDE
gives "losetup" 0 um --root -- sh loop.sh
clean_fs disk.img

cat >bind.sh <<'INSIDE'
set -eux
mount disk.img mnt
mkdir mnt/dir
echo two >mnt/dir/file
mount --bind mnt/dir mnt2
cat mnt2/file
test "$(findmnt -n -o FSROOT "$PWD/mnt2")" = /dir
(cd mnt2 && test "$(pwd -P)" = "$PWD")
umount mnt
cat mnt2/file
umount mnt2
mount disk.img mnt
mount --move mnt mnt3
! test -e mnt/dir
cat mnt3/dir/file
mount -o remount,ro mnt3
! touch mnt3/new
mount -o remount,rw mnt3
touch mnt3/new
exec 3<mnt3/dir/file
! umount mnt3
umount -l mnt3
cat <&3
exec 3<&-
INSIDE
gives "bind, move, remount, umount -l" 0 um --root -- sh bind.sh
clean_fs disk.img

cat >again.sh <<'INSIDE'
set -eux
mount disk.img mnt
mount disk.img mnt2
echo twice >mnt2/twice
cat mnt/twice
test "$(stat -c %d:%i mnt/twice)" = "$(stat -c %d:%i mnt2/twice)"
! mount -o ro disk.img mnt3
! mount "$(findmnt -n -o SOURCE "$PWD/mnt")" mnt
umount mnt
cat mnt2/twice
exec 3>mnt2/open
umount -l mnt2
! test -e mnt2/twice
mount disk.img mnt
echo "by the old name" >&3
exec 3>&-
cat mnt/open
umount mnt
test "$(umctl ls | wc -l)" = 0
mount disk.img mnt
umount mnt
INSIDE
gives "an image is mounted twice, and again after umount -l" 0 um --root -- sh again.sh
clean_fs disk.img
gives "by -m, and at the end" 0 um -m disk.img:mnt -m disk.img:mnt2 -- sh -c 'echo three >mnt/three; cat mnt2/three'
clean_fs disk.img
is "what was written" "$(debugfs -R 'cat three' disk.img 2>/dev/null)" three

cat >calls.py <<'PYTHON'
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(nr, *args):
    r = libc.syscall(nr, *[ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in args])
    if r < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return r
OPEN_TREE, MOVE_MOUNT, FSOPEN, FSCONFIG, FSMOUNT, SPLICE = 428, 429, 430, 431, 432, 275
def mount(source, target):
    ctx = call(FSOPEN, b"ext4", 1)
    call(FSCONFIG, ctx, 1, b"source", source, 0)
    call(FSCONFIG, ctx, 0, b"ro", 0, 0)
    try:
        call(FSCONFIG, ctx, 6, 0, 0, 0)
    except OSError as e:
        print("create:", e.strerror, "/", os.read(ctx, 1000).decode().strip())
        return
    mnt = call(FSMOUNT, ctx, 1, 2)
    call(MOVE_MOUNT, mnt, b"", -100, target, 4)
mount(b"missing.img", b"mnt")
def error(f, *args):
    try:
        return f(*args)
    except OSError as e:
        return errno.errorcode[e.errno]
ctx, (r, w) = call(FSOPEN, b"ext4", 1), os.pipe()
print("splice:", error(call, SPLICE, r, 0, ctx, 0, 1, 0), error(call, SPLICE, w, 0, ctx, 0, 1, 0),
      error(call, SPLICE, ctx, 0, w, 0, 1, 0))
FSPICK, AT, MOUNT = 433, -100, 165
ctx, other = call(FSOPEN, b"ext4", 1), os.open("/", os.O_RDONLY)
def config(cmd, key, value, aux):
    return error(call, FSCONFIG, ctx, cmd, key, value, aux)
print("arguments:", config(0, 0, 0, 0), config(0, b"ro", b"1", 0), config(0, b"ro", 0, 1), config(1, b"source", 0, 0),
      config(1, b"source", b"x", 1), config(2, b"x", b"x", 0), config(3, b"sync", b"x", -1), config(5, b"x", 0, -1),
      config(6, b"x", 0, 0), config(7, 0, 0, 1), config(100, 0, 0, 0), config(0, b"k" * 300, 0, 0),
      config(1, b"x", b"v" * 4095, 0), config(3, b"sync", b"whatever", 0))
print("others:", error(call, FSOPEN, b"no_such_type", 0), error(call, FSOPEN, b"ext4", 8),
      error(call, FSMOUNT, -1, 0, 0), error(call, FSMOUNT, other, 0, 0), error(call, FSMOUNT, ctx, 2, 0),
      error(call, FSMOUNT, ctx, 0, 1 << 30), error(call, FSMOUNT, ctx, 0, 0),
      error(call, FSPICK, -1, b"x", 0), error(call, FSPICK, AT, b"missing", 0), error(call, FSPICK, AT, b"mnt", 0x100),
      error(call, MOVE_MOUNT, -1, b"", AT, b"mnt", 4), error(call, MOVE_MOUNT, AT, b"missing", AT, b"mnt", 0),
      error(call, MOVE_MOUNT, AT, b"mnt", -1, b"mnt2", 0), error(call, MOVE_MOUNT, AT, b"mnt", AT, b"mnt2", 0),
      error(call, MOVE_MOUNT, AT, b"mnt", AT, b"mnt2", 1 << 30))
print("type first:", error(call, MOUNT, b"/dev/zero", b"mnt", b"no_such_type", 0, 0), error(call, MOUNT, b"/dev/zero", b"missing", b"no_such_type", 0, 0),
      error(call, MOUNT, b"/dev/zero", b"mnt", b"ext4", 0, 0))
mount(b"disk.img", b"mnt")
print("beneath, in a group:", error(call, MOVE_MOUNT, AT, b"mnt", AT, b".", 0x200), error(call, MOVE_MOUNT, AT, b"mnt", AT, b".", 0x100))
print([l for l in open("/proc/self/mountinfo") if "disk.img" in l][0])
PYTHON
gives "fsopen" 0 um --root -- sh -c 'python3 calls.py; cat mnt/dir/file; umount mnt'
has "its message" "$OUT" "create: No such file or directory / e missing.img"
has "its flags" "$OUT" "ro,nosuid"
has "what a mount of a device that is none is told" "$OUT" "type first: ENODEV ENOENT ENOTBLK"
has "what is not done is not said to be" "$OUT" "beneath, in a group: EINVAL EINVAL"
has "its arguments" "$OUT" "arguments: $(printf 'EINVAL %.0s' {1..10})ENOTSUP EINVAL EINVAL 0"
[ "$(id -u)" = 0 ] || has "of nothing of the view" "$OUT" "others: ENODEV EINVAL EBADF EINVAL EINVAL EINVAL EINVAL \
EBADF ENOENT EINVAL EBADF ENOENT EBADF EINVAL EINVAL"
has "its file takes nothing from a pipe" "$OUT" "splice: EINVAL EBADF EINVAL"

cat >remount.sh <<'INSIDE'
set -eux
dev=$(losetup -f --show disk.img)
mount -o ro "$dev" mnt
! touch mnt/no
cd mnt
! mount -o remount,rw "$OLDPWD/mnt"
cd ..
test -e mnt/dir
mount -o remount,rw mnt
echo rw >mnt/remounted
mount -o remount,ro mnt
! touch mnt/no
mount -o remount,rw,noexec mnt
grep -q "$PWD/mnt .*rw.*noexec" /proc/self/mounts
cat mnt/remounted
umount mnt
losetup -d "$dev"
mount -o ro disk.img mnt
! mount -o remount,rw mnt
grep -q "$PWD/mnt .* ro," /proc/self/mounts
umount mnt
INSIDE
gives "remount,rw" 0 um --root -- sh remount.sh
clean_fs disk.img

# What newer mount(8) programs make of --bind, --move and "-o bind,ro"
cat >trees.py <<'PYTHON'
import ctypes, errno, os, struct
libc = ctypes.CDLL(None, use_errno=True)
def call(nr, *args):
    r = libc.syscall(nr, *[ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in args])
    return r if r >= 0 else errno.errorcode[ctypes.get_errno()]
OPEN_TREE, MOVE_MOUNT, SETATTR, OPEN_TREE_ATTR, AT = 428, 429, 442, 467, -100
CLONE, EMPTY, RDONLY = 1, 0x1000, struct.pack("4Q", 1, 0, 0, 0)
def look(path):
    try:
        open(path + "/new", "w").close()
        return "writable"
    except OSError as e:
        return errno.errorcode[e.errno]

fd = call(OPEN_TREE, AT, b"folder", CLONE | os.O_CLOEXEC)
print("nowhere:", call(MOVE_MOUNT, fd, b"", -1, b"mnt2", 4))
print("of the host:", call(MOVE_MOUNT, fd, b"", AT, b"mnt2", 4), os.listdir("mnt2"), call(MOVE_MOUNT, fd, b"", AT, b"mnt2", 4))
os.system("mount disk.img mnt")
fd = call(OPEN_TREE, AT, b"mnt/dir", CLONE | 0x8000)
print("of a mount:", call(SETATTR, fd, b"", EMPTY, RDONLY, 32), call(MOVE_MOUNT, fd, b"", AT, b"mnt3", 4),
      os.listdir("mnt3"), look("mnt3"), look("mnt/dir"), call(SETATTR, fd, b"", EMPTY, RDONLY, 32))
fd = call(OPEN_TREE, AT, b"mnt3", 0)
print("moved:", call(MOVE_MOUNT, fd, b"", AT, b"mnt4", 4), os.listdir("mnt3"), os.listdir("mnt4"), look("mnt4"))
print("by name:", call(MOVE_MOUNT, AT, b"mnt4", AT, b"mnt3", 0), call(MOVE_MOUNT, AT, b"mnt/dir", AT, b"mnt4", 0))
if (fd := call(OPEN_TREE_ATTR, AT, b"mnt", CLONE, RDONLY, 32)) != "ENOSYS":
    print("with flags:", call(MOVE_MOUNT, fd, b"", AT, b"mnt4", 4), look("mnt4"))
fd = call(OPEN_TREE, AT, b"mnt", CLONE)
os.system("umount mnt2 mnt3; umount -q mnt4; umount mnt")
print("gone:", call(MOVE_MOUNT, fd, b"", AT, b"mnt4", 4))
print("wrong:", call(OPEN_TREE, AT, b"missing", CLONE), call(OPEN_TREE, -1, b"x", CLONE), call(OPEN_TREE, AT, b"mnt", 0x8000),
      call(OPEN_TREE, AT, b"mnt", 1 << 30))
PYTHON
mkdir -p folder mnt4 && touch folder/file
gives "open_tree, move_mount, mount_setattr" 0 um --root -- "$PYTHON" trees.py
has "no such descriptor" "$OUT" "nowhere: EBADF"
has "of the host" "$OUT" "of the host: 0 ['file'] EINVAL"
has "of a mount" "$OUT" "of a mount: 0 0 ['file'] EROFS writable EINVAL"
has "moved" "$OUT" "moved: 0 [] ['file', 'new'] EROFS"
has "by name" "$OUT" "by name: 0 EINVAL"
has "with flags" "$OUT" "with flags: 0 EROFS"
has "gone" "$OUT" "gone: EINVAL"
has "wrong" "$OUT" "wrong: ENOENT EBADF EINVAL EINVAL"
cat >locked.py <<'PYTHON'
exec(open("trees.py").read().split("\nfd =")[0])
fd = call(OPEN_TREE, AT, b"folder", CLONE)
print(call(SETATTR, fd, b"", EMPTY, struct.pack("4Q", 0, 1, 0, 0), 32), call(MOVE_MOUNT, fd, b"", AT, b"mnt2", 4), look("mnt2"))
PYTHON
is "what --ro holds stays so" "$(um --root --ro "$PWD/folder" -- "$PYTHON" locked.py)" "EPERM 0 EROFS"
clean_fs disk.img
nothing_left
