# SPDX-License-Identifier: GPL-2.0-or-later
# Frames and netlink requests that are garbage, to views whose stack is a process: they go on working.
# timeout: 300
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"
[ -x "$(dirname "$(command -v umview)")/umview-lwip" ] || skip "built without liblwip"

SECONDS_=${UMVIEW_SOAK:-6}
export UM_TIMEOUT=$((SECONDS_ + 240))
cat >garbage.sh <<'S'
end=$(($(date +%s) + $1)) seed=$2
while [ "$(date +%s)" -lt "$end" ]; do
	"$PYTHON" "$TOP/tests/lib/garbage.py" "${3:-eth0}" 5000 "$seed"
	seed=$((seed + 1))
done
S
cat >answer.py <<'S'
import socket
s = socket.create_server(("", 80))
open("up", "w").close()
s.accept()[0].sendall(b"it lives")
S
cat >ask.py <<'S'
import socket, sys
print(socket.create_connection((sys.argv[1], int(sys.argv[2])), 20).makefile().read())
S
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
