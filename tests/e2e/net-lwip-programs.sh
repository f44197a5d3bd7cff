# SPDX-License-Identifier: GPL-2.0-or-later
# Real servers and clients on a wire between views whose stack is a process: a name server, a web server with a thousand
# connections at once, ssh, iperf3, rsync, socat.
. "$TOP/tests/e2e/lib.sh"
[ -x "$(dirname "$(command -v umview)")/umview-lwip" ] || skip "built without liblwip"
need dnsmasq nginx sshd iperf3 curl dig rsync socat wget
W=p$$
mkdir -p www ng
echo "a page" >www/page
head -c 20000000 /dev/urandom >www/big

serve() { # serve NAME ADDRESS PORT COMMAND...: until it listens, as a line of its view's ss(8) tells
	local name=$1 address=$2 port=$3
	shift 3
	um ${ROOT:+--root} --net "pair=$W,ip=$address/24,stack=lwip" -- sh -c '
		"$@" & until ss -Htuln "sport = :$0" | grep -q .; do sleep 0.05; done; touch "up-$NAME"; wait' "$port" "$@" \
		>"$name.log" 2>&1 &
	until_true 20 test -e "up-$name"
}
client() { # client ADDRESS COMMAND...
	local address=$1
	shift
	um --net "pair=$W,ip=$address/24,dns=10.7.0.1,stack=lwip" -- "$@"
}
stop() {
	pkill -u "$(id -u)" -f "$1" || :
}
export NAME
trap 'stop "$HERE"' EXIT

ROOT=1 NAME=dns serve dns 10.7.0.1 53 dnsmasq -k -u root --no-resolv --no-hosts --address=/x.test/10.7.0.99 \
	--pid-file="$HERE/dns.pid" --bind-interfaces --listen-address=10.7.0.1
gives "names" 0 client 10.7.0.2 sh -ec 'getent hosts x.test | tr -s " "; dig +short x.test; dig +short +tcp x.test'
is "names" "$OUT" "10.7.0.99 x.test
10.7.0.99
10.7.0.99"

cat >nginx.conf <<-S
	daemon off; error_log $HERE/ng/error; pid $HERE/ng/pid; events { worker_connections 2048; }
	worker_processes 2;
	http { access_log off; client_body_temp_path ng/a; proxy_temp_path ng/b; fastcgi_temp_path ng/c;
	uwsgi_temp_path ng/d; scgi_temp_path ng/e; server { listen 80 backlog=1024; root $HERE/www; sendfile on; } }
	S
NAME=web serve web 10.7.0.3 80 nginx -c "$HERE/nginx.conf" -p "$HERE/"
gives "a page" 0 client 10.7.0.4 curl -sS -m 20 http://10.7.0.3/page
is "a page" "$OUT" "a page"
gives "a large page" 0 client 10.7.0.4 sh -ec 'wget -q -O got http://10.7.0.3/big; cmp got www/big'
gives "a thousand connections at once" 0 client 10.7.0.4 "$PYTHON" -c '
import socket
all = [socket.create_connection(("10.7.0.3", 80), 30) for i in range(1000)]
for s in all:
    s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
print(sum(b"a page" in s.makefile("rb").read() for s in all))'
is "a thousand connections at once" "$OUT" 1000

ssh-keygen -q -t ed25519 -N '' -f key
printf '%s\n' "HostKey $HERE/key" "AuthorizedKeysFile $HERE/key.pub" "StrictModes no" "UsePAM no" "PidFile none" >sshd.conf
um --net "pair=$W,ip=10.7.0.5/24,stack=lwip" -- "$(command -v sshd)" -D -e -f "$HERE/sshd.conf" >sshd.log 2>&1 &
over_ssh() {
	client 10.7.0.6 ssh -F /dev/null -i key -o StrictHostKeyChecking=no -o LogLevel=ERROR \
		-o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 "$(id -un)@10.7.0.5" "$@" 2>/dev/null
}
until_true 30 over_ssh true
gives "ssh" 0 over_ssh 'echo "$SSH_CONNECTION" | cut -d" " -f1,3,4'
is "ssh" "$OUT" "10.7.0.6 10.7.0.5 22"
printf '%s\n' "IdentityFile $HERE/key" "StrictHostKeyChecking no" "LogLevel ERROR" "UserKnownHostsFile /dev/null" >ssh.conf
gives "rsync over ssh" 0 client 10.7.0.6 rsync -q -e "ssh -F ssh.conf" www/big "$(id -un)@10.7.0.5:$HERE/copied"
cmp www/big copied || fail "rsync"

NAME=iperf serve iperf 10.7.0.7 5201 iperf3 -s
gives "iperf3, both ways" 0 client 10.7.0.8 sh -ec '
	# (its server refuses the next one for a moment)
	for way in "" -R "-u -b 20M"; do until iperf3 $way -c 10.7.0.7 -n 10M >iperf.out 2>&1; do sleep 0.2; done; done'
NAME=echo serve echo 10.7.0.9 7 socat TCP-LISTEN:7,fork,reuseaddr EXEC:"tr a-z A-Z"
gives "socat" 0 client 10.7.0.10 sh -c 'echo hello | socat -t 10 - TCP:10.7.0.9:7'
is "socat" "$OUT" HELLO
stop "$HERE"
stop "iperf3 -s"
stop "socat TCP-LISTEN:7"
trap - EXIT
wait || :
nothing_left
