# SPDX-License-Identifier: GPL-2.0-or-later
# PostgreSQL and SQLite on a served ext4: they are killed by SIGKILL at work, then their whole view is. What was said to be
# committed is there each time (25 kills of both kinds in `make soak`).
# timeout: 300
# soak: 1800
. "$TOP/tests/e2e/lib.sh"
initdb=$(find /usr/lib/postgresql -name initdb 2>/dev/null | tail -n 1)
[ -n "$initdb" ] || skip "no PostgreSQL here"
PATH=$(dirname "$initdb"):$PATH
UM_TIMEOUT=240 kills=1 views=1
if [ -n "${UMVIEW_SOAK:-}" ]; then
	UM_TIMEOUT=800 kills=25 views=25
fi
export PATH PGHOST=$HERE PGDATABASE=postgres PGUSER=me
mkdir mnt
view() {
	um --name db -m "fs.img:$HERE/mnt" -- "$PYTHON" "$TOP/tests/lib/databases.py" mnt "$@"
}
ext4_image fs.img 160M
gives "both are made" 0 view make
gives "killed by themselves" 0 view killed "$kills"
for _ in $(seq "$views"); do
	rm -f busy
	view work &
	until_true 100 test -e busy
	kill -KILL "$(supervisor_of db)"
	wait $! || true
	until_true 20 no_view_process
	e2fsck -p fs.img >mended 2>&1 || [ $? -lt 4 ] || fail "e2fsck -p: $(cat mended)"
	gives "killed with the view" 0 view check
done
clean_fs fs.img
nothing_left
