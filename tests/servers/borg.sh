# SPDX-License-Identifier: GPL-2.0-or-later
# server: borg mount
# packages: borgbackup python3-llfuse
# writes: no
. "$TOP/tests/servers/lib.sh"
need borg
can="symlink chmod" sub=/tree
export BORG_PASSPHRASE=secret BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
prepare() {
	rm -rf store
	borg init -e none store 2>/dev/null
	borg create store::one tree
}
by_hand() {
	borg mount store::one mnt
}
run_server "$@"
