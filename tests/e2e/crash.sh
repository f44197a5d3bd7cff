# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 of server, guest and supervisor at random moments of a workload (200 in `make soak`): nobody hangs,
# e2fsck -p mends the image, and what was fsynced is there. With the guest alone killed nothing at all is lost.
# timeout: 600
# soak: 3000
. "$TOP/tests/e2e/lib.sh"

rounds=12
[ -z "${UMVIEW_SOAK:-}" ] || rounds=200
seed=${UMVIEW_SEED:-$RANDOM}
echo "UMVIEW_SEED=$seed"
RANDOM=$seed
mkdir mnt
WORK=$TOP/tests/lib/crash.py

victims() {
	case $1 in
	supervisor) supervisor_of crash ;;
	*) umctl -n crash --json ps | "$PYTHON" -c '
import json, sys
server = sys.argv[1] == "server"
print(*[p["pid"] for p in json.load(sys.stdin)["processes"] if bool(p["service"]) == server])' "$1" ;;
	esac
}

# As at a boot, and what a boot would ask the user to do. e2fsck -p stops where a name leads to an inode that the
# image's table did not know to be used yet, having mended that: the next run goes on. libext2fs writes the
# superblock in pieces, so a kill may leave one whose checksum is wrong: then a backup of it serves. None of this is
# needed where the server could end by itself.
mend() {
	local tries=3
	[ "$who" = server ] || tries=1
	for _ in $(seq "$tries"); do
		e2fsck -p fs.img >mended 2>&1 && return
		[ $? -ge 4 ] || return 0
		! grep -q "Superblock checksum" mended || break
	done
	[ "$who" = server ] && grep -q "Superblock checksum" mended || fail "$who: e2fsck -p: $(cat mended)"
	e2fsck -fy -b 8193 -B 1024 fs.img >mended 2>&1 || [ $? -lt 4 ] || fail "$who: e2fsck -b: $(cat mended)"
}

for round in $(seq "$rounds"); do
	who=$(echo server guest supervisor | cut -d' ' -f$((round % 3 + 1)))
	delay=0.$((RANDOM % 8))$((RANDOM % 10))
	rm -f log fs.img mended
	ext4_image fs.img 64M -b 1024
	um --name crash -m "fs.img:$HERE/mnt" -- "$PYTHON" "$WORK" work mnt log "$RANDOM" &
	front=$!
	until_true 30 test -s log
	pids=$(victims "$who")
	sleep "$delay"
	# shellcheck disable=SC2086
	kill -KILL $pids
	status=0
	timeout 60 tail --pid="$front" -f /dev/null || fail "$who: the view hangs"
	wait "$front" || status=$?
	case $who$status in
	server0 | guest137 | supervisor125) ;;
	*) fail "round $round, $who killed after ${delay}s: the view's status is $status" ;;
	esac
	until_true 20 no_view_process
	if [ "$who" = guest ]; then
		clean_fs fs.img
	else
		mend
	fi
	[ "$who" = guest ] && all=written || all=
	gives "round $round, $who after ${delay}s" 0 um -m "fs.img:$HERE/mnt,ro" -- \
		"$PYTHON" "$WORK" check mnt log $all
	echo "$OUT, $(tail -n1 log), $(head -n1 mended 2>/dev/null)"
done
nothing_left
