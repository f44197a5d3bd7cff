# SPDX-License-Identifier: GPL-2.0-or-later
# server: squashfuse
# packages: squashfuse squashfs-tools
# writes: no
. "$TOP/tests/servers/lib.sh"
need squashfuse mksquashfs
can="symlink chmod" source=store.sqfs
prepare() {
	rm -f store.sqfs
	mksquashfs tree store.sqfs -quiet -no-progress >/dev/null
}
by_hand() {
	squashfuse store.sqfs mnt
}
run_server "$@"
