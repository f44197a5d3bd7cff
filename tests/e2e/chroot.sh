# SPDX-License-Identifier: GPL-2.0-or-later
# chroot(2) and pivot_root(2) of a virtual root, on the host's tree, in --cow and on mounts; /proc, /sys and /dev mounted there.
# timeout: 300
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
need busybox chroot mount pivot_root
export XDG_STATE_HOME=$HERE/state

mkdir -p m r/bin r/proc r/dev r/mnt r/old r/sub
cp "$(command -v busybox)" r/bin/busybox
for name in sh ls cat pwd mount umount readlink head id chroot mkdir touch stat wc; do ln -s /bin/busybox "r/bin/$name"; done
printf '#!/bin/sh\necho "a script $0 $*"\n' >r/bin/script
chmod 755 r/bin/script
ln -s /sub r/link
ln -s ../../.. r/sub/up
echo inside >r/file
cat >inside.sh <<'S'
pwd; ls /; cat /file; cd bin; pwd; ls ../..; cat ../../../../file; cd ..; cd ..; pwd; cd /link; pwd; cat up/file; cat /link/up/up/file 2>/dev/null || echo none
script one; echo made >/sub/made; cat /sub/made; test ! -e /etc; test ! -e /../etc; cd /bin; chroot /bin /busybox ls -d /busybox /bin 2>/dev/null || true
readlink /proc/self/root; readlink /proc/self/exe; head -n 1 /proc/self/status; echo x >/dev/null; ls -d /dev/null
mount -t tmpfs none /mnt; echo a >/mnt/a; ls /mnt; umount /mnt; ls /mnt; (cd /; mount -t tmpfs none mnt; ls /mnt; umount mnt)
mkdir /sub/dir; cd /sub/dir; stat -c %n .; cd ../..; pwd; umount /proc; ls /proc | wc -l; id -u
S
cp inside.sh r/
cat >around.sh <<'S'
cd "$1"; mount -t proc proc r/proc; mount --rbind /dev r/dev
chroot r /bin/sh -e /inside.sh
test -e r/sub/made; rm -r r/sub/made r/sub/dir; umount r/dev; ls r/dev r/proc | wc -l
chroot r /bin/nothing 2>/dev/null || echo "no such program"
chroot r/file /bin/sh 2>/dev/null || echo "no folder"
setpriv --bounding-set -sys_chroot --inh-caps -sys_chroot chroot r /bin/sh 2>/dev/null || echo "not permitted"
mount --bind r r; cd r; pivot_root . old; cd /; pwd; ls -d bin file old; ls -d /old/etc; umount /old; ls old; cd bin; pwd
S
wanted="/
bin
dev
file
inside.sh
link
mnt
old
proc
sub
inside
/bin
bin
dev
file
inside.sh
link
mnt
old
proc
sub
inside
/
/link
inside
none
a script /bin/script one
made
/busybox
/
/bin/busybox
Name:	head
/dev/null
a
.
/
0
0
3
no such program
no folder
not permitted
/
bin
file
old
/old/etc
/bin"
gives "on the host's tree" 0 um --root -- sh -e around.sh "$HERE"
is "on the host's tree" "$OUT" "$wanted"
gives "in a copy on write" 0 um --root --cow -- sh -e around.sh "$HERE"
is "in a copy on write" "$(printf '%s\n' "$OUT" | grep -v ^umview:)" "$wanted"
gives "on a tmpfs" 0 um --root --tmpfs m -- sh -ec "cp -a r m; sh -e around.sh '$HERE/m'"
is "on a tmpfs" "$OUT" "$wanted"
if command -v fuse2fs >/dev/null; then
	ext4_image fs.img 16M
	mkdir img
	gives "on an image" 0 um --root -m fs.img:img -- sh -ec "cp -a r img; sh -e around.sh '$HERE/img'"
	is "on an image" "$OUT" "$wanted"
	clean_fs fs.img
fi
# ---- tables of mounts, /proc/PID/root, and the way out of /proc ----
cat >tables.sh <<'S'
mount -t proc proc r/proc; mount -t tmpfs in r/mnt; mount -t tmpfs out m; mkdir m/deep
chroot r /bin/sh -c 'cat /proc/mounts; ls -d /proc/../bin /proc/self/root/bin; cd /proc; ls -d ../bin; cd ..; ls -d bin; readlink /proc/self/root
	echo $$ >/mnt/pid; read -r go' <go &
exec 3>go
until [ -s r/mnt/pid ]; do kill -0 $!; done
pid=$(cat r/mnt/pid)
readlink "/proc/$pid/root"; ls "/proc/$pid/root/mnt"; cut -d" " -f2 "/proc/$pid/mounts"; cut -d" " -f5 "/proc/$pid/mountinfo"; readlink /proc/self/root
grep -c " $PWD/m " /proc/mounts
exec 3>&-; wait || true
S
mkfifo go
gives "tables of mounts" 0 um --root -- sh -e tables.sh
is "tables of mounts" "$OUT" "proc /proc proc rw,relatime 0 0
in /mnt tmpfs rw,relatime 0 0
/proc/../bin
/proc/self/root/bin
../bin
bin
/
$HERE/r
pid
/proc
/mnt
/proc
/mnt
/
1"
# ---- propagation: nothing of a view is seen elsewhere, so its root has what it asks for ----
gives "propagation" 0 um --root -- sh -ec 'mount --make-rprivate /; mount --make-rslave /; mount -t tmpfs t m; mount --make-shared m'
gives "propagation of no mount" 32 um --root -- mount --make-private "$HERE"
gives "nor by an ordinary user" 32 um -- mount --make-rprivate /

# ---- what is done to an open file, by who has a root of its own and no /proc there ----
cat >owned.py <<'P'
import os, sys
top = sys.argv[1]
before = os.open(top + "/before", os.O_CREAT | os.O_WRONLY, 0)
os.chroot(top + "/d")
os.chdir("/")
fd = os.open("/f", os.O_CREAT | os.O_WRONLY, 0)
for f in fd, before:
    os.fchown(f, 3, 4)
    os.fchmod(f, 0o4751)
    os.utime(f, (1, 1))
for s in os.stat("/f"), os.fstat(fd), os.fstat(before):
    print(oct(s.st_mode), s.st_uid, s.st_gid, s.st_mtime)
P
mkdir -p own/d
owned="0o104751 3 4 1.0
0o104751 3 4 1.0
0o104751 3 4 1.0"
gives "in a copy on write" 0 um --root --cow -- "$PYTHON" owned.py own
is "open files in a copy on write" "$(grep -v ^umview: <<<"$OUT")" "$owned"
gives "on a tmpfs" 0 um --root --tmpfs m -- sh -ec "mkdir m/d; '$PYTHON' owned.py m"
is "open files on a tmpfs" "$OUT" "$owned"
gives "with owners" 0 um --root --bind own:m,owners -- "$PYTHON" owned.py m
is "open files with owners" "$OUT" "$owned"

mkdir all
gives "a bind of all" 0 um --root -- sh -ec 'mount --rbind / all; cat all/proc/self/comm; [ "$(stat -c %d /dev/shm)" = "$(stat -c %d all/dev/shm)" ]
	chroot all /bin/sh -c "readlink /proc/self/exe; cd /proc; cd ..; test -e etc && pwd"'
has "a bind of all" "$OUT" "cat
/usr/bin/"
gives "an ordinary user may not" 125 um -- chroot r /bin/sh
nothing_left
