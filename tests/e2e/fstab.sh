# SPDX-License-Identifier: GPL-2.0-or-later
# umview -F: a table of mounts, made in the order that they ask for.
. "$TOP/tests/e2e/lib.sh"
need mksquashfs

ext4_image outer.img 16M
mkdir mnt "a b" tree
echo inner >tree/file
mksquashfs tree inner.sqfs -quiet -no-progress >/dev/null
um -m outer.img:mnt -- sh -c 'mkdir mnt/sub; cp inner.sqfs mnt/in,it.sqfs'
mkdir "$HOME/images"
cp inner.sqfs "$HOME/images/home.sqfs"

# what lies on the ext4 stands before it
export PLACE=$PWD
cat >table <<'TABLE'
# a comment, and an empty line

${PLACE}/mnt/in,it.sqfs	$PLACE/a\040b	squashfs	ro,nosuid	0 0
~/images/home.sqfs	$PLACE/mnt/sub	auto	defaults	0 2
outer.img		$PLACE/mnt	ext4	defaults,noatime
/dev/sda1		/nowhere	ext4	noauto
none			none		swap	sw
$PLACE/tree		$PLACE/mnt/lost+found	none	bind
TABLE
gives "all are mounted" 0 um -F table -- sh -c 'cat "a b/file" mnt/sub/file mnt/lost+found/file; grep -c " $PLACE/" /proc/self/mounts'
is "and read" "$OUT" "inner
inner
inner
4"
gives "with the type and options" 0 um --fstab=table -- grep " $PLACE/mnt " /proc/self/mounts
has "with the type and options" "$OUT" " ext4 rw,noatime"

# and comes out as it went in
gives "export" 0 um -F table -- sh -c 'umctl export >exported'
is "export: lines" "$(wc -l <exported)" 4
gives "all are mounted again" 0 um -F exported -- sh -c 'cat "a b/file" mnt/sub/file mnt/lost+found/file; grep " $PLACE/mnt " /proc/self/mounts; umctl export >again'
has "with their options" "$OUT" " ext4 rw,noatime"
is "export of an export" "$(cat again)" "$(cat exported)"
gives "what is by hand" 0 um -- sh -c 'mkdir hand; fuse2fs outer.img hand && umctl export; umount hand'
has "what is by hand" "$OUT" "# $HERE/hand ("

gives "no such table" 125 um -F nothing -- true
has "no such table" "$OUT" "nothing: No such file or directory"
printf '# x\nonly one\n' >short
gives "a short line" 125 um -F short -- true
has "a short line" "$OUT" "short:2: a line has source, target, type"
: >empty
gives "an empty table" 0 um -F empty -- true
printf '/nothing.img %s/mnt auto\n' "$PWD" >bad
gives "what cannot be mounted" 125 um -F bad -- true
has "what cannot be mounted" "$OUT" "/nothing.img: No such file"
nothing_left
