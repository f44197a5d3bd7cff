# SPDX-License-Identifier: GPL-2.0-or-later
# server: archivemount
# packages: archivemount
# writes: no
# caveat: writes the archive anew when it is unmounted, but what was renamed keeps its old name there (under the kernel as well); mounted with -o ro in the test
. "$TOP/tests/servers/lib.sh"
need archivemount
can=symlink-read source="archivemount#store.tar.gz" options=ro
prepare() {
	rm -f store.tar*
	tar -czf store.tar.gz -C tree .
}
by_hand() {
	archivemount -o ro store.tar.gz mnt
}
run_server "$@"
