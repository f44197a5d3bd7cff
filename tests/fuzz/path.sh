# SPDX-License-Identifier: GPL-2.0-or-later
# Path resolution against the kernel's own, on random trees.
# timeout: 300
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

SECONDS_=${UMVIEW_SOAK:-12}
export UM_TIMEOUT=$((SECONDS_ + 240))
gives "random words for $SECONDS_ s" 0 "$TOP/build-check/tests/fuzz-path" "$SECONDS_" "${UMVIEW_SEED:-1}"
echo "$OUT" | tail -3
