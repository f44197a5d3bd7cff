# SPDX-License-Identifier: GPL-2.0-or-later
# A bad wire: frames are lost, come late, twice and out of order, and what is sent over it arrives whole; and frames
# that are garbage do no harm.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

cat >give.py <<'S'
import hashlib, os, socket, sys, time
s = socket.create_server(("", 7))
open("up", "w").close()
s.settimeout(60)
c = s.accept()[0]
c.settimeout(90)
got = hashlib.sha256()
n = int(sys.argv[1])
while n:
    data = c.recv(min(n, 1 << 18))
    if not data:
        sys.exit("it ended early")
    got.update(data)
    n -= len(data)
c.sendall(got.digest())
c.sendall(bytes(range(256)) * (int(sys.argv[1]) // 256))
while not os.path.exists("taken"):
    time.sleep(0.02)
S
cat >take.py <<'S'
import hashlib, random, socket, sys
data = random.Random(1).randbytes(int(sys.argv[1]))
s = socket.create_connection(("10.6.0.1", 7), 60)
s.settimeout(90)
s.sendall(data)
f = s.makefile("rb")
print(f.read(32) == hashlib.sha256(data).digest(), f.read(len(data)) == bytes(range(256)) * (len(data) // 256))
open("taken", "w").close()
S
# both OPTIONS BYTES: a transfer each way over a wire of which one end is bad; a stack that still sends what was lost keeps its
# wire from the other stack
both() {
	rm -f up taken
	um --net "pair=b$STACK$$,ip=10.6.0.1/24,stack=$STACK" -- "$PYTHON" give.py "$2" &
	local server=$!
	until_true 20 test -e up
	gives "$1" 0 um --net "pair=b$STACK$$,ip=10.6.0.2/24,stack=$STACK,$1" -- "$PYTHON" take.py "$2"
	is "$1" "$OUT" "True True"
	wait $server || fail "$1: the server's end"
}
if built umview-lwip; then
	STACK=lwip
	both loss=5%,seed=1 100096
	both reorder=20%,dup=10%,delay=2ms 100096
fi
unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"
STACK=kernel
both loss=5%,seed=1 2000128
both reorder=20%,dup=10% 2000128
both delay=5ms,loss=1%,reorder=5%,dup=1%,seed=7 500224
both mtu=576 2000128

# the time that it takes, and that a seed repeats itself
um --net "pair=t$$,ip=10.6.1.1/24" -- "$PYTHON" -c '
import os, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 9)); open("udp", "w").close(); s.settimeout(60)
while True:
    data, who = s.recvfrom(999)
    s.sendto(data, who)
    if data == b"end":
        break' &
server=$!
until_true 20 test -e udp
cat >ask.py <<'S'
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("10.6.1.1", 9))
def ask(text, patience):
    s.settimeout(patience)
    try:
        began = time.monotonic()
        s.send(text)
        s.recv(99)
        return time.monotonic() - began
    except TimeoutError:
        return None
S
# 40 ms there and 40 ms back, and the address asked for first
gives "delay" 0 um --net "pair=t$$,ip=10.6.1.2/24,delay=40ms" -- "$PYTHON" -c '
from ask import ask
ask(b"x", 20)
print(min(ask(b"x", 20) for _ in range(3)) > 0.08)'
is "delay" "$OUT" True
gives "all is lost" 0 um --net "pair=t$$,ip=10.6.1.2/24,loss=100" -- "$PYTHON" -c 'from ask import ask; print(ask(b"x", 0.5))'
is "all is lost" "$OUT" None
gives "the good wire again" 0 um --net "pair=t$$,ip=10.6.1.2/24" -- "$PYTHON" -c 'from ask import ask; print(ask(b"end", 20) is not None)'
is "the good wire again" "$OUT" True
wait $server || fail "the server's end"

for mtu in 576 9000; do
	rm -f up taken
	um --net "pair=m$$,ip=10.6.0.1/24,mtu=$mtu" -- "$PYTHON" give.py 4000256 &
	server=$!
	until_true 20 test -e up
	gives "MTU $mtu" 0 um --net "pair=m$$,ip=10.6.0.2/24,mtu=$mtu" -- "$PYTHON" take.py 4000256
	is "MTU $mtu" "$OUT" "True True"
	wait $server || fail "MTU $mtu: the server's end"
done

# a datagram that fills a long frame
rm -f up taken
um --net "pair=d$$,ip=10.6.3.1/24,mtu=9000" -- "$PYTHON" -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 9)); s.settimeout(60); open("up", "w").close()
print(len(s.recv(9999)))' >long.out &
server=$!
until_true 20 test -e up
gives "a long datagram" 0 um --net "pair=d$$,ip=10.6.3.2/24,mtu=9000" -- "$PYTHON" -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 2)  # whole, or not at all
s.connect(("10.6.3.1", 9)); s.send(b"x" * 8972)'
wait $server || fail "a long datagram did not come"
is "a long datagram" "$(cat long.out)" 8972

for bad in pair=x,loss=101 pair=x,loss=-1 pair=x,loss=a slirp,loss=1 none,loss=1 pair=x,delay=11s pair=x,delay=11s pair=x,delay=1h pair=x,seed=x; do
	gives "--net $bad" 125 um --net "$bad" -- true
	has "--net $bad" "$OUT" "umview: --net"
done

# a view on the wire sends garbage: frames of all lengths, and such that look like ARP, IP, TCP, DHCP and DNS
um --net "pair=g$$,ip=10.6.2.1/24,ip=fd06::1/64,dns=10.6.2.2" -- "$PYTHON" -c '
import os, socket
s = socket.create_server(("", 7)); open("target", "w").close()
s.settimeout(60)
print(s.accept()[0].recv(99))' >target.out &
server=$!
until_true 20 test -e target
gives "garbage" 0 um --net "pair=g$$,ip=10.6.2.2/24" -- "$PYTHON" "$TOP/tests/lib/garbage.py" eth0 "${UMVIEW_FUZZ_FRAMES:-20000}"
gives "the wire works still" 0 um --net "pair=g$$,ip=10.6.2.3/24" -- "$PYTHON" -c '
import socket
socket.create_connection(("10.6.2.1", 7), 20).sendall(b"whole")'
wait $server || fail "the target of garbage ended badly"
is "what the target got" "$(cat target.out)" "b'whole'"
nothing_left
