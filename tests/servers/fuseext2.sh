# SPDX-License-Identifier: GPL-2.0-or-later
# server: fuseext2
# packages: fuseext2
# writes: no
# caveat: writes with -o rw+, but it loops for ever in some requests (STATFS of an image with sparse_super, which a view sends once much waits to be written), under the kernel as well
. "$TOP/tests/servers/lib.sh"
need fuseext2 mke2fs
can="symlink hardlink chmod" source="fuseext2#fs.img" extra=lost+found
prepare() {
	rm -f fs.img
	mke2fs -q -t ext2 -O ^sparse_super,^resize_inode -E "root_owner=$(id -u):$(id -g)" -d tree fs.img 16M
}
by_hand() {
	fuseext2 -o ro fs.img mnt
}
unmounted() {
	clean_fs fs.img
}
run_server "$@"
