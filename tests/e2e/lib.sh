# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the e2e tests share. A test begins with header lines (doc/testing.md), then:
#	. "$TOP/tests/e2e/lib.sh"
# It runs in an empty folder of its own, as an ordinary user, with umview and umctl in PATH.
set -euo pipefail
trap 'echo "FAILED at $0:$LINENO: $BASH_COMMAND (status $?)" >&2' ERR

HERE=$PWD
LOG=$TMPDIR/log # of the views that `um` starts; shown when something fails

fail() {
	echo "FAILED: $*" >&2
	if [ -s "$LOG" ]; then
		echo "the end of the views' log:" >&2
		tail -n 60 "$LOG" >&2
	fi
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

# is WHAT GOT WANTED
is() {
	[ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
	echo "ok: $1"
}

# has WHAT TEXT PART: TEXT contains PART
has() {
	[[ "$2" == *"$3"* ]] || fail "$1: '$3' is not in: $2"
	echo "ok: $1"
}

# status COMMAND...: its exit status, in $STATUS; its output, both kinds, in $OUT
status() {
	STATUS=0
	OUT=$("$@" 2>&1 </dev/null) || STATUS=$?
}

# gives WHAT WANTED-STATUS COMMAND...
gives() {
	local what=$1 wanted=$2
	shift 2
	status "$@"
	[ "$STATUS" = "$wanted" ] || fail "$what: status $STATUS, wanted $wanted; output: $OUT"
	echo "ok: $what"
}

# um ARGUMENT...: umview, ended after a while should it hang
um() {
	timeout -k 10 "${UM_TIMEOUT:-100}" umview --log "$LOG" --log-level debug "$@"
}

need() {
	for program in "$@"; do
		command -v "$program" >/dev/null || skip "no $program here"
	done
}

# built PROGRAM: is it there, beside umview?
built() {
	[ -x "$(dirname "$(command -v umview)")/$1" ]
}

# free_port: a port of TCP on the loopback that nobody has now
free_port() {
	"$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# ext4_image FILE SIZE [mke2fs arguments]: an empty ext4 image that this user owns, root folder
# included
ext4_image() {
	local file=$1 size=$2
	shift 2
	mke2fs -q -t ext4 -E "root_owner=$(id -u):$(id -g)" "$@" "$file" "$size" 2>"$TMPDIR/mke2fs" ||
		fail "$(cat "$TMPDIR/mke2fs")"
}

# clean_fs IMAGE: e2fsck finds nothing to mend
clean_fs() {
	local out
	out=$(e2fsck -fn "$1" 2>&1) || fail "e2fsck -fn $1: $out"
	echo "ok: e2fsck -fn $1"
}

# until_true SECONDS COMMAND...: asks again and again
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "still not so: $*"
		sleep 0.05
	done
}

# The supervisor's process of the only view that runs, or of the named one.
supervisor_of() {
	umview --list --json | "$PYTHON" -c '
import json, sys
views = [v for v in json.load(sys.stdin) if len(sys.argv) < 2 or v["name"] == sys.argv[1]]
print(views[0]["pid"])' "$@"
}

# Nothing of a view is left: no process of ours but this shell's, no run directory.
nothing_left() {
	until_true 20 no_view_process
	umview true
	is "run directories left" "$(ls -A "$XDG_RUNTIME_DIR/umview" 2>/dev/null)" ""
}

no_view_process() {
	! "$PYTHON" "$TOP/tests/lib/ours.py"
}
