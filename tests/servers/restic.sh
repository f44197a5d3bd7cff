# SPDX-License-Identifier: GPL-2.0-or-later
# server: restic mount
# packages: restic
# writes: no
. "$TOP/tests/servers/lib.sh"
need restic
can="symlink chmod" foreground=yes sub=/snapshots/latest/tree
export RESTIC_PASSWORD=secret
prepare() {
	rm -rf store
	restic -q init -r store
	restic -q -r store backup tree
}
by_hand() {
	restic -r store mount mnt
}
run_server "$@"
