# SPDX-License-Identifier: GPL-2.0-or-later
# Real servers and clients on a wire between views: DHCP and DNS, a web server with a thousand connections at
# once, ssh, iperf3.
. "$TOP/tests/e2e/lib.sh"
unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"
need dnsmasq busybox nginx sshd iperf3 curl dig
W=p$$
mkdir -p www ng
echo "a page" >www/page

# listens PORT: does the view's server listen? Asked in the view itself, by a line that its shell writes.
serve() { # serve NAME ADDRESS PORT COMMAND...
	local name=$1 address=$2 port=$3
	shift 3
	um ${ROOT:+--root} --net "pair=$W,ip=$address/24" -- sh -c '
		"$@" & until ss -Htuln "sport = :$0" | grep -q .; do sleep 0.05; done; touch "up-$NAME"; wait' "$port" "$@" \
		>"$name.log" 2>&1 &
	until_true 20 test -e "up-$name"
}
stop() {
	pkill -u "$(id -u)" -f "$1" || :
}
export NAME
trap 'stop "$HERE"' EXIT

ROOT=1 NAME=dns serve dns 10.7.0.1 53 dnsmasq -k -u root --no-resolv --no-hosts --address=/x.test/10.7.0.99 \
	--dhcp-range=10.7.0.50,10.7.0.60,60 --dhcp-leasefile="$HERE/leases" --pid-file="$HERE/dns.pid" -i eth0
cat >script <<-'S'
	#!/bin/sh
	[ "$1" = bound ] && ip addr add "$ip/$mask" dev "$interface" && ip route add default via "$router"
	S
chmod +x script
gives "an address by DHCP, a name by DNS" 0 um --root --net "pair=$W,dns=10.7.0.1" -- sh -ec '
	busybox udhcpc -i eth0 -q -n -f -t 10 -T 1 -s "$PWD/script" 2>/dev/null
	ip -br -4 addr show eth0 | grep -q "10.7.0.[56]"; ip route show default | cut -d" " -f1-3
	getent hosts x.test | tr -s " "; dig +short x.test'
is "an address by DHCP, a name by DNS" "$OUT" "default via 10.7.0.1
10.7.0.99 x.test
10.7.0.99"

cat >nginx.conf <<-S
	daemon off; error_log $HERE/ng/error; pid $HERE/ng/pid; events { worker_connections 2048; }
	http { access_log off; client_body_temp_path ng/a; proxy_temp_path ng/b; fastcgi_temp_path ng/c;
	uwsgi_temp_path ng/d; scgi_temp_path ng/e; server { listen 80 reuseport; root $HERE/www; } }
	S
NAME=web serve web 10.7.0.3 80 nginx -c "$HERE/nginx.conf" -p "$HERE/"
gives "a page" 0 um --net "pair=$W,ip=10.7.0.4/24" -- curl -sS -m 20 http://10.7.0.3/page
is "a page" "$OUT" "a page"
gives "a thousand connections at once" 0 um --net "pair=$W,ip=10.7.0.4/24" -- "$PYTHON" -c '
import socket
all = [socket.create_connection(("10.7.0.3", 80), 30) for i in range(1000)]
for s in all:
    s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
print(sum(b"a page" in s.makefile("rb").read() for s in all))'
is "a thousand connections at once" "$OUT" 1000

ssh-keygen -q -t ed25519 -N '' -f key
printf '%s\n' "HostKey $HERE/key" "AuthorizedKeysFile $HERE/key.pub" "StrictModes no" "UsePAM no" "PidFile none" >sshd.conf
um --net "pair=$W,ip=10.7.0.5/24" -- "$(command -v sshd)" -D -e -f "$HERE/sshd.conf" >sshd.log 2>&1 &
over_ssh() {
	um --net "pair=$W,ip=10.7.0.6/24" -- ssh -F /dev/null -i key -o StrictHostKeyChecking=no -o LogLevel=ERROR \
		-o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 "$(id -un)@10.7.0.5" "$@" 2>/dev/null
}
until_true 30 over_ssh true
gives "ssh" 0 over_ssh 'echo "$SSH_CONNECTION" | cut -d" " -f1,3,4'
is "ssh" "$OUT" "10.7.0.6 10.7.0.5 22"

NAME=iperf serve iperf 10.7.0.7 5201 iperf3 -s
gives "iperf3, both ways" 0 um --net "pair=$W,ip=10.7.0.8/24" -- sh -ec '
	# (its server refuses the next one for a moment)
	for way in "" -R "-u -b 20M"; do until iperf3 $way -c 10.7.0.7 -n 10M >iperf.out 2>&1; do sleep 0.2; done; done'
is "iperf3, both ways" "$OUT" ""
stop "$HERE"
stop "iperf3 -s"
trap - EXIT
wait || :
nothing_left
