# SPDX-License-Identifier: GPL-2.0-or-later
# server: cryfs
# packages: cryfs
# writes: yes
# timeout: 300
. "$TOP/tests/servers/lib.sh"
need cryfs
can="symlink chmod" slow_start=yes # scrypt
export CRYFS_FRONTEND=noninteractive CRYFS_NO_UPDATE_CHECK=true
prepare() {
	rm -rf store
	mkdir store
	um -- bash "$0" fill
}
fill() {
	by_hand
	cp -a tree/. mnt
	fusermount -u mnt
}
by_hand() {
	echo secret | cryfs store mnt
}
run_server "$@"
