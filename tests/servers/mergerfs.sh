# SPDX-License-Identifier: GPL-2.0-or-later
# server: mergerfs
# packages: mergerfs
# writes: yes
. "$TOP/tests/servers/lib.sh"
need mergerfs
can="symlink hardlink chmod" source="mergerfs#one\:two"
prepare() {
	rm -rf one two
	mkdir two
	cp -a tree one
	mkdir two/dir
	mv "one/dir/a name" two/dir
}
by_hand() {
	mergerfs -o category.create=mfs one:two mnt
}
run_server "$@"
