# SPDX-License-Identifier: GPL-2.0-or-later
# server: fuse-zip
# packages: fuse-zip zip
# writes: yes
# caveat: written when it is unmounted
. "$TOP/tests/servers/lib.sh"
need fuse-zip zip unzip
can="symlink chmod" source="fuse-zip#store.zip"
prepare() {
	rm -f store.zip
	(cd tree && zip -qry ../store.zip .)
}
by_hand() {
	fuse-zip store.zip mnt
}
unmounted() {
	unzip -tq store.zip
}
run_server "$@"
