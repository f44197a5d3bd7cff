# SPDX-License-Identifier: GPL-2.0-or-later
# server: bindfs
# packages: bindfs
# writes: yes
. "$TOP/tests/servers/lib.sh"
need bindfs
can="symlink hardlink chmod" source="bindfs#store"
prepare() {
	rm -rf store
	cp -a tree store
}
by_hand() {
	bindfs --no-allow-other store mnt
}
run_server "$@"
