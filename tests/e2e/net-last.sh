# SPDX-License-Identifier: GPL-2.0-or-later
# What a process has written arrives, though it, and the view, has ended meanwhile: on all stacks and links.
. "$TOP/tests/e2e/lib.sh"

# takes slowly, so that most is on its way when the sender is gone; then a datagram
cat >take.py <<'S2'
import os, socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
s.bind((sys.argv[1], 0))
s.listen()
u = socket.socket(type=socket.SOCK_DGRAM)
u.bind((sys.argv[1], 0))
with open("port.new", "w") as f:
    print(s.getsockname()[1], u.getsockname()[1], file=f)
os.rename("port.new", "port")
for x in s, u:
    x.settimeout(60)
c = s.accept()[0]
c.settimeout(60)
n = 0
while data := c.recv(65536):
    n += len(data)
    time.sleep(0.002)
print(n, u.recv(99))
S2
cat >give.py <<'S2'
import os, socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
s.settimeout(None)
s.sendall(bytes(int(sys.argv[4])))
socket.socket(type=socket.SOCK_DGRAM).sendto(b"last", (sys.argv[1], int(sys.argv[3])))
if len(sys.argv) > 5: # without a word of farewell
    os.kill(os.getpid(), 9)
S2
BYTES=6000000
# arrives WHAT ADDRESS STATUS SERVER'S-VIEW... @ CLIENT'S-VIEW... @ [killed]
arrives() {
	local what=$1 address=$2 wanted=$3 server=() client=() taker
	shift 3
	for (( ; $#; )); do
		[ "$1" != @ ] || break
		server+=("$1")
		shift
	done
	shift
	for (( ; $#; )); do
		[ "$1" != @ ] || break
		client+=("$1")
		shift
	done
	shift
	rm -f port
	"${server[@]}" "$PYTHON" take.py "$address" >taken &
	taker=$!
	until_true 20 test -e port
	[ "${server[0]}" != env ] || address=10.0.2.2
	# shellcheck disable=SC2046
	gives "$what" "$wanted" "${client[@]}" "$PYTHON" give.py "$address" $(cat port) $BYTES "$@"
	wait $taker || fail "$what: the taker ended badly: $(cat taken)"
	is "$what" "$(cat taken)" "$BYTES b'last'"
}

SWITCH=
if command -v vde_switch >/dev/null && [ -z "${UMVIEW_SANITIZER:-}" ]; then
	vde_switch -s "$HERE/switch" -d -p "$HERE/switch.pid" >/dev/null 2>&1 </dev/null
	until_true 20 test -e switch/ctl
	until_true 20 test -s switch.pid
	SWITCH=vde=$HERE/switch
fi
stacks=
! built umview-lwip || stacks=lwip
! unshare -Urn true 2>/dev/null || stacks="kernel $stacks"
for stack in $stacks; do
	arrives "slirp, $stack" 127.0.0.1 0 env @ um --net "slirp,stack=$stack" -- @
	arrives "slirp, $stack, killed" 127.0.0.1 137 env @ um --net "slirp,stack=$stack" -- @ killed
	for net in "pair=l$stack$$" "pair=l$stack$$,delay=3ms" $SWITCH; do
		arrives "$net, $stack" 10.6.0.1 0 um --net "${net%,*},ip=10.6.0.1/24,stack=$stack" -- @ \
			um --net "$net,ip=10.6.0.2/24,stack=$stack" -- @
	done
done
[ -z "$SWITCH" ] || kill "$(cat switch.pid)"

# whose view is killed with its supervisor has ended, too
for stack in $stacks; do
	rm -f port
	um --net "pair=l$stack$$,ip=10.6.0.1/24,stack=$stack" -- "$PYTHON" -c '
import os, socket
s = socket.create_server(("", 7))
open("port", "w").close()
c = s.accept()[0]
open("accepted", "w").close()
c.settimeout(20)
try:
    print(c.recv(9))
except ConnectionResetError:
    print(b"")' >taken &
	taker=$!
	until_true 20 test -e port
	um --name "last$$" --net "pair=l$stack$$,ip=10.6.0.2/24,stack=$stack" -- "$PYTHON" -c '
import socket, time
s = socket.create_connection(("10.6.0.1", 7), 20)
time.sleep(60)' 2>/dev/null &
	until_true 20 test -e accepted
	kill -9 "$(supervisor_of "last$$")"
	wait $taker || fail "a supervisor killed, $stack: the other side was not told"
	is "a supervisor killed, $stack" "$(cat taken)" "b''"
	rm accepted
done

# a host that takes nothing any more, or is gone, holds nobody up for long; and a published port is the host's again
for stack in $stacks; do
	free=$(free_port)
	"$PYTHON" -c '
import os, socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.bind(("127.0.0.1", 0))
s.listen()
with open("full.new", "w") as f:
    print(s.getsockname()[1], file=f)
os.rename("full.new", "full")
c = s.accept()[0]
while not os.path.exists("read"):
    time.sleep(0.05)' &
	reader=$!
	until_true 20 test -e full
	OUT=$(um --net "slirp,stack=$stack,publish=$free:80" -- "$PYTHON" -c '
import os, socket, sys
s = socket.create_connection(("10.0.2.2", int(sys.argv[1])), 20)
s.setblocking(False)
try:
    while True:
        s.send(bytes(65536))
except BlockingIOError:
    print("full")' "$(cat full)")
	is "nobody reads, $stack" "$OUT" full
	gives "the port is free, $stack" 0 um --net "slirp,stack=$stack,publish=$free:80" -- true
	touch read
	wait $reader
	rm full read
done
nothing_left
