# SPDX-License-Identifier: GPL-2.0-or-later
# server: ntfs-3g
# packages: ntfs-3g
# writes: yes
. "$TOP/tests/servers/lib.sh"
need ntfs-3g mkntfs
source=fs.img
can="symlink hardlink"
prepare() {
	rm -f fs.img
	truncate -s 16M fs.img
	mkntfs -F -q fs.img >/dev/null 2>&1
	um -- bash "$0" fill
}
fill() {
	by_hand
	cp -a tree/. mnt
	fusermount -u mnt
}
by_hand() {
	ntfs-3g fs.img mnt
}
run_server "$@"
