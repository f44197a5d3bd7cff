# SPDX-License-Identifier: GPL-2.0-or-later
# server: squashfuse_ll
# packages: squashfuse squashfs-tools
# writes: no
. "$TOP/tests/servers/lib.sh"
need squashfuse_ll mksquashfs
can="symlink chmod" source="squashfuse_ll#store.sqfs"
prepare() {
	rm -f store.sqfs
	mksquashfs tree store.sqfs -quiet -no-progress >/dev/null
}
by_hand() {
	squashfuse_ll store.sqfs mnt
}
run_server "$@"
