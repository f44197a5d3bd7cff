# SPDX-License-Identifier: GPL-2.0-or-later
# server: avfsd
# packages: avfs
# writes: no
# caveat: an archive is a folder with `#` behind its name; a symbolic link within one is EIO (under the kernel as well)
. "$TOP/tests/servers/lib.sh"
need avfsd
can="chmod" sub="$PWD/tree.tar.gz#/tree"
prepare() {
	tar -czf tree.tar.gz tree
}
by_hand() {
	avfsd mnt
}
run_server "$@"
