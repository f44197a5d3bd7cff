# SPDX-License-Identifier: GPL-2.0-or-later
# server: fuse-overlayfs
# packages: fuse-overlayfs
# writes: yes
. "$TOP/tests/servers/lib.sh"
need fuse-overlayfs
can="symlink hardlink chmod"
prepare() {
	rm -rf upper work
	mkdir upper work
	[ -d lower ] || cp -a tree lower
}
by_hand() {
	fuse-overlayfs -o lowerdir=lower,upperdir=upper,workdir=work mnt
}
unmounted() {
	is "the lower folder" "$(diff -r tree lower)" ""
}
run_server "$@"
