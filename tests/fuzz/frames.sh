# SPDX-License-Identifier: GPL-2.0-or-later
# Frames, DHCP and DNS that are garbage, from a view to libslirp (restricted: nothing of it goes further) and to a view on a
# wire: both go on working.
# timeout: 300
# soak: 900
. "$TOP/tests/e2e/lib.sh"
. "$TOP/tests/fuzz/lib-garbage.sh"
unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"

SECONDS_=${UMVIEW_SOAK:-12}
export UM_TIMEOUT=$((SECONDS_ + 240))
seconds=$((SECONDS_ / 2)) seed=${UMVIEW_SEED:-1}
free=$(free_port)
um --net "slirp,restrict,publish=$free:80" -- sh -ec 'sh -e garbage.sh "$1" "$2"; exec "$PYTHON" answer.py' sh $seconds "$seed" &
view=$!
until_true $((seconds + 60)) test -e up
gives "libslirp" 0 "$PYTHON" ask.py 127.0.0.1 "$free"
is "libslirp" "$OUT" "it lives"
wait $view || fail "the view on libslirp ended badly"

rm up
um --net "pair=f$$,ip=10.6.2.1/24,ip=fd06::1/64" -- "$PYTHON" answer.py &
view=$!
until_true 20 test -e up
gives "garbage on a wire" 0 um --net "pair=f$$,ip=10.6.2.2/24" -- sh -e garbage.sh $seconds "$seed"
gives "a wire" 0 um --net "pair=f$$,ip=10.6.2.3/24" -- "$PYTHON" ask.py 10.6.2.1 80
is "a wire" "$OUT" "it lives"
wait $view || fail "the view on the wire ended badly"
nothing_left
