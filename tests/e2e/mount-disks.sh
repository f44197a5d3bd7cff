# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 240
# sanitize: asan
# Disks in a format of their own: of virtual machines, and compressed ones, with partitions and without.
# They are opened by another server first, which ends with the mount.
. "$TOP/tests/e2e/lib.sh"
need nbdfuse nbdkit qemu-nbd qemu-img sfdisk mkntfs zstd bzip2

mkdir mnt mnt2 tree tree/dir
echo small >tree/small
seq 20000 >tree/dir/big
ext4_image plain 24M -d tree
truncate -s 64M disk
printf 'size=24M\nsize=24M\n' | sfdisk -q --label gpt disk
dd if=plain of=disk bs=1M seek=1 conv=notrunc status=none
truncate -s 24M part2
mkntfs -F -q part2 >/dev/null 2>&1
dd if=part2 of=disk bs=1M seek=25 conv=notrunc status=none

for format in qcow2 vmdk vdi vhd; do
	qemu-img convert -O "$(echo "$format" | sed s/vhd/vpc/)" plain "d.$format"
	gives "a file system in $format" 0 um -m "d.$format:mnt" -- \
		sh -c 'diff -rx lost+found tree mnt && cp -r tree mnt/new && rm mnt/small'
	is "no word of it" "$OUT" ""
	qemu-img convert -O raw "d.$format" raw
	clean_fs raw
	gives "what was written is in it" 0 um -m raw:mnt -- sh -c 'diff -r tree mnt/new && ! test -e mnt/small'
done
nothing_left

qemu-img convert -O qcow2 disk two.qcow2
gives "two partitions of one disk" 0 um -m two.qcow2:mnt,partition=1 -m two.qcow2:mnt2,partition=2 -- \
	sh -c 'cp -r mnt/dir mnt2 && echo x >mnt/x && cmp mnt2/dir/big tree/dir/big'
gives "and again" 0 um -m two.qcow2:mnt2,partition=2 -m two.qcow2:mnt,partition=1 -- \
	sh -c 'diff -r tree/dir mnt2/dir && cat mnt/x'
gives "as lines" 0 um -m two.qcow2:mnt2,partition=2 -m two.qcow2:mnt,partition=1 -- sh -c 'umctl export >lines'
is "the disks themselves have none" "$(cut -f 1,4 lines)" "$HERE/two.qcow2	partition=2
$HERE/two.qcow2	partition=1"
gives "of which each serves again" 0 um -F lines -- cat mnt/x
gives "which partition" 125 um -m two.qcow2:mnt -- true
has "which partition" "$OUT" "$HERE/two.qcow2 is a whole disk with a gpt partition table: choose one with the option partition=N: 1 (ext4, 24 MiB), 2 (ntfs, 24 MiB)"
nothing_left

# Once umount has returned, all is in the image.
cat >inside.sh <<'INSIDE'
set -e
umctl mount d.qcow2 mnt
findmnt -no SOURCE,FSTYPE mnt
echo now >mnt/now
umctl umount mnt
umctl ls
qemu-img convert -O raw d.qcow2 raw
INSIDE
gives "umount waits for the disk" 0 um sh inside.sh
is "how it is shown" "$OUT" "$HERE/d.qcow2 ext4"
clean_fs raw
is "what was written" "$(debugfs -R 'cat now' raw 2>/dev/null)" now

gives "read only" 1 um -m d.qcow2:mnt,ro -- touch mnt/x
has "read only" "$OUT" "Read-only file system"
chmod a-w d.qcow2
gives "an image that cannot be written" 1 um -m d.qcow2:mnt -- touch mnt/x
has "an image that cannot be written" "$OUT" "Read-only file system"
chmod u+w d.qcow2
qemu-img convert -O vhdx plain d.vhdx
gives "vhdx is for reading" 0 um -m d.vhdx:mnt -- sh -c 'diff -rx lost+found tree mnt && ! touch mnt/x 2>/dev/null'
gives "the disk alone" 0 um -m d.qcow2:mnt,type=qcow2 -- stat -c %s mnt/nbd
is "its size" "$OUT" $((24 << 20))
gives "what would be done" 0 um --dry-run -m d.qcow2:mnt -- true
has "what would be done" "$OUT" "qemu-nbd -f qcow2 $HERE/d.qcow2"
gives "as root, by mount(8)" 0 um --root -- sh -c 'mount d.qcow2 mnt && cat mnt/now && umount mnt'

# What a disk refers to is any file of the user's: it is opened only when that is asked for.
echo secret >secret
truncate -s 1M secret
qemu-img create -q -f qcow2 -F raw -b "$HERE/secret" bad.qcow2
gives "a backing file" 125 um -m bad.qcow2:mnt,type=qcow2 -- head -c 6 mnt/nbd
has "a backing file" "$OUT" "bad.qcow2 has a backing file, \"$HERE/secret\", which is opened with the option backing-files alone"
gives "by mount(8)" 32 um --root -- mount -t qcow2 bad.qcow2 mnt
gives "when it is wanted" 0 um -m bad.qcow2:mnt,type=qcow2,backing-files -- head -c 6 mnt/nbd
is "when it is wanted" "$OUT" secret
qemu-img create -q -f qcow2 -F raw -b "$HERE/plain" over.qcow2
gives "of what is found in it" 125 um -m over.qcow2:mnt -- true
gives "and when it is wanted" 0 um -m over.qcow2:mnt,backing-files -- diff -rx lost+found tree mnt
qemu-img create -q -f qcow2 -o "data_file=$HERE/victim,data_file_raw=on" outside.qcow2 1M
gives "data elsewhere" 125 um -m outside.qcow2:mnt,type=qcow2 -- true
has "data elsewhere" "$OUT" "its data in another file"
qemu-img convert -O vmdk -o subformat=monolithicFlat plain flat.vmdk
gives "data of vmdk elsewhere" 125 um -m flat.vmdk:mnt,type=vmdk -- true
has "data of vmdk elsewhere" "$OUT" "its data in other files"
qemu-img create -q -f vmdk -F vmdk -b "$HERE/d.vmdk" parent.vmdk
gives "a parent" 125 um -m parent.vmdk:mnt -- true
has "a parent" "$OUT" "parent.vmdk has a parent"
dd if=d.vhd of=differences.vhd bs=1k count=8 status=none
printf '\4' | dd of=differences.vhd bs=1 seek=63 conv=notrunc status=none
gives "a vhd of differences" 125 um -m differences.vhd:mnt -- true
has "a vhd of differences" "$OUT" "differences.vhd holds the differences to another disk alone"
nothing_left

# Compressed ones; an archive stays one.
for program in gzip xz; do
	$program -c plain >z.$program
	gives "a disk by $program" 0 um -m "z.$program:mnt" -- diff -rx lost+found tree mnt
	$program -c disk >z.$program
	gives "and its second partition" 0 um -m "z.$program:mnt,partition=2" -- ls -A mnt
	tar -cf - tree | $program >t.$program
	gives "an archive by $program" 0 um -m "t.$program:mnt" -- diff -r tree mnt/tree
done
for program in zstd bzip2; do
	$program -c plain >z.$program
	gives "a disk by $program" 125 um -m "z.$program:mnt" -- true
	has "a disk by $program" "$OUT" "z.$program holds a disk"
	has "what to do" "$OUT" "unpack it first ($program -dk)"
	tar -cf - tree | $program >t.$program
	gives "an archive by $program" 0 um -m "t.$program:mnt" -- diff -r tree mnt/tree
done
nothing_left

# An image on a mount is looked into, not copied.
ext4_image outer 200M
gives "one within another" 0 um -m outer:mnt -- sh -c '
	cp --sparse=always d.qcow2 disk mnt &&
	umctl mount mnt/d.qcow2 mnt2 && cat mnt2/now && umctl umount mnt2 &&
	umctl mount -o partition=1 mnt/disk mnt2 && diff -rx lost+found tree mnt2 && umctl umount mnt2'
clean_fs outer
nothing_left
