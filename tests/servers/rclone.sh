# SPDX-License-Identifier: GPL-2.0-or-later
# server: rclone
# packages: rclone
# writes: yes
# caveat: no links, owners and modes; with --vfs-cache-mode writes
. "$TOP/tests/servers/lib.sh"
need rclone
foreground=yes
prepare() {
	rm -rf store
	cp -r tree store
}
by_hand() {
	rclone mount --vfs-cache-mode writes --vfs-write-back 0 "$HERE/store" "$HERE/mnt"
}
unmounted() {
	is "the folder behind it" "$(diff -r model store)" ""
}
run_server "$@"
