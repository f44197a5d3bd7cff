# SPDX-License-Identifier: GPL-2.0-or-later
# server: mount.davfs
# packages: davfs2 rclone
# writes: yes
# caveat: wants to be root: in `--root --cow`, with a cache_dir that the group davfs2 may write; no links and modes; what is written reaches the WebDAV server when it is unmounted, or seconds after the close
. "$TOP/tests/servers/lib.sh"
need mount.davfs rclone
getent passwd davfs2 >/dev/null || skip "no user davfs2 here"
extra=lost+found view="--root --cow"

prepare() {
	port=$(free_port)
	export port
	rm -rf store
	cp -r tree store
	rclone serve webdav --addr "127.0.0.1:$port" --dir-cache-time 0 store >served 2>&1 &
	served=$!
	until_true 30 grep -q started served
}

by_hand() {
	mkdir -p cache
	chown root:davfs2 cache
	chmod 775 cache
	printf 'cache_dir %s\nuse_locks 0\nask_auth 0\ndelay_upload 0\n' "$HERE/cache" >conf
	mount.davfs -o "conf=$HERE/conf" "http://127.0.0.1:$port/" "$HERE/mnt" </dev/null
}

unmounted() {
	kill "$served"
	wait "$served" || true
	is "the folder behind it" "$(diff -r model store)" ""
}

run_server "$@"
