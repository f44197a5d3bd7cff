# SPDX-License-Identifier: GPL-2.0-or-later
# Answers of DHCP servers, changed at random, through all states of the client.
# timeout: 300
# soak: 900
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

SECONDS_=${UMVIEW_SOAK:-5}
export UM_TIMEOUT=$((SECONDS_ + 60))
gives "random answers" 0 "$BUILD/tests/test-dhcp" "$SECONDS_" "${UMVIEW_SEED:-1}"
echo "$OUT" | tail -2
