# SPDX-License-Identifier: GPL-2.0-or-later
# server: gocryptfs
# packages: gocryptfs
# writes: yes
. "$TOP/tests/servers/lib.sh"
need gocryptfs
can="symlink hardlink chmod"
prepare() {
	rm -rf store
	mkdir store
	echo secret >pass
	gocryptfs -init -q -scryptn 10 -passfile pass store 2>/dev/null
	um -- bash "$0" fill
}
fill() {
	by_hand
	cp -a tree/. mnt
	is "the folder's own names" "$(ls -f mnt | grep -cx '\.\.\?')" 2
	fusermount -u mnt
}
by_hand() {
	gocryptfs -q -passfile pass store mnt
}
run_server "$@"
