# SPDX-License-Identifier: GPL-2.0-or-later
# A view whose TCP/IP stack is a process of its own: no namespace is needed. What its sockets do is what the kernel's do.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"
. "$TOP/tests/e2e/lib-net.sh"
built umview-lwip || skip "built without liblwip"

# the kernel's answers, and the stack's
"$PYTHON" "$TOP/tests/lib/sockets.py" >kernel
um --net none,stack=lwip -- "$PYTHON" "$TOP/tests/lib/sockets.py" >lwip || fail "sockets.py: $(tail -n 5 lwip)"
diff kernel lwip || fail "sockets differ from the kernel's"
echo "ok: sockets as the kernel's"

# who got a listener and is no process of the view cannot pass for another socket of it
"$PYTHON" "$TOP/tests/lib/claimed.py" outside "$HERE/out" &
outside=$!
until_true 20 test -e out
gives "a listener that left the view" 0 um --net none,stack=lwip -- "$PYTHON" "$TOP/tests/lib/claimed.py" view "$HERE/out"
is "a listener that left the view" "$OUT" "True True
77
True"
wait $outside

# a server of the host on loopback, at a port that is free
mkdir -p www
echo hello >www/file
head -c 20000000 /dev/urandom >www/big
host_server
gives "ways out of none" 0 um --net none,stack=lwip -- "$PYTHON" "$TOP/tests/lib/netways.py" "$port" "umview-test-$server"
is "ways out of none" "$OUT" "no way out"
gives "none: the host's loopback is another" 7 um --net none,stack=lwip -- curl -sS -m 5 "http://127.0.0.1:$port/file"
gives "slirp" 0 um --net slirp,stack=lwip -- curl -sS -m 20 "http://10.0.2.2:$port/file"
is "slirp" "$OUT" hello
gives "slirp, much" 0 um --net slirp,stack=lwip -- curl -sS -m 60 -o "$HERE/big" "http://10.0.2.2:$port/big"
cmp -s big www/big || fail "what came through slirp differs"
gives "refused by the host" 7 um --net slirp,stack=lwip -- curl -sS -m 20 http://10.0.2.2:1/
free=$(free_port)
um --net "slirp,stack=lwip,publish=$free:80" -- "$PYTHON" -c '
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

# two views on one wire, and a third that begins when the first is gone
talk='
import socket, sys
s = socket.create_connection((sys.argv[1], 7), 20)
s.sendall(b"over the wire")
print(s.recv(99).decode())'
for round in 1 2; do
	rm -f wire-up
	um --net "pair=w$$,ip=10.9.0.1/24,ip=fd09::1/64,stack=lwip" -- "$PYTHON" -c '
import socket
s = socket.create_server(("::", 7), family=socket.AF_INET6, dualstack_ipv6=True)
open("wire-up", "w").close()
for i in range(2):
    c = s.accept()[0]
    c.sendall(c.recv(99).upper())
    c.close()' &
	first=$!
	until_true 20 test -e wire-up
	gives "a wire, IPv4" 0 um --net "pair=w$$,ip=10.9.0.2/24,stack=lwip" -- "$PYTHON" -c "$talk" 10.9.0.1
	is "a wire, IPv4" "$OUT" "OVER THE WIRE"
	gives "a wire of another stack" 125 um --net "pair=w$$,stack=kernel" -- true
	has "a wire of another stack" "$OUT" "the view that is on this wire has stack=lwip"
	gives "another wire" 1 um --net "pair=v$$,ip=10.9.0.2/24,stack=lwip" -- "$PYTHON" -c "
import socket
socket.create_connection(('10.9.0.1', 7), 2)"
	gives "a wire, IPv6" 0 um --net "pair=w$$,ip=fd09::2/64,stack=lwip" -- "$PYTHON" -c "$talk" fd09::1
	is "a wire, IPv6" "$OUT" "OVER THE WIRE"
	wait $first || fail "the first view on the wire ended badly"
done

# further addresses, of the same network and of another: each is found by ARP and by who asks from it
rm -f up
um --net "pair=w$$,ip=10.9.0.1/24,stack=lwip" -- sh -ec 'ip addr add 10.9.0.3/24 dev eth0; ip addr add 10.8.0.1/16 dev eth0
	exec "$PYTHON" -c "
import socket
s = socket.create_server((\"\", 7))
open(\"up\", \"w\").close()
for i in range(3):
    c, peer = s.accept()
    c.sendall(peer[0].encode())
    c.close()"' &
first=$!
until_true 20 test -e up
gives "further addresses" 0 um --net "pair=w$$,ip=10.9.0.2/24,stack=lwip" -- sh -ec 'ip addr add 10.8.0.2/16 dev eth0; exec "$PYTHON" -c "
import socket
for a in \"10.9.0.3\", \"10.8.0.1\", \"10.9.0.1\":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        s.connect((a, 7))
        s.send(b\"nobody there\")
        try:
            s.recvfrom(9)
        except ConnectionRefusedError:
            print(\"refused\")
    with socket.create_connection((a, 7), 20) as s:
        print(s.getpeername()[0], s.recv(99).decode())"'
is "further addresses" "$OUT" "refused
10.9.0.3 10.9.0.2
refused
10.8.0.1 10.8.0.2
refused
10.9.0.1 10.9.0.2"
wait $first || fail "the view with further addresses ended badly"

gives "nobody there" 0 um --net "pair=w$$,ip=10.9.0.2/24,stack=lwip" -- "$PYTHON" -c '
import errno, socket
for addr in ("10.9.0.77", "192.0.2.1"):
    print(errno.errorcode.get(socket.socket().connect_ex((addr, 7))))'
is "nobody there" "$OUT" "EHOSTUNREACH
ENETUNREACH"

# the tools that are used elsewhere, unmodified
gives "ip(8)" 0 um --net "pair=w$$,ip=10.9.0.1/24,mac=52:54:00:01:02:03,mtu=1400,stack=lwip" -- sh -ec '
	ip -br link; ip -br -4 addr show eth0; ip route
	ip addr add 10.9.0.2/24 dev eth0; ip addr add 10.9.0.2/24 dev eth0 2>&1 || ip -o -4 addr show dev eth0 | cut -d" " -f2-
	ip addr del 10.9.0.1/24 dev eth0; ip addr add 10.5.0.1/16 dev eth0
	ip route add default via 10.5.0.254; ip route; ip route get 1.2.3.4; ip route del default
	ip route add 7.0.0.0/8 via 9.9.9.9 2>&1 || ip link set eth0 down; ip -br link show eth0; ip link set eth0 mtu 1300 up
	ip -6 addr add fd00::5/64 dev eth0; hostname -I; cat /proc/net/route | cut -f1-3 | sed "s/ *$//"'
is "ip(8)" "$(printf '%s' "$OUT" | tr -s ' ' | sed 's/ *$//')" 'lo UNKNOWN 00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP>
eth0 UP 52:54:00:01:02:03 <BROADCAST,MULTICAST,UP,LOWER_UP>
eth0 UP 10.9.0.1/24
10.9.0.0/24 dev eth0 proto kernel scope link src 10.9.0.1
Error: ipv4: Address already assigned.
eth0 inet 10.9.0.1/24 scope global eth0\ valid_lft forever preferred_lft forever
eth0 inet 10.9.0.2/24 scope global secondary eth0\ valid_lft forever preferred_lft forever
default via 10.5.0.254 dev eth0
10.5.0.0/16 dev eth0 proto kernel scope link src 10.5.0.1
1.2.3.4 via 10.5.0.254 dev eth0 src 10.5.0.1 uid '"$(id -u)"'
 cache
Error: Nexthop has invalid gateway.
eth0 DOWN 52:54:00:01:02:03 <BROADCAST,MULTICAST>
10.5.0.1 fd00::5
Iface	Destination	Gateway
eth0	0000050A	00000000'
for stack in lwip $(unshare -Urn echo kernel 2>/dev/null); do
	gives "what both stacks say, $stack" 0 um --net "pair=b$stack$$,ip=10.9.0.1/24,ip=fd09::1/64,mac=02:00:00:00:00:01,stack=$stack" -- sh -ec '
		ip rule; ip -6 rule; ip link show lo; ip -o -6 addr show eth0 | tr -s " " | cut -d" " -f4; ip -6 route
		ip route get 127.0.0.1; ip route get 10.9.0.2; ip -6 route get fd09::2
		for what in "addr del 1.2.3.4/32 dev eth0" "link set eth0 mtu 60" "link set eth0 mtu 70000"; do ip $what 2>&1 && exit 1; done
		exec "$PYTHON" -c "
import os, socket, subprocess
s = socket.create_server((\"127.0.0.1\", 80))
c = socket.create_connection((\"127.0.0.1\", 80))
for what in \"-Htin | grep -c cwnd:\", \"-Hn state established | grep -c :80\", \"-s | grep -o estab.[0-9]\":
    print(subprocess.run(\"ss \" + what, shell=True, stdout=-1, stderr=-3, text=True).stdout)
sockstat = open(\"/proc/net/sockstat\").read().split()
print(sockstat[sockstat.index(\"TCP:\"):][:3])"'
	is "what both stacks say, $stack" "$(printf '%s' "$OUT" | sed 's/ *$//')" "0:	from all lookup local
32766:	from all lookup main
32767:	from all lookup default
0:	from all lookup local
32766:	from all lookup main
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
fd09::1/64
fe80::ff:fe00:1/64
fd09::/64 dev eth0 proto kernel metric 256 pref medium
fe80::/64 dev eth0 proto kernel metric 256 pref medium
local 127.0.0.1 dev lo src 127.0.0.1 uid $(id -u)
    cache <local>
10.9.0.2 dev eth0 src 10.9.0.1 uid $(id -u)
    cache
fd09::2 from :: dev eth0 proto kernel src fd09::1 metric 256 pref medium
Error: ipv4: Address not found.
Error: mtu less than device minimum.
Error: mtu greater than device maximum.
2

2

estab 2

['TCP:', 'inuse', '3']"
done
gives "the order of addresses" 0 um --net "pair=w$$,ip=10.9.0.1/24,stack=lwip" -- sh -ec '
	ip addr add 10.8.0.1/16 dev eth0; ip addr del 10.9.0.1/24 dev eth0; ip addr add 10.9.0.1/24 dev eth0; hostname -I'
is "the order of addresses" "${OUT% }" "10.8.0.1 10.9.0.1"
gives "an address by ioctl(2)" 0 um --net "pair=w$$,stack=lwip" -- "$PYTHON" -c '
import fcntl, socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
s.bind((0, 0x10))
name = struct.pack("16sHH4s8x", b"eth0", socket.AF_INET, 0, socket.inet_aton("10.5.0.1"))
fcntl.ioctl(socket.socket(), 0x8916, name)
s.settimeout(20)
print(struct.unpack_from("=IH", s.recv(9999))[1])'
is "an address by ioctl(2)" "$OUT" 20
gives "ip monitor" 0 um --net "pair=w$$,stack=lwip" -- "$PYTHON" -c '
import select, socket, subprocess
print(socket.if_nameindex())
m = subprocess.Popen(["ip", "-o", "monitor", "address"], stdout=subprocess.PIPE, text=True)
# (it does not say when it listens)
while m.poll() is None:
    subprocess.run(["ip", "addr", "add", "fd00::6/64", "dev", "eth0"], check=True)
    subprocess.run(["ip", "addr", "del", "fd00::6/64", "dev", "eth0"], check=True)
    if select.select([m.stdout], [], [], 0.1)[0]:
        print(" ".join(m.stdout.readline().removeprefix("Deleted ").split()[1:4]))
        break
m.kill()'
is "ip monitor" "$OUT" "[(1, 'lo'), (2, 'eth0')]
eth0 inet6 fd00::6/64"
gives "ss(8), ping" 0 um --net "pair=w$$,ip=10.9.0.1/24,stack=lwip" -- "$PYTHON" -c '
import socket, subprocess
s = socket.create_server(("10.9.0.1", 80))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("127.0.0.1", 53))
print(subprocess.run("ss -Htunl; busybox ping -c 1 -W 5 10.9.0.1 | grep received; busybox ping -c 1 -W 5 ::1 | grep received",
                     shell=True, stdout=subprocess.PIPE, text=True).stdout.strip())
c = socket.create_connection(("10.9.0.1", 80))
print(subprocess.getoutput("ss -HK dport = 80 | wc -l; ss -Htn state established | wc -l"))
for x in c, s.accept()[0]:
    try:
        x.recv(9)
    except ConnectionError as e:
        print(type(e).__name__)
c = socket.create_connection(("10.9.0.1", 80))
b = socket.socket()
b.bind(("127.0.0.1", 81))
print(subprocess.getoutput("ss -HKt state established sport = 80 | wc -l; ss -HKta sport = 81 | wc -l"))
try:
    s.accept()[0].recv(9)
except ConnectionError as e:
    print(type(e).__name__, b.getsockname())'
is "ss(8), ping" "$(printf '%s' "$OUT" | tr -s ' ' | sed 's/ *$//')" "udp UNCONN 0 0 127.0.0.1:53 0.0.0.0:*
tcp LISTEN 0 128 10.9.0.1:80 0.0.0.0:*
1 packets transmitted, 1 packets received, 0% packet loss
1 packets transmitted, 1 packets received, 0% packet loss
1
0
ConnectionResetError
ConnectionResetError
1
0
ConnectionResetError ('127.0.0.1', 81)"

# what netlink(7) answers waits for who reads late
gives "answers that nobody reads yet" 0 um --net none,stack=lwip -- "$PYTHON" -c '
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.bind((0, 0))
s.settimeout(20)
for _ in range(1500):
    s.sendto(struct.pack("=IHHIIBxHiII", 32, 18, 0x301, 1, 0, 0, 0, 0, 0, 0), (0, 0))
ends = 0
while ends < 1500:
    answer = s.recv(65536)
    while answer:
        size, kind = struct.unpack("=IH", answer[:6])
        ends += kind == 3
        answer = answer[(size + 3) & ~3:]
print("all")'
is "answers that nobody reads yet" "$OUT" all

# what a socket of echoes may be bound to
gives "echoes" 0 um --net none,stack=lwip -- "$PYTHON" -c '
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
def tried(fn, *args):
    try: return fn(*args) or "ok"
    except OSError as e: return errno.errorcode[e.errno]
for addr in ("", "127.0.0.1", "127.255.255.255", "255.255.255.255", "224.0.0.1", "192.0.2.9"):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)
    print(addr, tried(s.bind, (addr, 0)))
for addr in ("::", "::1", "ff02::1", "2001:db8::9"):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, 58)
    print(addr, tried(s.bind, (addr, 0)))
print(libc.bind(s.fileno(), b"\2\0" + bytes(14), 16), errno.errorcode[ctypes.get_errno()])'
is "echoes" "$OUT" " ok
127.0.0.1 ok
127.255.255.255 EADDRNOTAVAIL
255.255.255.255 EADDRNOTAVAIL
224.0.0.1 EADDRNOTAVAIL
192.0.2.9 EADDRNOTAVAIL
:: ok
::1 ok
ff02::1 EINVAL
2001:db8::9 EADDRNOTAVAIL
-1 EINVAL"

# what ip(8), route(8) and the like show and change: the kernel's answers, and the stack's
if unshare -Urn true 2>/dev/null; then
	for stack in kernel lwip; do
		gives "tools of networks, $stack" 0 um --net "pair=t$$$stack,ip=10.7.0.1/24,ip=fd07::1/64,mac=02:00:00:00:00:01,stack=$stack" -- \
			env PYTHON="$PYTHON" bash -c 'while IFS= read -r line; do
				echo "# $line"; timeout 20 sh -c "$line" 2>&1 </dev/null || echo "status $?"
			done <"$TOP/tests/lib/netcmds"'
		# the other end of a pair, and what stands for the check for duplicates, are the kernel's alone
		sed -E 's/@if[0-9]+//; s/ link-netnsid 0//; s/ nodad//; s/ tentative//; s/ +$//' <<<"$OUT" >"tools-$stack"
	done
	diff tools-kernel tools-lwip || fail "the tools of networks see another stack"
	echo "ok: tools of networks"
	# what stands for a network is a namespace of the user's, beside one that is
	file='
import ctypes, fcntl, os
buf = ctypes.create_string_buffer(256)
fd = os.open("/proc/self/ns/net", os.O_RDONLY)
ctypes.CDLL(None).fstatfs(fd, buf)
owner = fcntl.ioctl(fd, 0xb701)
print(buf.raw[:4][::-1], hex(fcntl.ioctl(fd, 0xb703)), os.stat(owner).st_ino == os.stat("/proc/self/ns/user").st_ino)'
	gives "files of networks" 0 um --net none,stack=kernel -- sh -ec 'umctl net add b none,stack=lwip
		"$PYTHON" -c "$1"; umctl net use b -- "$PYTHON" -c "$1"
		umctl net use b -- sleep 60 & all=$!
		for i in 1 2; do sleep 60 & all="$all $!"; done
		until umctl net ls >list; grep -q "^b *1 " list; do sleep 0.05; done
		tail -n +2 list | tr -s " " | cut -d" " -f1,2; kill $all' sh "$file"
	is "files of networks" "$OUT" "b'nsfs' 0x40000000 False
b'nsfs' 0x40000000 True
default 4
b 1"
fi
# its folders, looked at in all ways, as those of the network where nothing is loaded; and each process has its own
"$PYTHON" "$TOP/tests/lib/netdirs.py" >folders || fail "netdirs.py: $(tail -n 5 folders)"
um --net none,stack=lwip -- "$PYTHON" "$TOP/tests/lib/netdirs.py" >folders-lwip || fail "netdirs.py: $(tail -n 5 folders-lwip)"
diff folders folders-lwip || fail "folders of /proc/net and /sys/class/net differ from the kernel's"
echo "ok: folders"
# a neighbour that is told of is not asked for
um --net "pair=n$$,ip=10.9.0.1/24,ip=fd09::1/64,mac=02:00:00:00:00:01,stack=lwip" -- sh -c 'touch there; until [ -e told ]; do sleep 0.05; done' &
first=$!
until_true 20 test -e there
gives "told neighbours" 0 um --net "pair=n$$,ip=10.9.0.2/24,ip=fd09::2/64,stack=lwip" -- sh -c '
	for ip in 10.9.0.1 fd09::1; do
		for mac in 02:00:00:00:00:09 02:00:00:00:00:01; do
			ip neigh replace $ip lladdr $mac dev eth0; ping -n -c 1 -W 1 $ip >/dev/null; echo $?
		done
		ip neigh del $ip dev eth0; ping -n -c 1 -W 10 $ip >/dev/null; echo $?
	done'
is "told neighbours" "$OUT" "1
0
0
1
0
0"
touch told
wait $first || fail "the told neighbour ended badly"

# raw sockets: one that is not bound hears all, and what raw(7) says of a header that is given
gives "raw sockets" 0 um --net none,stack=lwip -- "$PYTHON" -c '
import socket, struct
hears = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
hears.settimeout(10)
says = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
says.sendto(struct.pack("!BBHHHBBHII", 0x45, 0, 0, 0, 0, 9, 17, 0, 0, 0x7f000001) + struct.pack("!HHHH", 7, 7, 12, 0) + b"word", ("127.0.0.1", 0))
packet, (source, port) = hears.recvfrom(99)
print(source, len(packet), packet[2:4], packet[4:6] != bytes(2), packet[8], packet[28:])
try:
    says.sendto(bytes(19), ("127.0.0.1", 0))
except OSError as e:
    print(e.errno)'
is "raw sockets" "$OUT" "127.0.0.1 32 b'\\x00 ' True 9 b'word'
22"

# what is too short for its checksum has ended the stack; a header that leads elsewhere is heard here
gives "raw sockets of IPv6" 0 um --net none,stack=lwip -- "$PYTHON" -c '
import errno, socket, struct
def tries(what, fn, *args):
    try:
        print(what, fn(*args))
    except OSError as e:
        print(what, errno.errorcode[e.errno])
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.settimeout(10)
for n in range(5):
    tries(n, s.sendto, bytes(n), ("::1", 0))
filter = [0xffffffff] * 8
filter[129 >> 5] &= ~(1 << (129 & 31))
s.setsockopt(socket.IPPROTO_ICMPV6, 1, struct.pack("=8I", *filter))
print(s.getsockopt(socket.IPPROTO_ICMPV6, 1, 32) == struct.pack("=8I", *filter), s.getsockopt(socket.IPPROTO_IPV6, 7))
s.sendto(struct.pack("!BBHHH", 128, 0, 0xabcd, 5, 7), ("::1", 0))
print(s.recv(99), s.recv(99))
tries("moved", s.setsockopt, socket.IPPROTO_IPV6, 7, 4)
tries("of another", socket.socket(socket.AF_INET, socket.SOCK_RAW, 17).setsockopt, socket.IPPROTO_ICMPV6, 1, 0)
u = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 253)
u.settimeout(10)
v = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 253)
tries("odd", u.setsockopt, socket.IPPROTO_IPV6, 7, 3)
u.setsockopt(socket.IPPROTO_IPV6, 7, 2)
tries("short", u.sendto, b"abc", ("::1", 0))
v.sendto(b"1234", ("::1", 0))
u.sendto(b"ab\0\0", ("::1", 0))
print(u.recv(99)[:2], v.recv(99), v.recv(99)[:2])
u.connect(("::1", 0))
print(u.getsockname()[1], u.shutdown(socket.SHUT_WR), u.send(b"xy\0\0"))
hears = socket.socket(socket.AF_INET, socket.SOCK_RAW, 17)
hears.settimeout(10)
says = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
says.sendto(struct.pack("!BBHHHBBHII", 0x45, 0, 0, 0, 0, 9, 17, 0, 0, 0x2a000001) + bytes(8), ("127.0.0.1", 0))
packet, source = hears.recvfrom(99)
print(source, packet[16:20])
says = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
says.setsockopt(socket.IPPROTO_IPV6, 7, 2)
says.sendto(struct.pack("!IHBB16s16s", 6 << 28, 4, 253, 9, bytes(15) + b"\1", bytes(15) + b"\1") + b"1234", ("::1", 0))
print(v.recv(99), v.recv(99))
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
echo.settimeout(10)
echo.setsockopt(socket.IPPROTO_IP, 8, 1)
echo.sendto(struct.pack("!BBHHH", 8, 0, 0, 0, 0), ("127.0.0.1", 0))
print([(kind, data) for _, kind, data in echo.recvmsg(99, 99)[1]])'
is "raw sockets of IPv6" "$OUT" "0 EFAULT
1 EFAULT
2 EINVAL
3 EINVAL
4 4
True 2
b'\\x00\\x00\\xff\\xbf' b'\\x81\\x00~\\xaf\\x00\\x05\\x00\\x07'
moved EINVAL
of another ENOPROTOOPT
odd EINVAL
short EINVAL
b'ab' b'1234' b'ab'
253 None 4
('127.0.0.1', 0) b'*\\x00\\x00\\x01'
b'xy\\x86\\x83' b'1234'
[(8, b'\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x7f\\x00\\x00\\x01')]"

# no frame of a neighbour's comes from this host, or reaches what is bound to loopback
rm -f up
um --net "pair=s$$,stack=lwip,mac=02:00:00:00:00:01,ip=10.9.7.1/24" -- "$PYTHON" "$TOP/tests/lib/spoof.py" serve >spoofed &
view=$!
until_true 20 test -e up
"$PYTHON" "$TOP/tests/lib/spoof.py" send "s$$"
wait $view || fail "spoofed frames: the view ended badly"
is "spoofed frames" "$(cat spoofed)" "broadcast
end
end
good
good, 6"

# packet sockets: an address by slirp's own DHCP server
cat >script <<-'S'
	#!/bin/sh
	[ "$1" = bound ] && ip addr add "$ip/$mask" dev "$interface" && ip route add default via "$router"
	S
chmod +x script
gives "udhcpc" 0 um --net slirp,stack=lwip -- sh -ec 'ip addr del 10.0.2.15/24 dev eth0; ip route del default
	ip -br -4 addr show eth0; busybox udhcpc -i eth0 -q -n -f -t 10 -T 1 -s "$PWD/script" 2>/dev/null
	ip -br -4 addr show eth0; ip route show default'
is "udhcpc" "$(printf '%s' "$OUT" | tr -s ' ' | sed 's/ *$//')" "eth0 UP 10.0.2.15/24
default via 10.0.2.2 dev eth0"

# a client that has the kernel filter what it reads
if command -v dhclient >/dev/null; then
	cat >script <<-'S'
		#!/bin/sh
		[ "$reason" != BOUND ] || ip addr add "$new_ip_address/24" dev "$interface"
		S
	gives "dhclient" 0 um --net slirp,stack=lwip -- sh -ec 'ip addr del 10.0.2.15/24 dev eth0
		dhclient -1 -d -sf "$PWD/script" -lf "$PWD/leases" -pf "$PWD/pid" eth0 >/dev/null 2>&1 & client=$!
		until ip -br -4 addr show eth0 | grep -q 10.0.2; do kill -0 $client; sleep 0.05; done
		kill $client; ip -br -4 addr show eth0'
	is "dhclient" "$(printf '%s' "$OUT" | tr -s ' ' | sed 's/ *$//')" "eth0 UP 10.0.2.15/24"
fi

# several networks in a view: each is a process
gives "umctl net" 0 um --net none,stack=lwip -- sh -ec 'umctl net add home slirp,stack=lwip
	umctl net use home -- "$PYTHON" -c "
import socket
s = socket.create_server((\"10.0.2.15\", 80))
c = socket.create_connection((\"10.0.2.15\", 80))
print(s.accept()[1][0])"
	ip -br -4 addr | cut -d" " -f1
	umctl net use home -- sh -c "cd /sys/class/net; ls; cat /proc/net/dev | wc -l; touch $PWD/stands; exec sleep 60" & there=$!
	until [ -e stands ]; do sleep 0.05; done
	ls /sys/class/net; cat /proc/$there/net/dev /proc/net/dev | wc -l; ls /proc/$there/cwd/
	cd /proc/$there/net; kill $there; wait $there 2>/dev/null || umctl net rm home; cat dev || ls'
is "umctl net" "$OUT" "10.0.2.15
lo
eth0
lo
4
lo
7
eth0
lo
cat: dev: No such file or directory"

# what the kernel's stack refuses
gives "a gateway elsewhere" 125 um --net "pair=g$$,ip=10.9.0.1/24,gw=10.1.1.1,stack=lwip" -- true
has "a gateway elsewhere" "$OUT" "--net: eth0: gw=10.1.1.1: Invalid argument; it is a neighbour"
gives "gateways there" 0 um --net "pair=g$$,ip=10.9.0.1/24,gw=10.9.0.2,ip=fd09::1/64,gw=fd09::2,stack=lwip" -- true
gives "a gateway of the wire" 0 um --net "pair=g$$,ip=fd09::1/64,gw=fe80::2,stack=lwip" -- true
gives "an address twice" 125 um --net "pair=g$$,ip=10.9.0.1/24,ip=10.9.0.1/24,stack=lwip" -- true
has "an address twice" "$OUT" "--net: eth0: ip=10.9.0.1: File exists"

# a capture, from inside and from outside, where nothing is told of interfaces
um --net slirp,stack=lwip --name cap$$ -- sh -ec 'umctl net capture -c 6 default inside.pcapng & c=$!
	until [ -s inside.pcapng ] && [ -s outside.pcapng ]; do sleep 0.05; done
	ping -q -n -c 6 -i 0.2 10.0.2.2 >ping; wait $c; until [ -e captured ]; do sleep 0.05; done' &
view=$!
until_true 20 umctl -n cap$$ net ls
umctl -n cap$$ net capture -c 6 default outside.pcapng || fail "the capture from outside"
touch captured
wait $view || fail "the capture from inside"
is "a capture" "$(grep -aco eth0 inside.pcapng) $(grep -aco '!"#\$%' inside.pcapng outside.pcapng | sed 's/[1-9][0-9]*$/some/' | xargs)" \
	"1 inside.pcapng:some outside.pcapng:some"

# one that is added to a view of another stack: its sockets are where virtual files are
for net in "" "--net none"; do
	# shellcheck disable=SC2086
	gives "added to a view with '$net'" 0 um $net -- sh -ec '
		umctl net add home slirp,stack=lwip; umctl net use home -- curl -sS -m 20 "http://10.0.2.2:$1/file"
		umctl net use home -- "$PYTHON" "$2/tests/lib/sockets.py" >added
		umctl net use home -- "$PYTHON" -c "
import fcntl, os, socket
s = socket.create_server((\"10.0.2.15\", 80))
s = [s, s.dup(), socket.socket(fileno=fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 3))]
c = socket.create_connection((\"10.0.2.15\", 80))
s += [c, s[2].accept()[0]]
print(len({x.fileno() for x in s}), min(x.fileno() for x in s) > 511)
os.close(0)
print(socket.create_server((\"10.0.2.15\", 81)).fileno())
a = socket.socket(socket.AF_UNIX)
name = \"\\0a%d\" % os.getpid()
a.bind(name)
print(a.getsockname() == name.encode())"
		umctl net rm home' sh "$port" "$TOP"
	is "added to a view with '$net'" "$OUT" "hello
5 True
0
True"
	diff kernel added || fail "sockets of a stack that is added differ from the kernel's"
done

# where namespaces are refused it is chosen without being asked for, and says so
if unshare -Ur true 2>/dev/null; then
	gives "no namespaces" 0 unshare -Ur sh -ec '
		echo 0 >/proc/sys/user/max_user_namespaces
		umview --net none -- "$PYTHON" -c "import socket; print(socket.create_server((\"127.0.0.1\", 80)).getsockname())"'
	has "no namespaces" "$OUT" "user namespaces are refused here"
	has "no namespaces" "$OUT" "('127.0.0.1', 80)"
	gives "no namespaces, the kernel's stack" 125 unshare -Ur sh -ec '
		echo 0 >/proc/sys/user/max_user_namespaces; umview --net none,stack=kernel -- true'
fi
# what a router says of a packet, and what an echo has
if command -v vde_switch >/dev/null && [ -z "${UMVIEW_SANITIZER:-}" ] && unshare -Urn true 2>/dev/null; then
	vde_switch -s "$HERE/switch" -d -p "$HERE/switch.pid" >/dev/null 2>&1 </dev/null
	until_true 20 test -e switch/ctl
	until_true 20 test -s switch.pid
	um --net "vde=$HERE/switch,ip=10.8.0.1/24" -- sh -c '
		echo 1 >/proc/sys/net/ipv4/ip_forward; touch router; until [ -e asked ]; do sleep 0.05; done' &
	first=$!
	until_true 20 test -e router
	gives "no way from there" 0 um --net "vde=$HERE/switch,ip=10.8.0.2/24,gw=10.8.0.1,stack=lwip" -- sh -c '
		ping -n -c 1 -W 10 10.77.0.1; ip neigh show 2>&1'
	has "no way from there" "$OUT" "From 10.8.0.1 icmp_seq=1 Destination Net Unreachable"
	is "the router's address" "$(sed -n '/^10.8/,$s/lladdr .*/lladdr/p; /Deficit/p' <<<"$OUT")" "10.8.0.1 dev eth0 lladdr"
	touch asked
	wait $first || fail "the router ended badly"
	kill "$(cat switch.pid)"
fi
gives "an echo" 0 um --net none,stack=lwip -- sh -c "ping -n -c 1 -W 10 127.0.0.1; ping -n -c 1 -W 10 ::1"
is "an echo" "$(grep -o 'ttl=[0-9]*' <<<"$OUT")" "ttl=64
ttl=64"

# what may not be split is told by the call and by the queue of errors (IP_MTU_DISCOVER, IP_RECVERR)
for stack in lwip $(unshare -Urn echo kernel 2>/dev/null); do
	gives "too long for the wire, $stack" 0 um --net "pair=w$stack$$,ip=10.9.0.1/24,mtu=1400,stack=$stack" -- "$PYTHON" -c '
import errno, socket, struct
with socket.socket(type=socket.SOCK_DGRAM) as s:
    s.connect(("10.9.0.2", 9))
    for option, value in (11, 1), (10, 2):
        s.setsockopt(socket.IPPROTO_IP, option, value)
    print(s.sendto(b"x" * 1372, ("10.9.0.2", 9)))
    try:
        print(s.sendto(b"x" * 1373, ("10.9.0.2", 9)))
    except OSError as e:
        print(errno.errorcode[e.errno])
    data, control, flags, name = s.recvmsg(99, 500, 0x2000)
    print(data, hex(flags), name, struct.unpack("=IBBBBII", control[0][2][:16]))'
	is "too long for the wire, $stack" "$OUT" "1372
EMSGSIZE
b'' 0x2000 ('10.9.0.2', 9) (90, 1, 0, 0, 0, 1400, 0)"
done

gives "two stacks" 125 um --net none,stack=lwip --net slirp,stack=kernel -- true
has "two stacks" "$OUT" "one stack"

# the stack is killed: nothing hangs
gives "the stack is killed" 0 um --net "pair=k$$,stack=lwip" -- sh -c '
	exec "$PYTHON" -c "
import errno, os, socket
s = socket.create_server((\"127.0.0.1\", 0))
a = socket.create_connection(s.getsockname())
b = s.accept()[0]
os.system(\"pkill -9 -f ^umview-lwip.*pair=k$0,; while pgrep -f ^umview-lwip.*pair=k$0,; do sleep 0.01; done >/dev/null\")
for fn in (lambda: a.recv(9)), s.accept, (lambda: socket.socket().connect((\"127.0.0.1\", 7))):
    try:
        fn()
        print(\"?\")
    except OSError as e:
        print(errno.errorcode[e.errno])
"' $$
is "the stack is killed" "$OUT" "ECONNRESET
ENETDOWN
ENETDOWN"
kill "$server"
trap - EXIT
nothing_left
