# SPDX-License-Identifier: GPL-2.0-or-later
# What a socket does in a view's network it does natively; much goes through whole; nothing leaks, with each stack; wires do not meet.
# timeout: 240
# soak: 3600
. "$TOP/tests/e2e/lib.sh"
unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"
SOCKETS=20000 MIB=64
if [ -n "${UMVIEW_SOAK:-}" ]; then
	SOCKETS=1000000 MIB=1024
	export UM_TIMEOUT=3600
fi

gives "natively" 0 "$PYTHON" "$TOP/tests/lib/netholds.py" 100
native=$OUT
# of the supervisor, and of the process that makes sockets: open files and KiB of memory
state_of() {
	local keeper p
	keeper=$(pgrep -P "$1" -f '^umview-(net|lwip)')
	[ "$2" = lwip ] || keeper=$(pgrep -P "$keeper")
	for p in $1 $keeper; do
		echo "$(find "/proc/$p/fd" -mindepth 1 | wc -l) $(awk '/^RssAnon/ { print $2 }' "/proc/$p/status")"
	done | tr '\n' ' '
}
holds() {
	local stack=$1 view supervisor before after
	rm -f before go after done
	um --net "none,stack=$stack" --name holds$$ -- sh -ec '"$PYTHON" "$TOP/tests/lib/netholds.py" 100 >first; touch before; until [ -e go ]; do sleep 0.02; done
		"$PYTHON" "$TOP/tests/lib/netholds.py" "$1" >second; touch after; until [ -e done ]; do sleep 0.02; done' sh $SOCKETS &
	view=$!
	until_true 100 test -e before
	supervisor=$(supervisor_of holds$$)
	before=$(state_of "$supervisor" "$stack")
	touch go
	until_true 3000 test -e after
	after=$(state_of "$supervisor" "$stack")
	touch done
	wait $view || fail "$stack: the view ended badly"
	is "as natively, $stack" "$(cat first)" "$2"
	is "and after $SOCKETS sockets, $stack" "$(cat second)" "$2"
	# (a socket of each kind may be kept ready, sixteen at most, and lwIP's some; 1,000 KiB are 50 bytes a socket)
	awk "BEGIN { split(\"$before\", b); split(\"$after\", a)
		exit !(a[1] <= b[1] + 64 && a[2] <= b[2] + 1000 && a[3] <= b[3] + 64 && a[4] <= b[4] + 1000) }" ||
		fail "$stack: files and KiB of supervisor and keeper: $before to $after"
	echo "ok: nothing is left, $stack: $before to $after"
}
holds kernel "$native"
# (of an error that recv(2) is told there umview(1) says that it is another)
! built umview-lwip || holds lwip "${native/datagrams ECONNREFUSED/datagrams ECONNRESET}"

# much, each way, over a wire and through slirp, by IPv4 and by IPv6 alone
cat >much.py <<'S'
import hashlib, os, socket, sys
mib, where = int(sys.argv[1]), sys.argv[2:]
block = os.urandom(1 << 20)
def send(s):
    h = hashlib.sha256()
    for i in range(mib):
        data = block[i % 1000:] + block[:i % 1000]
        h.update(data)
        s.sendall(data)
    return h.digest()
def take(s):
    h = hashlib.sha256()
    left = mib << 20
    while left:
        data = s.recv(min(left, 1 << 20))
        h.update(data)
        left -= len(data) or sys.exit("it ended early")
    return h.digest()
def digest(s):
    return s.recv(32, socket.MSG_WAITALL)
if where:
    s = socket.create_connection((where[0], int(where[1])), 30)
    s.settimeout(1000)
    mine = send(s)
    print(digest(s) == mine, end=" ")
    theirs = take(s)
    s.sendall(theirs)
    print(s.recv(2, socket.MSG_WAITALL).decode())
else:
    s = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    with open("port.new", "w") as f:
        f.write(str(s.getsockname()[1]))
    os.rename("port.new", "port")
    c = s.accept()[0]
    c.sendall(take(c))
    mine = send(c)
    c.sendall(b"ok" if digest(c) == mine else b"no")
S
much() { # WHAT ADDRESS SERVER'S-VIEW... @ CLIENT'S-VIEW...
	local what=$1 address=$2 server=()
	shift 2
	while [ "$1" != @ ]; do
		server+=("$1")
		shift
	done
	shift
	rm -f port
	"${server[@]}" "$PYTHON" much.py $MIB &
	local pid=$!
	until_true 20 test -e port
	gives "$what" 0 "$@" "$PYTHON" much.py $MIB "$address" "$(cat port)"
	is "$what" "$OUT" "True ok"
	wait $pid || fail "$what: the server's end"
}
much "a wire, IPv4 alone" 10.5.0.1 um --net "pair=h$$,ip=10.5.0.1/24" -- @ um --net "pair=h$$,ip=10.5.0.2/24" --net-family inet6=none --
much "a wire, IPv6 alone" fd05::1 um --net "pair=h$$,ip=fd05::1/64" -- @ um --net "pair=h$$,ip=fd05::2/64" --net-family inet=none --
much "slirp" 10.0.2.2 env @ um --net slirp --

# the same address on two wires, at the same time
for w in one two; do
	um --net "pair=$w$$,ip=10.4.0.1/24" -- "$PYTHON" -c '
import socket, sys
s = socket.create_server(("", 7)); open("up-" + sys.argv[1], "w").close()
s.accept()[0].sendall(sys.argv[1].encode())' $w &
done
until_true 20 test -e up-one -a -e up-two
for w in one two; do
	gives "wire $w" 0 um --net "pair=$w$$,ip=10.4.0.2/24" -- "$PYTHON" -c '
import socket
print(socket.create_connection(("10.4.0.1", 7), 20).recv(9).decode())'
	is "wire $w" "$OUT" $w
done
wait
nothing_left
