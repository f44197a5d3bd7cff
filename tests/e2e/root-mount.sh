# SPDX-License-Identifier: GPL-2.0-or-later
# --root: mount(8), findmnt and umount(8) as root of the view, which is nobody's root outside.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"
need findmnt mount umount

ext4_image disk.img 32M
mkdir mnt mnt2
is "root inside" "$(um --root -- id -u)" 0
is "and in a child" "$(um --root -- sh -c 'sh -c "id -u; id -g"' | tr '\n' ' ')" "0 0 "
gives "nothing more is allowed" 2 um --root -- sh -c 'echo x >/etc/umview-test-file'
[ "$(id -u)" = 0 ] || gives "nor read" 2 um --root -- ls /proc/1/fd/

cat >inside.sh <<'INSIDE'
set -eux
mount -t ext4 disk.img mnt
findmnt "$PWD/mnt"
findmnt -n -o FSTYPE "$PWD/mnt"
cp -r /etc/ssl mnt/ || cp -r /etc/apt mnt/
echo root >mnt/owned
chown 12:34 mnt/owned
stat -c %u:%g mnt/owned
mkdir mnt/dir
chown -R 5:5 mnt/dir
df mnt
umount mnt
! test -e mnt/owned
mount disk.img mnt
stat -c %u:%g mnt/owned
"$PYTHON" -c '
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def expire():
    return 0 if libc.umount2(b"mnt", 4) == 0 else ctypes.get_errno()
seen = [expire()]
os.stat("mnt")
print("expire:", [e == errno.EAGAIN for e in seen + [expire()]], expire())'
INSIDE
gives "mount, findmnt, cp, chown, umount" 0 um --root -- sh inside.sh
has "chown" "$OUT" 12:34
has "MNT_EXPIRE: twice, and unused between" "$OUT" "expire: [True, True] 0"
clean_fs disk.img
ln -s mnt lead
gives "the link itself is no mount" 0 um --root -m disk.img:mnt -- "$PYTHON" -c '
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(libc.umount2(b"lead", 8), ctypes.get_errno(), libc.umount2(b"lead", 0))'
is "the link itself is no mount" "$OUT" "-1 22 0"
clean_fs disk.img
is "the owner is in the image" \
	"$(debugfs -R 'stat owned' disk.img 2>/dev/null | grep -o 'User: *[0-9]* *Group: *[0-9]*' | tr -s ' ')" \
	"User: 12 Group: 34"

cat >refused.py <<'PYTHON'
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
os.mkfifo("fifo")
open("junk", "w").truncate(1 << 20)
def mount(source, type, data=None):
    return "0" if libc.mount(source, b"mnt", type, 0, data) == 0 else errno.errorcode[ctypes.get_errno()]
print(mount(b"/dev/zero", b"ext4"), mount(b"fifo", b"ext4"), mount(b"missing", b"ext4"),
      mount(b"junk", b"ext4"), mount(b"disk.img", b"ext4", b"no_such_option"), mount(b"disk.img", b"xfs"), mount(b"disk.img", b"ext4"))
os.mknod("mnt/zero", 0o20666, os.makedev(1, 5))
print(mount(b"mnt/zero", b"ext4"), libc.umount(b"mnt"))
PYTHON
is "what mount(2) refuses" "$(um --root -- "$PYTHON" refused.py | xargs)" \
	"ENOTBLK ENOTBLK ENOENT EINVAL EINVAL ENODEV 0 ENOTBLK 0"

cat >umount.py <<'PYTHON'
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def umount(path, flags=0):
    return "0" if libc.umount2(path, flags) == 0 else errno.errorcode[ctypes.get_errno()]
print(umount(b"mnt"), umount(b"mnt", 0x100), umount(b"missing"), umount(b"umount.py/x"),
      umount(b"m" * 300), umount(None), umount(b"disk.img"))
PYTHON
[ "$(id -u)" = 0 ] || for m in "" "-m disk.img:mnt2"; do
	is "umount2 of what is no mount ($m)" "$(um --root $m -- "$PYTHON" umount.py)" \
		"EINVAL EINVAL ENOENT ENOTDIR ENAMETOOLONG EFAULT EINVAL"
done

# Device files of an image: the host's own of that number, where mounts are the view's root's, and not nodev.
devices='rm -f null zero none; mknod null c 1 3; mknod zero c 1 5; mknod none c 240 240; chmod 666 null zero none
	echo lost >null && wc -c <null; head -c 3 zero | wc -c; cat none; chmod 600 null; cat null
	setpriv --reuid 1 --clear-groups sh -c "head -c 2 zero | wc -c; cat null"; findmnt -no SOURCE -T zero >/dev/null; stat -c %t:%T zero'
is "devices of an image" "$(um --root -m disk.img:mnt2 -- sh -c "cd mnt2; $devices" 2>&1 | sed 's/.*: //')" "0
3
No such device or address
2
Permission denied
1:5"
is "nodev" "$(um --root -m disk.img:mnt2,nodev -- cat mnt2/zero 2>&1)" "cat: mnt2/zero: Permission denied"
is "without a virtual root" "$(um -m disk.img:mnt2 -- cat mnt2/zero 2>&1)" "cat: mnt2/zero: Permission denied"

# A program of a group that its maker is not in loses the set-group-ID bit, whatever the server makes of groups.
cat >setgid.sh <<'E2'
set -e
fuse2fs -o fakeroot,default_permissions disk.img mnt 2>/dev/null
mkdir mnt/d
chown 0:1234 mnt/d
chmod 2777 mnt/d
for groups in --clear-groups --groups=1234; do
	setpriv --reuid=5 --regid=5 "$groups" "$PYTHON" -c '
import os
os.umask(0)
os.close(os.open("mnt/d/program", os.O_CREAT | os.O_EXCL, 0o2775))
os.close(os.open("mnt/d/none", os.O_CREAT | os.O_EXCL, 0o2765))
os.mknod("mnt/d/fifo", 0o12771)
print(*(oct(os.stat("mnt/d/" + name).st_mode) for name in ("program", "none", "fifo")))'
	rm mnt/d/*
done
rmdir mnt/d
umount mnt
E2
gives "set-group-ID bits" 0 um --root -- bash setgid.sh
is "of those who are not in the group, and who are" "$OUT" "0o100775 0o102765 0o10771
0o102775 0o102765 0o12771"
nothing_left
