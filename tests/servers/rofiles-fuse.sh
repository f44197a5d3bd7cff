# SPDX-License-Identifier: GPL-2.0-or-later
# server: rofiles-fuse
# packages: ostree
# writes: yes
# caveat: files with several names cannot be written
. "$TOP/tests/servers/lib.sh"
need rofiles-fuse
can="symlink chmod"
prepare() {
	rm -rf store
	cp -a tree store
	echo kept >store/x
	ln store/x tree/x 2>/dev/null || cp store/x tree/x
	rm store/x tree/x
}
by_hand() {
	rofiles-fuse store mnt
}
run_server "$@"
