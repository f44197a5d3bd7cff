# SPDX-License-Identifier: GPL-2.0-or-later
# A mount is seen by nobody outside; the tree below it, the mount point and the host are unchanged.
. "$TOP/tests/e2e/lib.sh"

ext4_image fs.img 16M
mkdir mnt
echo below >mnt/below
touch -d 2001-01-01 mnt/below mnt
before=$(find . -ls | grep -v fs.img; cat /proc/self/mounts)
rm -f go
umview -m "fs.img:$HERE/mnt" -- sh -c '
	test ! -e mnt/below || exit 1
	echo inside >mnt/inside
	echo >"$TMPDIR/ready"
	while test ! -e "$TMPDIR/go"; do sleep 0.05; done' &
until_true 30 test -e "$TMPDIR/ready"
is "seen outside" "$(ls -A mnt)" below
is "the host's mounts while it is mounted" \
	"$(find . -ls | grep -v fs.img; cat /proc/self/mounts)" "$before"
echo >"$TMPDIR/go"
wait $!
is "afterwards" "$(find . -ls | grep -v fs.img; cat /proc/self/mounts)" "$before"
is "the file is in the image" "$(debugfs -R 'cat inside' fs.img 2>/dev/null)" inside
is "two views, one image to read" "$(um -m "fs.img:$HERE/mnt,ro" -- cat mnt/inside)" inside

# One view writes: another one must not mount the same image.
rm -f "$TMPDIR/go" "$TMPDIR/ready"
umview -m "fs.img:$HERE/mnt" -- sh -c '
	echo >"$TMPDIR/ready"
	while test ! -e "$TMPDIR/go"; do sleep 0.05; done' &
until_true 30 test -e "$TMPDIR/ready"
gives "locked" 125 um -m "fs.img:$HERE/mnt" -- true
has "it says so" "$OUT" fs.img
echo >"$TMPDIR/go"
wait $!
clean_fs fs.img
nothing_left
