# SPDX-License-Identifier: GPL-2.0-or-later
# server: fuseiso
# packages: fuseiso xorriso
# writes: no
# caveat: by hand with -n where ~ cannot be written
. "$TOP/tests/servers/lib.sh"
need fuseiso genisoimage
can="symlink" source=cd.iso
prepare() {
	rm -f cd.iso
	genisoimage -quiet -R -o cd.iso tree
}
by_hand() {
	fuseiso -n cd.iso mnt
}
run_server "$@"
