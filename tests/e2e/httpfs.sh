# SPDX-License-Identifier: GPL-2.0-or-later
# A file of a web server, by httpfs2.
. "$TOP/tests/e2e/lib.sh"
need httpfs2 rclone curl
mkdir srv mnt
seq 50000 >srv/file
port=$(free_port)
url=http://127.0.0.1:$port
rclone serve http --addr "127.0.0.1:$port" srv >served 2>&1 &
server=$!
until_true 30 curl -s -o /dev/null "$url/file"
gives "httpfs2" 0 um bash -c 'httpfs2 "$1/file" mnt >said 2>&1 && cmp mnt/file srv/file &&
	tail -c +100001 mnt/file | head -c 10 && umount mnt' sh "$url"
is "a piece of it" "$OUT" "$(tail -c +100001 srv/file | head -c 10)"
kill $server
wait $server || :
nothing_left
