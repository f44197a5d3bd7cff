# SPDX-License-Identifier: GPL-2.0-or-later
# What is mounted by what is in it, whatever it is called: archives, FAT and exFAT, the partitions of a
# disk; and what is to be done first says so, in words that work.
. "$TOP/tests/e2e/lib.sh"
need archivemount fuse-zip fusefat mount.exfat-fuse mkfs.vfat mkfs.exfat zip cpio sfdisk mkntfs

mkdir mnt nbd tree tree/dir
echo small >tree/small
seq 20000 >tree/dir/big
shows() {
	gives "$1 is read" 0 um -m "$2:mnt" -- diff -r tree mnt
}

tar -cf f1 -C tree .
tar -czf f2 -C tree .
tar -cJf f3 -C tree .
(cd tree && zip -qr ../f4.zip . && find . | cpio -o -H newc --quiet >../f5)
mv f4.zip f4
bzip2 -c f1 >f6
shows tar f1
shows tar.gz f2
shows tar.xz f3
shows zip f4
shows cpio f5
shows tar.bz2 f6
gives "a zip is written" 0 um -m f4:mnt -- sh -c 'echo new >mnt/dir/new; rm mnt/small'
is "the zip" "$(python3 -m zipfile -l f4 | awk 'NR > 1 && !/\/ / { print $1 }' | sort | xargs)" "dir/big dir/new"
gives "a tar is not" 0 um -m f2:mnt -- sh -c '! touch mnt/new && grep " $PWD/mnt .* ro," /proc/self/mounts'
mkdir -p deb/DEBIAN
printf 'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n' >deb/DEBIAN/control
dpkg-deb -b deb f7 >/dev/null
gives "a deb" 0 um -m f7:mnt -- cat mnt/debian-binary
is "its version" "$OUT" 2.0

# f8 vfat, f9 exfat
for fs in f8 f9; do truncate -s 16M $fs; done
mkfs.vfat f8 >/dev/null
mkfs.exfat f9 >/dev/null
for fs in f8 f9; do
	gives "$fs is written" 0 um -m $fs:mnt -- cp -r tree/. mnt
	shows "$fs" $fs
	gives "$fs,ro" 0 um -m $fs:mnt,ro -- sh -c '! touch mnt/new'
done
# Case does not matter there: a name that was missing, and a file that was read, by another spelling.
cat >spelled.sh <<'SH'
cd mnt && test ! -e name && echo one >NAME && cat name && mkdir dir2 && echo in >dir2/file && cat dir2/FILE
[ $# = 0 ] || echo two >>NAME
for i in $(seq 50); do
	[ "$(tail -n 1 name)" = "${1:-one}" ] && break
	sleep 0.1
done
tail -n 1 name && rm -r dir2 NAME
SH
gives "vfat by other spellings" 0 um -m f8:mnt -- sh spelled.sh # fusefat refuses to append, under the kernel too
is "what is found" "$OUT" "$(printf 'one\nin\none')"
gives "exfat by other spellings" 0 um -m f9:mnt -- sh spelled.sh two
is "what is found" "$OUT" "$(printf 'one\nin\ntwo')"
if command -v lowntfs-3g >/dev/null; then
	truncate -s 16M f10
	mkntfs -F -q f10 >/dev/null 2>&1
	gives "ntfs by other spellings" 0 um -m f10:mnt,server=lowntfs-3g,ignore_case -- sh spelled.sh two
	is "what is found" "$OUT" "$(printf 'one\nin\ntwo')"
fi
gives "fsck.vfat" 0 fsck.vfat -n f8
gives "fsck.exfat" 0 fsck.exfat -n f9
gives "its owner is asked for" 0 um -m "f9:mnt,uid=1234,umask=027" -- stat -c '%u %a' mnt/small
is "uid and umask" "$OUT" "1234 750"

cat >modes.py <<'PYTHON'
import errno, os, sys
def try_(f, *args):
    try:
        f(*args)
        return "0"
    except OSError as e:
        return errno.errorcode[e.errno]
f, st = sys.argv[1], os.stat(sys.argv[1])
print(try_(os.chmod, f, 0o700), try_(os.chown, f, st.st_uid, -1), try_(os.chown, f, st.st_uid, st.st_gid),
      try_(os.chown, f, 12, -1), try_(os.chown, f, -1, 12))
PYTHON
gives "modes that vfat does not keep are dropped, owners refused" 0 \
	um --root -m f8:mnt -- python3 modes.py mnt/small
is "modes of vfat" "$OUT" "0 0 0 EPERM EPERM"
gives "and of exfat" 0 um --root -m f9:mnt -- python3 modes.py mnt/small
is "modes of exfat" "$OUT" "0 0 0 EPERM EPERM"
gives "as of a FUSE mount the error is the server's" 0 \
	um --root -- sh -c 'fusefat -o rw+ f8 mnt >/dev/null 2>&1; python3 modes.py mnt/small; umount mnt'
is "modes of fusefat" "$OUT" "ENOSYS ENOSYS ENOSYS ENOSYS ENOSYS"

gives "no links: the server's error, as under the kernel" 1 um -m f9:mnt -- ln -s small mnt/link
has "no links" "$OUT" "Function not implemented"

# A disk with an ext4, an NTFS and a swap partition
truncate -s 64M disk
printf 'size=16M\nsize=16M\nsize=4M\n' | sfdisk -q --label gpt disk
ext4_image part1 16M -d tree
truncate -s 16M part2
mkntfs -F -q part2 >/dev/null 2>&1
dd if=part1 of=disk bs=1M seek=1 conv=notrunc status=none
dd if=part2 of=disk bs=1M seek=17 conv=notrunc status=none
gives "which partition" 125 um -m disk:mnt -- true
has "they are listed" "$OUT" "partition=N: 1 (ext4, 16 MiB), 2 (ntfs, 16 MiB), 3 (no file system, 4 MiB)"
gives "no such one" 125 um -m disk:mnt,partition=4 -- true
has "they are listed" "$OUT" "has no partition 4: 1 (ext4"
gives "not a number" 125 um -m disk:mnt,partition=one -- true
has "not a number" "$OUT" "partition=one: not a number"
gives "partitions of none" 125 um -m part1:mnt,partition=1 -- true
has "partitions of none" "$OUT" "no partition table"
gives "an ext4 partition is written" 0 um -m disk:mnt,partition=1 -- sh -c 'echo new >mnt/new; cat mnt/small'
is "what it says" "$OUT" small
dd if=disk of=part1 bs=1M skip=1 count=16 status=none
clean_fs part1
is "what was written" "$(debugfs -R 'cat new' part1 2>/dev/null)" new
dd if=disk bs=1M skip=17 count=16 status=none | cmp - part2
gives "an ext4 at an offset" 0 um -m disk:mnt,offset=1048576 -- cat mnt/new

command -v nbdfuse nbdkit >/dev/null || skip "no nbdfuse, nbdkit here: the rest is passed over"
gives "an NTFS partition, whose server wants a file to itself" 0 um -m disk:mnt,partition=2 -- cp -r tree/. mnt
is "it is silent" "$OUT" ""
dd if=disk of=part2 bs=1M skip=17 count=16 status=none
gives "it was written" 0 um -m part2:mnt -- diff -r tree mnt
gives "two partitions at once" 0 um -m disk:mnt,partition=1 -m disk:nbd,partition=2 -- \
	sh -c 'cp mnt/new nbd/from-ext4 && cat nbd/from-ext4'
gives "what would be done" 0 um --dry-run -m disk:mnt,partition=2 -- true
has "what would be done" "$OUT" "file $HERE/disk offset=17825792 range=16777216 ]"
nothing_left
