# SPDX-License-Identifier: GPL-2.0-or-later
# Frames and netlink requests that are garbage, to views whose stack is a process: they go on working.
# timeout: 300
# soak: 900
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"
. "$TOP/tests/fuzz/lib-garbage.sh"
built umview-lwip || skip "built without liblwip"

SECONDS_=${UMVIEW_SOAK:-6}
export UM_TIMEOUT=$((SECONDS_ + 240))
seconds=$((SECONDS_ / 2)) seed=${UMVIEW_SEED:-1}
um --net "pair=f$$,ip=10.6.2.1/24,ip=fd06::1/64,stack=lwip" -- "$PYTHON" answer.py &
view=$!
until_true 20 test -e up
gives "garbage on a wire of lwIP's" 0 sh -e garbage.sh $seconds "$seed" "wire:f$$"
gives "lwIP" 0 um --net "pair=f$$,ip=10.6.2.3/24,stack=lwip" -- "$PYTHON" ask.py 10.6.2.1 80
is "lwIP" "$OUT" "it lives"
wait $view || fail "the view with lwIP ended badly"
gives "netlink to lwIP" 0 um --net "pair=f$$,ip=10.6.2.3/24,stack=lwip" -- sh -ec '
	sh -e garbage.sh "$1" "$2" netlink; ip -o link show lo | cut -d" " -f2' sh $seconds "$seed"
is "netlink to lwIP" "$OUT" "lo:"
nothing_left
