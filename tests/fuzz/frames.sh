# SPDX-License-Identifier: GPL-2.0-or-later
# Frames, DHCP and DNS that are garbage, from a view to libslirp (restricted: nothing of it goes further) and to a view on a
# wire: both go on working.
# timeout: 300
. "$TOP/tests/e2e/lib.sh"
unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"

SECONDS_=${UMVIEW_SOAK:-12}
export UM_TIMEOUT=$((SECONDS_ + 240))
cat >garbage.sh <<'S'
end=$(($(date +%s) + $1)) seed=$2
while [ "$(date +%s)" -lt "$end" ]; do
	"$PYTHON" "$TOP/tests/lib/garbage.py" eth0 5000 "$seed"
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
free=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
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
