# SPDX-License-Identifier: GPL-2.0-or-later
# A network of a view's own: loopback alone, slirp, a wire between views, a VDE switch; what is seen of it, and that
# nothing of the host's is.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"
. "$TOP/tests/e2e/lib-net.sh"
unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"

# a server of the host on loopback, at a port that is free
mkdir -p www
echo hello >www/file
head -c 20000000 /dev/urandom >www/big
host_server

# none: what is there, and what is not
gives "none" 0 um --net none -- sh -ec 'ip -br link | cut -d" " -f1; cat /sys/class/net/lo/operstate
	awk -F: "NR > 2 { print \$1 }" /proc/net/dev; awk -F: "NR > 2 { print \$1 }" /proc/self/net/dev; ls /sys/class/net'
is "none: loopback alone" "$OUT" "lo
unknown
    lo
    lo
lo"
gives "the host's loopback is another" 7 um --net none -- curl -sS -m 5 "http://127.0.0.1:$port/file"
gives "the command's own loopback works" 0 um --net none -- "$PYTHON" -c '
import socket, threading
s = socket.create_server(("127.0.0.1", 80))  # a low port, as an ordinary user
t = threading.Thread(target=lambda: s.accept()[0].sendall(b"there"))
t.start()
print(socket.create_connection(("127.0.0.1", 80)).recv(9).decode())
t.join()'
is "its loopback" "$OUT" there
gives "ways out of none" 0 um --net none -- "$PYTHON" "$TOP/tests/lib/netways.py" "$port" "umview-test-$server"
is "ways out of none" "$OUT" "no way out"

gives "the same without a view" 0 "$PYTHON" "$TOP/tests/lib/netways.py" "$port" "umview-test-$server"
has "the same without a view" "$OUT" "a child's socket"
has "the same without a view" "$OUT" "an abstract name, from a pair"

# the command finds its interface up
for net in slirp "pair=up$$" "pair=up$$,loss=1"; do
	for _ in 1 2 3 4 5; do
		gives "$net is up" 0 um --net "$net" -- cat /sys/class/net/eth0/operstate
		is "$net is up" "$OUT" up
	done
done

# abstract names of AF_UNIX: the host's, or the view's own
cat >abstract.py <<'S'
import errno, socket, sys
name = "\0umview-test-" + sys.argv[1]
for how in "connect_ex", "bind":
    with socket.socket(socket.AF_UNIX) as s:
        try:
            print(errno.errorcode.get(getattr(s, how)(name), "done"), end=" ")
        except OSError as e:
            print(errno.errorcode[e.errno], end=" ")
S
for net in none slirp; do
	for own in private shared; do
		gives "$own abstract names, $net" 0 um --net $net,abstract=$own -- "$PYTHON" abstract.py "$server"
		is "$own abstract names, $net" "$OUT" "$([ $own = private ] && echo "ECONNREFUSED done " || echo "done EADDRINUSE ")"
	done
done

# slirp
gives "slirp, to the host's loopback" 0 um --net slirp -- curl -sS -m 20 "http://10.0.2.2:$port/file"
is "slirp" "$OUT" hello
gives "slirp, much" 0 um --net slirp -- curl -sS -m 60 -o "$HERE/big" "http://10.0.2.2:$port/big"
cmp -s big www/big || fail "what came through slirp differs"
gives "slirp's interface" 0 um --net slirp,mac=52:54:00:01:02:03,name=net7,mtu=1400,ip=192.168.9.15/24 -- sh -ec '
	ip -br -4 addr show net7; cat /sys/class/net/net7/address /sys/class/net/net7/mtu; cat /etc/resolv.conf
	ip route show default | cut -d" " -f1-5; [ "$(stat -c %s /etc/resolv.conf)" = "$(wc -c </etc/resolv.conf)" ]
	readlink /sys/class/net/net7; ls /sys/class/net | wc -l'
is "slirp's interface" "$(printf '%s' "$OUT" | tr -s ' ' | sed 's/@[^ ]*//; s/ $//')" "net7 UP 192.168.9.15/24
52:54:00:01:02:03
1400
nameserver 192.168.9.3
default via 192.168.9.2 dev net7
../../devices/virtual/net/net7
2"
# resolv.conf is a file of the network: it is written to, and stays
gives "resolv.conf" 0 um --net slirp -- sh -ec '
	cp -a /etc/resolv.conf copied; cmp /etc/resolv.conf copied; echo "options ndots:2" >>/etc/resolv.conf; cd /etc; cat resolv.conf
	umctl net add other none,dns=10.1.1.1; umctl net use other cat /etc/resolv.conf; readlink -f /etc/resolv.conf
	"$PYTHON" -c "
import os
a = os.open(\"/etc/resolv.conf\", os.O_PATH | os.O_NOFOLLOW)
b = os.stat(\"/etc/resolv.conf\")
print(os.fstat(a).st_ino == b.st_ino, os.path.islink(\"/etc/resolv.conf\"), os.access(\"/etc/resolv.conf\", os.W_OK))"'
is "resolv.conf" "$OUT" "nameserver 10.0.2.3
options ndots:2
nameserver 10.1.1.1
/etc/resolv.conf
True False True"
gives "resolv.conf is not replaced" 0 um --net slirp --root --cow -- sh -c '
	rm /etc/resolv.conf; echo "nameserver 1.2.3.4" >/etc/x; mv -f /etc/x /etc/resolv.conf; cat /etc/resolv.conf'
is "resolv.conf is not replaced" "$(grep -v '^umview' <<<"$OUT" | sed 's/.*: //')" "Device or resource busy
Device or resource busy
nameserver 10.0.2.3"
if [ -x /usr/sbin/dhclient ]; then
	gives "dhclient" 0 um --net slirp --root --cow -- sh -c 'ip addr flush dev eth0; echo >/etc/resolv.conf
		dhclient -1 -q -pf "$PWD/dhclient.pid" -lf "$PWD/leases" eth0; ip -br -4 addr show eth0 | tr -s " " | cut -d" " -f3
		cat /etc/resolv.conf; until [ -s dhclient.pid ]; do sleep 0.05; done; kill "$(cat dhclient.pid)"'
	is "dhclient" "$(grep -v '^umview' <<<"$OUT")" "10.0.2.15/24
nameserver 10.0.2.3"
fi
# the resolvers of the host are not there, whatever words lead to them
mkdir resolver
"$PYTHON" -c '
import os, socket
s = socket.socket(socket.AF_UNIX)
s.bind("resolver/socket")
s.listen()
open("resolving", "w").close()
while not os.path.exists("resolved"):
    try:
        s.settimeout(0.1)
        s.accept()
    except TimeoutError:
        pass' &
until_true 20 test -e resolving
cat >resolve.py <<'S'
import errno, os, socket
os.chdir("/run")
for name in "/run/nscd/socket", "/var/run/nscd/socket", "nscd/socket", "/run/../run//nscd/./socket", "/run/other/socket":
    with socket.socket(socket.AF_UNIX) as s:
        print(errno.errorcode.get(s.connect_ex(name), "reached"))
S
for net in none none,stack=lwip; do
	[ "$net" = none ] || built umview-lwip || continue
	gives "resolvers of the host" 0 um --net $net --bind "$HERE/resolver:/run/nscd" --bind "$HERE/resolver:/run/other" -- \
		"$PYTHON" resolve.py
	is "resolvers of the host" "$(tr '\n' ' ' <<<"$OUT")" "ENOENT ENOENT ENOENT ENOENT reached "
done
touch resolved
gives "slirp with its address" 0 um --net slirp,ip=192.168.9.15/24,mtu=1400 -- curl -sS -m 20 "http://192.168.9.2:$port/file"
"$PYTHON" -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0)); s.settimeout(60)
print(s.getsockname()[1], flush=True)
for _ in range(2):
    data, who = s.recvfrom(70000); s.sendto(data, who)' >udp-port &
echo=$!
until_true 20 test -s udp-port
for mtu in 1400 65520; do
	gives "a datagram in fragments, MTU $mtu" 0 um --net "slirp,mtu=$mtu" -- "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(30); s.connect(("10.0.2.2", int(sys.argv[1]))); s.send(b"x" * 20000); print(len(s.recv(70000)))' "$(cat udp-port)"
	is "a datagram in fragments, MTU $mtu" "$OUT" 20000
done
wait $echo || fail "the echo of datagrams ended badly"
gives "restrict" 7 um --net slirp,restrict -- curl -sS -m 2 "http://10.0.2.2:$port/file"
# a port of the host leads into the view; the same one cannot be had twice
um --net slirp,publish=0:80 -- true >err 2>&1 && fail "port 0 was accepted"
free=$(free_port)
um --net "slirp,publish=$free:80" -- "$PYTHON" -c '
import socket
s = socket.create_server(("", 80))
open("up", "w").close()
s.settimeout(30)
s.accept()[0].sendall(b"from the view")' &
view=$!
until_true 20 test -e up
gives "a published port" 0 "$PYTHON" -c "
import socket
print(socket.create_connection(('127.0.0.1', $free), 10).recv(99).decode())"
is "a published port" "$OUT" "from the view"
wait $view || fail "the view with a published port ended badly"
gives "a port that is taken" 125 um --net "slirp,publish=$port:80" -- true
has "a port that is taken" "$OUT" "port $port of the host cannot be published"
has "a port that is taken" "$OUT" "choose another"

# a socket of AF_UNIX is the host's here, its interfaces are not
gives "interfaces by a unix socket" 0 um --net slirp,name=other0 -- "$PYTHON" -c '
import array, fcntl, socket, struct
s = socket.socket(socket.AF_UNIX)
buf = array.array("B", bytes(4096))
for room, at in ((4096, buf.buffer_info()[0]), (79, buf.buffer_info()[0]), (0, 0)):
    size, _ = struct.unpack("iL", fcntl.ioctl(s, 0x8912, struct.pack("iL", room, at)))
    print([bytes(buf[i:i + 16]).strip(b"\0") for i in range(0, size if at else 0, 40)], size)
fcntl.ioctl(s, 0x8922, struct.pack("16si20x", b"other0", 1300))
print(open("/sys/class/net/other0/mtu").read())'
is "interfaces by a unix socket" "$OUT" "[b'lo', b'other0'] 80
[b'lo'] 40
[] 80
1300"

# two views on one wire, and a third that begins when the first is gone
um --net "pair=w$$,ip=10.9.0.1/24,ip=fd09::1/64" -- "$PYTHON" -c '
import socket
s = socket.create_server(("::", 7), family=socket.AF_INET6, dualstack_ipv6=True)
open("wire-up", "w").close()
for i in range(2):
    c = s.accept()[0]
    c.sendall(c.recv(99).upper())
    c.close()' &
first=$!
until_true 20 test -e wire-up
talk='
import socket, sys
s = socket.create_connection((sys.argv[1], 7), 20)
s.sendall(b"over the wire")
print(s.recv(99).decode())'
gives "a wire, IPv4" 0 um --net "pair=w$$,ip=10.9.0.2/24" -- "$PYTHON" -c "$talk" 10.9.0.1
is "a wire, IPv4" "$OUT" "OVER THE WIRE"
built umview-lwip && {
	gives "a wire of another stack" 125 um --net "pair=w$$,ip=10.9.0.2/24,stack=lwip" -- true
	has "a wire of another stack" "$OUT" "the view that is on this wire has stack=kernel"
}
gives "another wire" 1 um --net "pair=v$$,ip=10.9.0.2/24" -- "$PYTHON" -c "
import socket
socket.create_connection(('10.9.0.1', 7), 2)"
gives "a wire, IPv6" 0 um --net "pair=w$$,ip=fd09::2/64" -- "$PYTHON" -c "$talk" fd09::1
is "a wire, IPv6" "$OUT" "OVER THE WIRE"
wait $first || fail "the first view on the wire ended badly"

# a switch, which is ended and started again
# (a plug is loaded in a way that sanitizers refuse)
if command -v vde_switch >/dev/null && [ -z "${UMVIEW_SANITIZER:-}" ]; then
	vde_switch -s "$HERE/switch" -d -p "$HERE/switch.pid" >/dev/null 2>&1 </dev/null
	until_true 20 test -e switch/ctl
	um --net "vde=$HERE/switch,ip=10.8.0.1/24" -- sh -c '
		touch vde-up; until [ "$(cat /sys/class/net/eth0/carrier)" = 0 ]; do sleep 0.1; done
		touch vde-down; until [ "$(cat /sys/class/net/eth0/carrier)" = 1 ]; do sleep 0.1; done
		exec "$PYTHON" -c "
import socket
s = socket.create_server((\"\", 7))
open(\"vde-again\", \"w\").close()
c = s.accept()[0]
c.sendall(c.recv(99).upper())"' &
	first=$!
	until_true 20 test -e vde-up
	kill "$(cat switch.pid)"
	until_true 20 test -e vde-down
	rm -rf switch
	vde_switch -s "$HERE/switch" -d -p "$HERE/switch.pid" >/dev/null 2>&1 </dev/null
	until_true 20 test -e vde-again
	gives "over a switch" 0 um --net "vde=$HERE/switch,ip=10.8.0.2/24" -- "$PYTHON" -c "$talk" 10.8.0.1
	is "over a switch" "$OUT" "OVER THE WIRE"
	wait $first || fail "the view on the switch ended badly"
	kill "$(cat switch.pid)"
	gives "no switch" 125 um --net "vde=$HERE/none" -- true
	has "no switch" "$OUT" "is a switch there?"
fi

# what if_nametoindex(3) says, which asks a socket of AF_UNIX, is of the view's interfaces; and others' stay theirs
gives "numbers of interfaces" 0 um --net slirp,name=lan7 -- sh -ec '
	cat >numbers.py <<-S
	import socket
	for i, name in socket.if_nameindex():
	    print(name, i == socket.if_nametoindex(name) and name == socket.if_indextoname(i), end=" ")
	S
	"$PYTHON" numbers.py; unshare -n "$PYTHON" numbers.py; umctl net add x none,abstract=shared; umctl net use x "$PYTHON" numbers.py'
is "numbers of interfaces" "$OUT" "lo True lan7 True lo True lo True "
if command -v busybox >/dev/null; then
	gives "busybox ip" 0 um --net "pair=i$$,ip=10.9.0.1/24" -- sh -ec '
		busybox ip route add default via 10.9.0.2 dev eth0; ip route show default'
	has "busybox ip" "$OUT" "via 10.9.0.2 dev eth0"
fi

# as root of the view, or without: interfaces are one's own to change
gives "ip(8)" 0 um --net none -- sh -ec '
	ip link add va type veth peer name vb; ip addr add 10.1.1.1/24 dev va; ip link set va up; ip link set vb up
	ip -br -4 addr show va | tr -s " "; ip route add 10.2.0.0/16 via 10.1.1.2; ip route show 10.2.0.0/16
	echo 1 >/proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward'
is "ip(8)" "$(printf '%s' "$OUT" | sed 's/ *$//')" "va@vb UP 10.1.1.1/24
10.2.0.0/16 via 10.1.1.2 dev va
1"
gives "as root of the view" 0 um --net none --root -- sh -ec 'id -u; ip link set lo down; ip link set lo up'

# whoever is killed, nothing hangs and nothing stays
OWN=none,dns=10.$(($$ >> 16)).$(($$ >> 8 & 255)).$(($$ & 255)) # nobody else's
gives "the network's process is killed" 0 um --net $OWN -- sh -c '
	pkill -9 -f "^umview-net '$OWN'"; "$PYTHON" -c "
import errno, socket, time
for i in range(200):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
    except OSError as e:
        print(errno.errorcode[e.errno])
        break
    time.sleep(0.05)"'
is "the network's process is killed" "$OUT" ENETDOWN
um --net "$OWN" --name net$$ -- sleep 60 &
until_true 20 pgrep -f "^umview-net $OWN"
kill -9 "$(supervisor_of net$$)"
no_network() {
	! pgrep -f "^umview-net $OWN"
}
until_true 20 no_network

# wrong usage
for bad in "" nothing slirp=1 pair slirp,ip=10.0.0.1 slirp,ip=10.0.0.1/33 vde=x,publish=1:2 slirp,mac=01:00:00:00:00:00 \
	slirp,mtu=5 none,mtu=1500 none,ip=10.0.0.1/8 slirp,name=a/b none,name=a none,bad=1 slirp,publish=80 slirp,publish=1:99999 none,stack=x none,abstract=x; do
	gives "--net '$bad'" 125 um --net "$bad" -- true
	has "--net '$bad'" "$OUT" "umview: --net"
done
# says SPEC TEXT: it is refused so
says() {
	gives "--net $1" 125 um --net "$1" -- true
	has "--net $1" "$OUT" "$2"
}
says none,restrict=1 "restrict=1: it is an option of slirp, without a value"
says pair=x,dhcp=1 "and has no value"
says "pair=$(printf %300d 1)" "what follows pair= is too long"
says pair=x,ip=0.0.0.0/0 "an address of a host"
says pair=x,ip=ff02::1/64 "an address of a host"
says pair=x,mtu=1279,ip=fd00::1/64 "from 1280 on"
says slirp,ip=10.0.2.15/29 "a prefix from 1 to 28"
says slirp,ip=10.0.2.2/24 "the second address is the host"
says slirp,publish=1:80 "choose a higher one"
says slirp,publish=192.0.2.1:8080:80 "none of the host's"
for stack in kernel $(built umview-lwip && echo lwip); do
	gives "two of one name, $stack" 125 um --net "pair=g$$,stack=$stack" --net slirp,name=eth0 -- true
	has "two of one name, $stack" "$OUT" "two interfaces would be called eth0"
	gives "slirp with one more address of IPv6, $stack" 0 um --net "slirp,ip=fd00::5/64,stack=$stack" -- sh -c '
		ip -o addr show eth0 | tr -s " " | cut -d" " -f4 | grep -v ^fe80 | sort'
	is "slirp with one more address of IPv6, $stack" "${OUT//$'\n'/ }" "10.0.2.15/24 fd00::5/64 fec0::f/64"
done
gives "a gateway elsewhere" 125 um --net "pair=g$$,ip=10.9.0.1/24,gw=10.1.1.1" -- true
has "a gateway elsewhere" "$OUT" "--net: eth0: gw=10.1.1.1: Invalid argument; it is a neighbour"
gives "an address twice" 125 um --net "pair=g$$,ip=10.9.0.1/24,ip=10.9.0.1/24" -- true
has "an address twice" "$OUT" "--net: eth0: ip=10.9.0.1: File exists"
gives "no tap" 125 um --net "tap=nosuch7" -- true
has "no tap" "$OUT" "--net tap=nosuch7: No such device; root makes one that you may use by: ip tuntap add nosuch7 mode tap user $(id -u)"
if [ -w /dev/net/tun ]; then
	gives "what is no tap" 125 um --net "tap=lo" -- true
	has "what is no tap" "$OUT" "--net tap=lo: Invalid argument; it is no tap interface"
fi
gives "two wires" 125 um --net pair=a --net pair=b -- true
has "two wires" "$OUT" "one wire at most"
gives "a dry run" 0 um --net slirp --dry-run -- true
has "a dry run" "$OUT" "a network interface: slirp"
gives "a dry run as JSON" 0 um --net slirp --net "pair=a,ip=10.0.0.1/8" --dry-run --json -- true
has "a dry run as JSON" "$OUT" '"networks":["slirp","pair=a,ip=10.0.0.1\/8"]'
kill "$server"
trap - EXIT
nothing_left
