# SPDX-License-Identifier: GPL-2.0-or-later
# server: cryfs
# packages: cryfs
# writes: yes
# caveat: tried in make soak only, as each mount takes half a minute of key derivation
# timeout: 300
# soak: 900
. "$TOP/tests/servers/lib.sh"
need cryfs
[ "${UMVIEW_SOAK:-}" ] || skip "only in make soak: its key derivation takes half a minute for each mount"
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
