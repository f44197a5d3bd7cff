# SPDX-License-Identifier: GPL-2.0-or-later
# A hostile FUSE server: nothing but clean errors, and the view lives on.
# timeout: 300
# soak: 900
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

SECONDS_=${UMVIEW_SOAK:-12}
export UM_TIMEOUT=$((SECONDS_ + 240))
mkdir mnt
gives "a hostile server for $SECONDS_ s" 0 um --log log -- sh -c '
	"$PYTHON" "$TOP/tests/fuzz/hostile_server.py" "$@" || exit
	echo the view lives' sh "$SECONDS_" "${UMVIEW_SEED:-1}" "$HERE/mnt"
echo "$OUT" | tail -3
has "afterwards" "$OUT" "the view lives"
nothing_left
