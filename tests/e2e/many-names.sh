# SPDX-License-Identifier: GPL-2.0-or-later
# A directory of a million names: all are read, and seekdir(3) leads back to each place.
. "$TOP/tests/e2e/lib.sh"
SERVER=$TOP/build-check/tests/server-manynames
[ -x "$SERVER" ] || skip "no libfuse3-dev here"
mkdir mnt
export SERVER

um bash -euc '
	"$SERVER" mnt
	cd mnt
	ls -f | wc -l
	"$TOP/build-check/tests/seekdir"
	ls -l name-999999 | wc -l
	cd ..
	umount mnt' >out
is "names" "$(cat out)" "1000002
1000002 names, 1001 of 1001 places, 1000002 names again
1"
nothing_left
