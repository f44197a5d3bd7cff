# SPDX-License-Identifier: GPL-2.0-or-later
# Path resolution against the kernel's own, on random trees.
# timeout: 300
# soak: 900
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

# The same seeds on each machine, but in `make soak`
SECONDS_=${UMVIEW_SOAK:-60}
SEEDS=15
[ -z "${UMVIEW_SOAK:-}" ] || SEEDS=1000000000
export UM_TIMEOUT=$((SECONDS_ + 240))
gives "random words" 0 "$BUILD/tests/fuzz-path" "$SECONDS_" "${UMVIEW_SEED:-1}" "$SEEDS"
echo "$OUT" | tail -3
