# SPDX-License-Identifier: GPL-2.0-or-later
# An ext4 whose journal is to be replayed, as a machine that crashed leaves it: what says so, and the option fsck.
. "$TOP/tests/e2e/lib.sh"
ext4_image clean.img 16M
mkdir mnt
echo journalled >file
um -m clean.img:mnt -- cp file mnt/file
block=$(debugfs -R 'bmap file 0' clean.img 2>/dev/null)
size=$(dumpe2fs -h clean.img 2>/dev/null | sed -n 's/^Block size: *//p')
{
	echo replayed
	head -c "$((size - 9))" /dev/zero | tr '\0' x
} >new
printf 'jo -c\njw -b %s new\njc\n' "$block" >commands
cp clean.img dirty.img
debugfs -w -f commands dirty.img >/dev/null 2>&1
has "it is dirty" "$(dumpe2fs -h dirty.img 2>/dev/null)" needs_recovery
cp dirty.img "odd, name?.img"
cp dirty.img part
truncate -s 24M disk.img
printf 'label: dos\nstart=2048,size=40000,type=83\n' | sfdisk -q disk.img
dd if=part of=disk.img bs=1M seek=1 conv=notrunc status=none

# what fuse2fs makes of it differs from version to version
status um -m dirty.img:mnt,ro -- cat mnt/file
[ "$STATUS" = 0 ] || has "what it says" "$OUT" "dirty.img: fuse2fs did not mount it"
[ "$STATUS" = 0 ] || has "what to do" "$OUT" "the option fsck"

gives "repaired" 0 um -m dirty.img:mnt,fsck -- cat mnt/file
has "and what was in the journal is there" "$OUT" replayed
clean_fs dirty.img
gives "a name with marks in it" 0 um -m 'odd\, name?.img:mnt,fsck' -- cat mnt/file
has "and what was in its journal is there" "$OUT" replayed
gives "a partition" 0 um -m disk.img:mnt,partition=1,fsck -- cat mnt/file
has "and what was in the journal of that is there" "$OUT" replayed
cp clean.img same.img
cp part dirty.img
PATH=$(dirname "$(command -v umview)"):/usr/bin:/bin gives "by who has no /sbin in his PATH" 0 um -m dirty.img:mnt,fsck -- true
gives "one that needs none" 0 um -m same.img:mnt,fsck -- cat mnt/file

cp part bad.img
printf 'ssv state 2\nclri <2>\n' >commands
debugfs -w -f commands bad.img >/dev/null 2>&1
gives "what cannot be repaired" 125 um -m bad.img:mnt,fsck -- true
has "it says" "$OUT" "bad.img: e2fsck could not repair it:"
gives "with ro" 125 um -m part:mnt,fsck,ro -- true
has "it says" "$OUT" "not together with ro"
truncate -s 16M fat.img
mkfs.fat fat.img >/dev/null
gives "one that nothing is known for" 125 um -m fat.img:mnt,fsck -- true
has "it says" "$OUT" "fsck:vfat"
nothing_left
