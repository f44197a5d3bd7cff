# SPDX-License-Identifier: GPL-2.0-or-later
# A hostile guest: nothing but clean errors, and the view lives on.
# timeout: 300
# soak: 900
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

SECONDS_=${UMVIEW_SOAK:-12}
export UM_TIMEOUT=$((SECONDS_ + 240))
mkdir mnt
ext4_image fs.img 64M
um --log log -m "fs.img:$HERE/mnt" -- sh -c '
	mkdir mnt/ground # it changes the modes of the directory that it works in
	HERE=$PWD
	cd mnt/ground
	"$TOP/build-check/tests/fuzz-hostile-guest" "$@"
	echo "status $?"
	cd "$HERE"
	# fuse2fs may have given up by now (read-only, or dead): that is its own business
	umctl ls >/dev/null && echo check' sh "$SECONDS_" "${UMVIEW_SEED:-1}" >out.txt 2>&1 || {
	cat out.txt
	tail -n 60 log
	fail "the view ended"
}
tail -2 out.txt
has "the guest came to its end" "$(cat out.txt)" "status 0"
has "the view lives" "$(cat out.txt)" check
nothing_left
