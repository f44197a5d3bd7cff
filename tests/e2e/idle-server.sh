# SPDX-License-Identifier: GPL-2.0-or-later
# A server that neither answers nor works when its view ends: the user may give it up once the end takes more than a
# second, and after a minute it is given up by itself. What other servers have is written back.
# timeout: 300
# waits: yes
. "$TOP/tests/e2e/lib.sh"
SERVER=$BUILD/tests/server-slow
[ -x "$SERVER" ] || skip "no libfuse3-dev here"
mkdir mnt other
export SERVER SLOW_HANGS=$HERE/hangs
ext4_image fs.img 8M
cat >work.sh <<'WORK'
"$SERVER" -f mnt 2>said &
until grep -q " $PWD/mnt " /proc/self/mounts; do sleep 0.05; done
echo kept >other/file
WORK

hangs() {
	test -e hangs || ! kill -0 "$front"
}

# Each signal that comes before the end is a second old is the command's business, which has ended.
interrupted() {
	kill -TERM "$front" 2>/dev/null || return 0
	return 1
}

work() {
	rm -f hangs
	umview --log log -m "fs.img:$HERE/other" -- bash work.sh 2>errors &
	front=$!
	until_true 60 hangs
}

work
until_true 30 interrupted
status=0
wait "$front" || status=$?
is "the status" "$status" 125
is "what is said" "$(cat errors)" "umview: $HERE/mnt: given up; what was not written back is lost"
nothing_left

work
timeout 150 tail --pid="$front" -f /dev/null || fail "the server keeps the view"
status=0
wait "$front" || status=$?
is "the status" "$status" 125
is "what is said" "$(cat errors)" \
	"umview: $HERE/mnt: its server has done nothing for a minute and is killed; what was not written back is lost"
nothing_left
clean_fs fs.img
gives "the other mount" 0 um -m "fs.img:$HERE/other,ro" -- cat other/file
is "it" "$OUT" kept
