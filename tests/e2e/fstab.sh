# SPDX-License-Identifier: GPL-2.0-or-later
# umview -F: a table of mounts, made in the order that they ask for, and of what else makes a view.
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

# what is no mount
mkdir low "low,er" sub
echo old >low/file
echo old >"low,er/file"
cat >whole <<'TABLE'
none		none		view	root,name=whole,cache-size=64M,server=ext4=fuse2fs\040-o\040a\134,b
none		none		view	net-family=vsock=none,net-family=packet=view
trial		$PLACE/low	cow
second		$PLACE/low,er	cow	consistent
none		$PLACE/tree	none	policy=ro
none		$PLACE/mnt	none	policy=hide
none		none		net	abstract=private
none		$PLACE/new	none	make=dir
TABLE
gives "a whole view" 0 um -F whole -- sh -c '
	id -u; ls new mnt; ls /sys/class/net
	echo new >low/file; echo new >"low,er/file"; touch tree/x
	umctl export >exported; umctl -n whole export | cmp - exported'
has "a whole view: root" "$OUT" "0
"
has "a whole view: hidden" "$OUT" "cannot access 'mnt'"
has "a whole view: read-only" "$OUT" "Read-only file system"
has "a whole view: its network" "$OUT" "
lo
"
is "a whole view: nothing was changed" "$(cat low/file "low,er/file")" "old
old"
is "export: what was asked for" "$(cat exported)" "none	none	view	root,name=whole,cache-size=67108864,net-family=vsock=none,net-family=packet=view,server=ext4=fuse2fs\\040-o\\040a\\134,b	0 0
trial	$HERE/low	cow	defaults	0 0
second	$HERE/low,er	cow	consistent	0 0
none	none	net	abstract=private	0 0
none	$HERE/tree	none	policy=ro	0 0
none	$HERE/mnt	none	policy=hide	0 0
none	$HERE/new	auto	make=dir	0 0"
gives "an export of it" 0 um -F exported -- sh -c 'cat low/file "low,er/file"; umctl export | cmp - exported'
has "an export of it: the layers" "$OUT" "new
new"

# another root
mkdir -p root/bin root/usr
need busybox
cp "$(command -v busybox)" root/bin/busybox
printf '%s / rootfs host-basics\n' "$HERE/root" >root.table
mkdir root/proc
gives "another root" 0 um -F root.table -- /bin/busybox true
printf '%s/root / rootfs\nnone none view root\nnone / cow\n' "$HERE" >root.table
gives "another root, written over" 0 um -F root.table -- /bin/busybox true
gives "another root: the same by its export" 0 um -F root.table --dry-run -- true
has "another root: the layer" "$OUT" "changes of / go to a new layer"

bad() {
	printf '%s\n' "$2" >bad.table
	gives "refused: $2" 125 um -F bad.table -- true
	has "refused: $2" "$OUT" "$1"
}
bad "bad.table:1: a line of type view has the options root" "none none view rot"
bad "--root takes no value" "none none view root=1"
bad "--name needs a name" "none none view name="
bad "no other target" "none eth0 net"
bad "has the option host-basics" "/ / rootfs ro"
bad "no option bla" "slirp none net bla"
bad '"bla" is not known' "x / cow bla"

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
