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
}
by_hand() {
	rofiles-fuse store mnt
}
run_server "$@"
