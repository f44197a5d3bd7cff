# SPDX-License-Identifier: GPL-2.0-or-later
# server: fusefat
# packages: fusefat dosfstools
# writes: yes
# caveat: no links, owners and modes; cannot append, no names beyond ASCII
. "$TOP/tests/servers/lib.sh"
need fusefat mkfs.vfat
odd=none cannot=append
prepare() {
	rm -f fs.img
	truncate -s 16M fs.img
	mkfs.vfat fs.img >/dev/null
	um -- bash "$0" fill
}
fill() {
	by_hand
	cp -r tree/. mnt
	fusermount -u mnt
}
by_hand() {
	fusefat -o rw+ fs.img mnt
}
unmounted() {
	gives "fsck.vfat" 0 fsck.vfat -n fs.img
}
run_server "$@"
