# SPDX-License-Identifier: GPL-2.0-or-later
# Colons, commas, blanks and backslashes in names; relative targets; mounts on mounts.
. "$TOP/tests/e2e/lib.sh"

mkdir 'a:b' 'c,d' 'e f' 'g\h' plain
n=0
for dir in 'a:b' 'c,d' 'e f' 'g\h'; do
	n=$((n + 1))
	image="$dir/im:g,$n.img"
	ext4_image "$image" 8M
	spec=$(printf '%s' "$image" | sed 's/[\\:,]/\\&/g'):$(printf '%s' "$HERE/$dir" | sed 's/[\\:,]/\\&/g')
	is "-m $spec" "$(um -m "$spec" -- sh -c 'echo in >"$1/file" && cat "$1/file" && grep -c fuse /proc/self/mounts' sh "$dir" | head -1)" in
	is "it is in the image" "$(debugfs -R 'cat file' "$image" 2>/dev/null)" in
done

ext4_image fs.img 8M
ext4_image two.img 8M
is "a relative target" "$(um -m fs.img:plain -- sh -c 'echo in >plain/file; cat plain/file')" in
cat >inside.sh <<'INSIDE'
set -eu
mkdir plain/sub
umctl mount two.img plain/sub
echo deep >plain/sub/file
cat plain/sub/file
! umctl umount plain 2>/dev/null
cd plain/sub
cd ..
pwd
cat file
cd ..
umctl umount plain/sub
! test -e plain/sub/file
umctl mount two.img plain
cat plain/file
umctl umount plain
cat plain/file
! mv plain/file fs.img.copy/ 2>/dev/null
! ln plain/file linked 2>/dev/null
mv plain/file moved
cat moved
INSIDE
is "mounts on mounts" "$(um -m "fs.img:$HERE/plain" -- sh inside.sh 2>&1 | tr '\n' ' ')" \
	"deep $HERE/plain in deep in in "
clean_fs fs.img
clean_fs two.img
nothing_left
