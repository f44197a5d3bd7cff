# SPDX-License-Identifier: GPL-2.0-or-later
# FUSE servers started by hand inside a view, and unmounted there by fusermount and umount.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"
need fuse2fs squashfuse mksquashfs fusermount

ext4_image fs.img 16M
mkdir tree mnt one two
echo content >tree/file
mksquashfs tree t.sqfs -quiet -no-progress >/dev/null

cat >inside.sh <<'INSIDE'
set -eux
fuse2fs fs.img mnt
echo written >mnt/new
cat mnt/new
grep " $PWD/mnt " /proc/self/mounts
fusermount -u mnt
test ! -e mnt/new
! grep " $PWD/mnt " /proc/self/mounts

squashfuse t.sqfs one
squashfuse t.sqfs two
cat one/file two/file
umount two
! test -e two/file
cat one/file
cd one
! umount .  2>&1
cd ..
fusermount -u one
! test -e one/file

fuse2fs fs.img mnt
cat mnt/new
cd mnt
umount -l .
cd ..
! test -e mnt/new

# A server that ends leaves alone what it had covered
fuse2fs fs.img mnt
squashfuse t.sqfs mnt
cat mnt/file
umount mnt
sleep 0.5
cat mnt/new
umount mnt

# In the foreground, killed by its own user
squashfuse -f t.sqfs one &
for i in $(seq 100); do test -e one/file && break; sleep 0.1; done
cat one/file
kill $!
wait $! || true
! test -e one/file
INSIDE
gives "by hand" 0 um sh inside.sh
has "a file written" "$OUT" written
clean_fs fs.img

# What is still mounted at the end is unmounted and flushed.
um sh -c 'fuse2fs fs.img mnt && echo last >mnt/last'
clean_fs fs.img
is "flushed at the end" "$(debugfs -R 'cat last' fs.img 2>/dev/null)" last
nothing_left
