# SPDX-License-Identifier: GPL-2.0-or-later
# server: mount.posixovl
# packages: fuse-posixovl
# writes: yes
. "$TOP/tests/servers/lib.sh"
need mount.posixovl
can="symlink"
prepare() {
	rm -rf store
	mkdir store
	um -- bash "$0" fill
}
fill() {
	by_hand
	cp -r tree/. mnt
	fusermount -u mnt
}
by_hand() {
	mount.posixovl -S store mnt
}
run_server "$@"
