# SPDX-License-Identifier: GPL-2.0-or-later
# server: fuse2fs
# packages: fuse2fs e2fsprogs
# writes: yes
. "$TOP/tests/servers/lib.sh"
need fuse2fs mke2fs
can="symlink hardlink chmod" source=fs.img extra=lost+found
prepare() {
	rm -f fs.img
	ext4_image fs.img 16M -d tree
}
by_hand() {
	fuse2fs fs.img mnt
}
unmounted() {
	clean_fs fs.img
}
run_server "$@"
