# SPDX-License-Identifier: GPL-2.0-or-later
# TCP through slirp with hosts that refuse, are slow, do not read or forward; with too few descriptors; and whose view uses a port of its
# own once more. The "host" is a network namespace of the test's.
. "$TOP/tests/e2e/lib.sh"
unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"
[ -n "${INSIDE:-}" ] || INSIDE=1 exec unshare -Urn bash "$0"
ip link set lo up
ip addr add 192.0.2.100/32 dev lo
ip route add 198.51.100.0/24 dev lo src 192.0.2.100 # who is there does not answer
ip route add unreachable 192.0.2.1
ip route add prohibit 192.0.2.2
cat >host.py <<'S'
# Accepts; the first byte says what then.
import os, select, socket, struct, sys, threading, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
s.bind(("127.0.0.1", 0))
s.listen()
open("port.new", "w").write(str(s.getsockname()[1]))
os.rename("port.new", "port")
kept = []
def serve(c):
    what = c.recv(1)
    if what == b"e": # echoes
        while data := c.recv(1000):
            c.sendall(data)
        c.close()
    elif what == b"l":
        late(c)
    elif what == b"p": # reads to the end, and then sees an error
        c.sendall(b"z" * 1000)
        while c.recv(1000):
            pass
        p = select.poll()
        p.register(c, 0)
        open("polls", "w").close()
        seen = p.poll(5000)
        open("polled.new", "w").write(str([e[1] & select.POLLERR for e in seen]))
        os.rename("polled.new", "polled")
def late(c): # reads as much as that all has left the view, and the rest when that has ended
    n = 0
    while not os.path.exists("filled"):
        time.sleep(0.01)
    while not os.path.exists("left"):
        n += len(c.recv(20000))
        time.sleep(0.005)
    while not os.path.exists("ended"):
        time.sleep(0.01)
    time.sleep(1) # who does not wait is gone by then
    while data := c.recv(1 << 16):
        n += len(data)
    open("got.new", "w").write(str(n))
    os.rename("got.new", "got")
while True: # the others are not read, nor closed
    c = s.accept()[0]
    kept.append(c)
    threading.Thread(target=serve, args=(c,), daemon=True).start()
S
cat >lib.py <<'S'
import errno, os, socket, struct, subprocess, sys, time
host = sys.argv[1]
port = int(open("port").read())
RESET = struct.pack("ii", 1, 0)
def connect(what, mine=0, seconds=20, to=None):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", mine))
    s.settimeout(seconds)
    s.connect(to or (host, port))
    s.sendall(what)
    return s
def wait_for(name):
    while not os.path.exists(name):
        time.sleep(0.01)
def touch(name):
    open(name, "w").close()
def fill(s):
    s.setblocking(False)
    try:
        while True:
            s.send(b"x" * 65536)
    except BlockingIOError:
        pass
S
"$PYTHON" host.py &
host=$!
trap 'kill $host' EXIT
until_true 20 test -e port
# both WHAT <PROGRAM: natively and through slirp it prints the same
both() {
	{ echo "from lib import *"; cat; } >program.py
	PYTHONPATH=. timeout 60 "$PYTHON" program.py 127.0.0.1 >native || fail "$1, natively: $(cat native)"
	status env PYTHONPATH=. umview --log "$LOG" --net slirp -- "$PYTHON" program.py 10.0.2.2
	is "$1" "$OUT" "$(cat native)"
}
# slirp PROGRAM-FILE [OPTION...]: a view that runs it in the background
slirp() {
	local program=$1
	shift
	PYTHONPATH=. um --net slirp "$@" --name "host$$" -- "$PYTHON" "$program" 10.0.2.2 >out &
	view=$!
	until_true 20 test -e ready
	rm ready
	net=$(pgrep -P "$(supervisor_of "host$$")" -x umview-net)
}

# each error is told, and the host is asked once
opened() {
	awk '/^Tcp: [0-9]/ { print $6 }' /proc/net/snmp
}
free_port >closed
cat >program.py <<'S'
from lib import *
for to in (host, int(open("closed").read())), ("192.0.2.1", 9), ("192.0.2.2", 9), ("203.0.113.1", 9):
    s = socket.socket()
    print(errno.errorcode[s.connect_ex(to)], end=" ")
S
before=$(opened)
status env PYTHONPATH=. umview --log "$LOG" --net slirp -- "$PYTHON" program.py 10.0.2.2
is "errors" "$OUT" "ECONNREFUSED EHOSTUNREACH ENETUNREACH ENETUNREACH "
is "the host is asked once" $(($(opened) - before)) 1

# the port of ours once more: the other side has not ended; has not read what was sent, and is reset
both "the same port while the server has not closed" <<'S'
s = connect(b"k"); mine = s.getsockname()[1]
s.setsockopt(socket.IPPROTO_TCP, 8, 1) # TCP_LINGER2: a second of FIN_WAIT2
s.close()
time.sleep(1.5)
for i in range(40): # natively the kernel is not that exact
    try:
        print(connect(b"e?", mine).recv(9))
        break
    except OSError as e:
        if e.errno != errno.EADDRINUSE:
            raise
        time.sleep(0.1)
S
both "the same port after a reset of what is not read" <<'S'
s = connect(b"k"); mine = s.getsockname()[1]
fill(s); time.sleep(0.3); fill(s)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET); s.close()
print(connect(b"e?", mine).recv(9))
S
both "an end, then a reset" <<'S'
s = connect(b"p"); time.sleep(0.2); s.shutdown(socket.SHUT_WR)
wait_for("polls")
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET); s.close()
wait_for("polled"); print(open("polled").read())
os.unlink("polls"); os.unlink("polled")
S

# a connect(2) that is given up, and another from the same port, before the host has answered: it has one connection
cat >program.py <<'S'
from lib import *
l = socket.socket(); l.setsockopt(socket.IPPROTO_IP, 15, 1) # IP_FREEBIND
l.bind(("198.51.100.9", 0)); l.listen(); l.settimeout(20)
open("late.new", "w").write(str(l.getsockname()[1])); os.rename("late.new", "late-port")
got = l.accept()[0]; got.sendall(b"hello")
l.settimeout(0.3)
try:
    print("another", l.accept())
except TimeoutError:
    print("one")
S
PYTHONPATH=. "$PYTHON" program.py 127.0.0.1 >accepted &
server=$!
until_true 20 test -e late-port
cat >program.py <<'S'
from lib import *
to = "198.51.100.9", int(open("late-port").read())
s = socket.socket(); s.setblocking(False); s.connect_ex(to); mine = s.getsockname()[1]; s.close()
s = socket.socket(); s.setblocking(False); s.bind(("", mine)); s.connect_ex(to)
touch("ready"); s.settimeout(20)
print(s.recv(9))
S
slirp program.py
ip addr add 198.51.100.9/32 dev lo
wait $view
wait $server
is "another connect(2) from the same port" "$(cat out accepted)" "b'hello'
one"

# what has left the view when that ends, and for which the host has no room yet (it is told of room when a third is free)
wmem=$(sysctl -n net.ipv4.tcp_wmem)
sysctl -qw net.ipv4.tcp_wmem="4096 16384 32768"
cat >program.py <<'S'
from lib import *
import fcntl, termios
def unsent(s):
    return struct.unpack("i", fcntl.ioctl(s, termios.TIOCOUTQ, b"1234"))[0]
s = connect(b"l"); s.setblocking(False)
n, last = 0, time.monotonic()
while time.monotonic() < last + 0.3:
    if unsent(s) == 0:
        n += s.send(bytes(1 << 15)); last = time.monotonic()
touch("filled")
while unsent(s): time.sleep(0.001)
print(n); touch("left")
S
status env PYTHONPATH=. umview --log "$LOG" --net slirp -- sh -c "$PYTHON program.py 10.0.2.2; touch ended"
until_true 20 test -e got
is "read when the view has ended" "$(cat got)" "$OUT"
sysctl -qw net.ipv4.tcp_wmem="$wmem"

# one descriptor is left when the port is asked for first; then there are enough
cat >program.py <<'S'
from lib import *
touch("ready"); wait_for("limited")
def ask():
    try:
        return connect(b"e?", seconds=5).recv(9)
    except OSError as e:
        return e
ask(); touch("asked"); wait_for("raised")
print([ask() for _ in range(3)])
S
slirp program.py
most=$(printf '%s\n' /proc/"$net"/fd/* | sed 's,.*/,,' | sort -n | tail -1)
prlimit --pid "$net" --nofile=$((most + 2)):4000
touch limited
until_true 30 test -e asked
prlimit --pid "$net" --nofile=4000:4000
touch raised
wait $view
is "few descriptors, for a while" "$(cat out)" "[b'?', b'?', b'?']"

# a host that forwards and answers ARP for others: nothing of the view's is forwarded, of a second link of slirp's neither, which has no
# part in all that; nobody answers for those who do not; and what a SYN brings is not kept
cat >program.py <<'S'
from lib import *
touch("ready"); wait_for("forwards")
s = socket.socket(); s.setblocking(False); s.connect_ex(("198.51.100.1", 9))
u = socket.socket(type=socket.SOCK_DGRAM)
for to in "198.51.100.0", "198.51.100.1", "10.0.5.2", "10.0.5.77": u.sendto(b"x", (to, 9))
p = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); p.bind(("eth0", 0))
own = p.getsockname()[4]
def csum(x):
    c = sum(struct.unpack("!%dH" % (len(x) // 2), x)); c = (c >> 16) + (c & 0xffff); c = (c >> 16) + (c & 0xffff)
    return struct.pack("!H", c ^ 0xffff)
for i in range(300):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 60040, 1, 0, 64, 6, 0, socket.inet_aton("10.0.2.15"), socket.inet_aton("198.51.100.2"))
    tcp = struct.pack("!HHIIBBHHH", 20000 + i, 9, 1000, 0, 0x50, 2, 65535, 0, 0)
    p.send(bytes.fromhex("52550a000202") + own + b"\x08\x00" + ip[:10] + csum(ip) + ip[12:] + tcp + b"x" * 60000)
    if i % 10 == 0: time.sleep(0.01)
for to in host, "10.0.5.2":
    print(connect(b"e?", to=(to, port)).recv(9)) # it comes after all those
touch("sent"); wait_for("counted")
start = time.monotonic(); touch("loses")
print(connect(b"e?").recv(9), time.monotonic() - start < 5)
print("lladdr" in subprocess.check_output(["ip", "neigh", "show", "10.0.5.77"], text=True))
S
slirp program.py --net slirp,ip=10.0.5.15/24
outer() { # COMMAND...: in the namespace of the other end, where a thread is
	local task
	for task in /proc/"$(pgrep -P "$net")"/task/*; do
		set -- nsenter --preserve-credentials --user="$task/ns/user" --net="$task/ns/net" "$@"
		! "${@:1:4}" ip link show in1 >/dev/null 2>&1 || { "$@"; return; }
		shift 4
	done
	return 1
}
outer sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.proxy_arp=1
memory() {
	awk '/^VmRSS/ { print $2 }' "/proc/$net/status"
}
before=$(memory)
touch forwards
until_true 30 test -e sent
is "nothing is forwarded" "$(outer awk '/^Ip: [0-9]/ { print $7 }' /proc/net/snmp)" 0
[ $(($(memory) - before)) -lt 5000 ] || fail "what SYNs bring is kept: $(memory) KiB, $before before"
# the frame that begins a connection is lost there, and comes once more
outer ip rule add pref 150 iif in1 blackhole
touch counted
until_true 30 test -e loses
sleep 0.5
outer ip rule del pref 150
wait $view
is "the service goes on, by both links; nobody says that he is who is not there" "$(cat out)" "b'?'
b'?'
b'?' True
False"

# who carries the bytes is killed: that is no end
cat >program.py <<'S'
from lib import *
s = connect(b"e?"); s.recv(9); touch("ready"); wait_for("killed"); s.settimeout(2)
try: print("an end" if s.recv(9) == b"" else "data")
except OSError as e: print("an error")
S
slirp program.py
kill -9 "$net"
touch killed
wait $view
is "who carries the bytes is killed" "$(cat out)" "an error"

# a view that is a router itself, to where frames are shorter than who is there says; and port 0, where somebody answers on it
cat >route.sh <<'S'
set -e
unshare -n sleep 50 & there=$!
until [ "$(readlink "/proc/$there/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
ip link add v0 mtu 1280 type veth peer name v1 mtu 1500
ip link set v1 netns "$there"
ip addr add 10.9.0.1/24 dev v0
ip link set v0 up
sysctl -qw net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE
nsenter --net="/proc/$there/ns/net" sh -c \
	'ip addr add 10.9.0.2/24 dev v1; ip link set v1 up; ip route add default via 10.9.0.1; exec "$@"' - "$@"
kill "$there"
S
cat >program.py <<'S'
from lib import *
s = connect(b"e"); s.sendall(b"x" * 30000); n = 0
while n < 30000: n += len(s.recv(30000))
print("all")
S
if iptables -t nat -A OUTPUT -p tcp --dport 0 -j REDIRECT --to-ports "$(cat port)" 2>/dev/null; then
	status env PYTHONPATH=. umview --log "$LOG" --net slirp -- sh route.sh "$PYTHON" program.py 10.0.2.2
	is "a narrow way in the view" "$OUT" all
	both "port 0" <<'S'
print([connect(b"e?", to=(host, p)).recv(9) for p in (0, port)])
S
fi

kill $host
trap - EXIT
wait $host || :
nothing_left
