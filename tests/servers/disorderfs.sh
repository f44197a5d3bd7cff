# SPDX-License-Identifier: GPL-2.0-or-later
# server: disorderfs
# packages: disorderfs
# writes: yes
. "$TOP/tests/servers/lib.sh"
need disorderfs
can="symlink hardlink chmod" source="disorderfs#store"
prepare() {
	rm -rf store
	cp -a tree store
}
by_hand() {
	disorderfs store mnt
}
run_server "$@"
