# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 of the guest, the server, the supervisor and the front: nobody hangs, nothing is left.
# timeout: 300
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

ext4_image fs.img 16M
mkdir mnt
server_of() {
	umctl -n "$1" --json ls | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["mounts"][0]["server"])'
}

# start NAME COMMAND...: a view that mounts fs.img, in the background; returns when it runs
start() {
	local name=$1
	shift
	rm -f ready
	umview --name "$name" -m "fs.img:$HERE/mnt" -- sh -c 'echo >ready; "$@"' sh "$@" &
	FRONT=$!
	until_true 30 test -e ready
}

ended() {
	STATUS=0
	wait "$FRONT" || STATUS=$?
}

start guest sh -c 'cd mnt; exec 3>file; echo data >&3; sleep 1000'
pkill -KILL -P "$(supervisor_of guest)" -x sh || true
kill -KILL $(umctl -n guest --json ps | "$PYTHON" -c '
import json, sys
print(*[p["pid"] for p in json.load(sys.stdin)["processes"] if not p["service"]])') 2>/dev/null || true
ended
is "status after kill -9 of the guests" "$STATUS" 137
clean_fs fs.img
nothing_left

start supervisor sh -c 'cd mnt; sleep 1000'
kill -KILL "$(supervisor_of supervisor)"
ended
is "status after kill -9 of the supervisor" "$STATUS" 125
# whose fsync(2) and what else it asks for are answered still
has "the server has ended by itself" "$(dumpe2fs -h fs.img 2>/dev/null)" "state:         clean"
nothing_left

start front sh -c 'cd mnt; sleep 1000'
kill -KILL "$FRONT"
ended
nothing_left

# A killed server: ENOTCONN at once, also for who waits; umount works; a new mount too.
start server sh -c '
	echo old >mnt/old; sync
	while test ! -e killed; do sleep 0.1; done
	cat mnt/old2 2>>errors; ls mnt 2>>errors; stat mnt/old 2>>errors
	umctl umount mnt || exit 3
	umctl mount fs.img mnt || exit 4
	cat mnt/old >again'
kill -KILL "$(server_of server)"
echo >killed
ended
is "the view goes on without its server" "$STATUS" 0
has "ENOTCONN" "$(cat errors)" "Transport endpoint is not connected"
is "mounted again" "$(cat again)" old
rm -f killed errors
nothing_left

# A stopped server: who waits can be killed.
start stopped sh -c '
	while test ! -e stopped; do sleep 0.1; done
	ls mnt/none & pid=$!
	sleep 0.5
	kill -KILL $pid
	wait $pid
	echo $? >status
	echo >done
	while test ! -e goon; do sleep 0.1; done'
server=$(server_of stopped)
kill -STOP "$server"
echo >stopped
until_true 30 test -e done
kill -CONT "$server"
echo >goon
ended
is "a waiting process was killed" "$(cat status)" 137
is "status" "$STATUS" 0
clean_fs fs.img
nothing_left
