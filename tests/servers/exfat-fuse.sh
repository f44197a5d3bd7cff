# SPDX-License-Identifier: GPL-2.0-or-later
# server: exfat-fuse
# packages: exfat-fuse exfatprogs
# writes: yes
# caveat: no links, owners and modes
. "$TOP/tests/servers/lib.sh"
need mount.exfat-fuse mkfs.exfat
prepare() {
	rm -f fs.img
	truncate -s 16M fs.img
	mkfs.exfat fs.img >/dev/null
	um -- bash "$0" fill
}
fill() {
	by_hand
	cp -r tree/. mnt
	fusermount -u mnt
}
by_hand() {
	mount.exfat-fuse fs.img mnt
}
unmounted() {
	gives "fsck.exfat" 0 fsck.exfat -n fs.img
}
run_server "$@"
