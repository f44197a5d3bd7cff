# SPDX-License-Identifier: GPL-2.0-or-later
# The files of a layer's folder and archives that are imported, changed at random.
# timeout: 300
# soak: 900
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

# The same seeds on each machine, but in `make soak`
SECONDS_=${UMVIEW_SOAK:-60}
SEEDS=6000
[ -z "${UMVIEW_SOAK:-}" ] || SEEDS=1000000000
export UM_TIMEOUT=$((SECONDS_ + 240))
gives "random layers" 0 "$BUILD/tests/fuzz-layer" "$SECONDS_" "${UMVIEW_SEED:-1}" "$SEEDS"
echo "$OUT" | tail -3
has "some are taken" "$OUT" " taken, "
