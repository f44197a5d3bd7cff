# SPDX-License-Identifier: GPL-2.0-or-later
# What was written through a low number (a shell's output) is found when its last close is told, though the close before
# is still being seen to: nothing of it is lost.
# timeout: 400
. "$TOP/tests/e2e/lib.sh"
UM_TIMEOUT=300
need mke2fs

cat >loop.sh <<'LOOP'
cd "$1"
for i in $(seq 300); do
	rm -rf made
	echo new >new
	echo more >>new
	cat new >/dev/null
	mkdir made
	mv new made/file
	[ "$(stat -c %s made/file)" = 9 ] || echo "turn $i: $(stat -c %s made/file)"
	ln made/file made/second
	echo "by another open" >>made/file
	cmp made/file ../wanted
done
LOOP
printf 'new\nmore\nby another open\n' >wanted
views=
for i in 1 2 3; do
	ext4_image "fs$i.img" 16M
	mkdir "m$i"
	um -m "fs$i.img:m$i" -- bash loop.sh "m$i" >"said$i" 2>&1 &
	views="$views $!"
done
for view in $views; do
	wait "$view" || fail "a view ended badly"
done
is "nothing is lost" "$(cat said1 said2 said3)" ""
nothing_left
