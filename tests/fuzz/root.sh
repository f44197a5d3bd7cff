# SPDX-License-Identifier: GPL-2.0-or-later
# A hostile guest with --root: mounts, identity, loop devices, made-up files.
# timeout: 300
# soak: 900
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

SECONDS_=${UMVIEW_SOAK:-12}
export UM_TIMEOUT=$((SECONDS_ + 240))
# what it writes to is a pipe: a file it would make 8 TiB long
ext4_image img 8M
mkdir mnt
um --log log --root -- sh -c '
	{ "$TOP/build-check/tests/fuzz-hostile-root" "$@"; echo $? >ended; } 2>&1 | cat >words
	echo "status $(cat ended)"
	umctl ls >/dev/null && echo check' sh "$SECONDS_" "${UMVIEW_SEED:-1}" >out.txt 2>&1 || {
	cat out.txt
	fail "the view ended"
}
has "the guest came to its end" "$(cat out.txt)" "status 0"
has "the view lives" "$(cat out.txt)" check
nothing_left
