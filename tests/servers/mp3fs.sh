# SPDX-License-Identifier: GPL-2.0-or-later
# server: mp3fs
# packages: mp3fs
# writes: no
# caveat: tried with files that it passes on as they are
. "$TOP/tests/servers/lib.sh"
need mp3fs
can="symlink-read hardlink chmod"
prepare() {
	rm -rf store
	cp -a tree store
}
by_hand() {
	mp3fs "$PWD/store" mnt
}
run_server "$@"
