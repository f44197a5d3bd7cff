# SPDX-License-Identifier: GPL-2.0-or-later
# server: encfs
# packages: encfs
# writes: yes
. "$TOP/tests/servers/lib.sh"
need encfs
can="symlink chmod"
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
	echo secret | encfs --standard -S "$HERE/store" "$HERE/mnt"
}
run_server "$@"
