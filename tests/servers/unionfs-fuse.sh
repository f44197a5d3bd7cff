# SPDX-License-Identifier: GPL-2.0-or-later
# server: unionfs-fuse
# packages: unionfs-fuse
# writes: yes
. "$TOP/tests/servers/lib.sh"
need unionfs
can="symlink chmod" extra=.unionfs-fuse
prepare() {
	rm -rf upper
	mkdir upper
	[ -d lower ] || cp -a tree lower
}
by_hand() {
	unionfs -o cow upper=RW:lower=RO mnt
}
unmounted() {
	is "the lower folder" "$(diff -r tree lower)" ""
}
run_server "$@"
