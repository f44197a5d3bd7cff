# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2016
# Real servers and clients in views that have a network: a function a matter. A test sets STACK, whose TCP/IP it is
# (kernel, lwip), and LINK, what is between the views: pair, vde, or slirp, where the servers are processes of the host.
. "$TOP/tests/e2e/lib.sh"
if [ "$STACK" = kernel ]; then
	unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"
else
	built umview-lwip || skip "built without liblwip"
fi
need ssh sshd
case $LINK in
pair) WIRE=pair=n$$ ;;
vde)
	need vde_switch
	vde_switch -s "$HERE/switch" -d -p "$HERE/switch.pid" >/dev/null 2>&1 </dev/null
	WIRE=vde=$HERE/switch
	;;
slirp) WIRE=slirp ;;
esac
ssh-keygen -q -t ed25519 -N '' -f key
printf '%s\n' "HostKey $HERE/key" "AuthorizedKeysFile $HERE/key.pub" "StrictModes no" "UsePAM no" "PidFile none" \
	"Subsystem sftp internal-sftp" >sshd.conf
printf '%s\n' "IdentityFile $HERE/key" "StrictHostKeyChecking no" "UserKnownHostsFile /dev/null" "LogLevel ERROR" \
	"ConnectTimeout 20" >ssh.conf
SSH="ssh -F $HERE/ssh.conf"
ME=$(id -un)
mkdir -p www/small
echo "a page" | tee www/page >www/small/page
head -c 5000000 /dev/urandom >www/big
declare -A PORT
SERVERS=()
trap 'touch over; [ "$LINK" != vde ] || kill "$(cat switch.pid)"' EXIT

# address N: where clients find the server N
address() {
	[ "$LINK" = slirp ] && echo 10.0.2.2 || echo "10.7.0.$1"
}

# listens N: the address that the server N listens at
listens() {
	[ "$LINK" = slirp ] && echo 127.0.0.1 || echo "10.7.0.$1"
}

# port NAME USUAL: chooses ${PORT[NAME]}, the usual one where the server has a network of its own
port() {
	PORT[$1]=$2
	[ "$LINK" != slirp ] || PORT[$1]=$(free_port)
}

# at N COMMAND...: in a view of its own on the wire, with the options in OPTIONS besides
OPTIONS=()
at() {
	local n=$1 net=$WIRE,stack=$STACK
	shift
	[ "$LINK" = slirp ] || net=$net,ip=10.7.0.$n/24,dns=10.7.0.1
	um "${OPTIONS[@]}" --net "$net" -- "$@"
}

# serve NAME N COMMAND...: a server in the background, until end_servers; it listens when this returns. (One that SIGTERM does
# not end is killed.)
serve() {
	local name=$1 where=(at "$2")
	shift 2
	[ "$LINK" != slirp ] || where=(env)
	"${where[@]}" sh -c 'name=$1 port=$2; shift 2; timeout -k 10 280 "$@" & until ss -Htuln "sport = :$port" | grep -q .; do sleep 0.05; done
		touch "up-$name"; until [ -e over ]; do sleep 0.1; done; kill $! 2>/dev/null; wait' \
		sh "$name" "${PORT[$name]}" "$@" >"$name.log" 2>&1 &
	SERVERS+=($!)
	until_true 40 test -e "up-$name"
}

end_servers() {
	touch over
	wait "${SERVERS[@]}" || :
	[ "$LINK" != vde ] || kill "$(cat switch.pid)"
	trap - EXIT
	nothing_left
}

# DHCP and DNS: by slirp's own servers, else by dnsmasq(8)
try_names() {
	need busybox dig
	cat >script <<-'S'
		#!/bin/sh
		[ "$1" = bound ] && ip addr add "$ip/$mask" dev "$interface" && ip route add default via "$router"
		S
	chmod +x script
	local udhcpc='ip addr flush dev eth0; ip route del default 2>/dev/null
		busybox udhcpc -i eth0 -q -n -f -t 10 -T 1 -s "$PWD/script" 2>/dev/null; ip -br -4 addr show eth0 | tr -s " " | cut -d" " -f3
		ip route show default | cut -d" " -f1-3'
	local OPTIONS=(--root)
	if [ "$LINK" = slirp ]; then
		gives "an address by slirp's DHCP" 0 at 2 sh -c "$udhcpc"
		is "an address by slirp's DHCP" "$OUT" "10.0.2.15/24
default via 10.0.2.2"
		return
	fi
	need dnsmasq
	port dns 53
	local dhcp=(--dhcp-range=10.7.0.50,10.7.0.60,60 --dhcp-leasefile="$HERE/leases" -i eth0)
	serve dns 1 dnsmasq -k -u root --no-resolv --no-hosts --address=/x.test/10.7.0.99 --pid-file="$HERE/dns.pid" "${dhcp[@]}"
	gives "an address by DHCP" 0 at 2 sh -c "$udhcpc"
	[[ "$OUT" == "10.7.0."[56]?"/24
default via 10.7.0.1" ]] || fail "an address by DHCP: $OUT"
	gives "names" 0 at 2 sh -ec 'getent hosts x.test | tr -s " "; dig +short x.test; dig +short +tcp x.test'
	is "names" "$OUT" "10.7.0.99 x.test
10.7.0.99
10.7.0.99"
}

serve_nginx() {
	mkdir -p ng
	port web 80
	cat >nginx.conf <<-S
		daemon off; error_log $HERE/ng/error; pid $HERE/ng/pid; worker_processes 2; events { worker_connections 2048; }
		http { access_log off; client_body_temp_path ng/a; proxy_temp_path ng/b; fastcgi_temp_path ng/c;
		uwsgi_temp_path ng/d; scgi_temp_path ng/e; server { listen $(listens 3):${PORT[web]} backlog=1024; root $HERE/www;
		autoindex on; sendfile on; } }
		S
	serve web 3 nginx -c "$HERE/nginx.conf" -p "$HERE/"
}

# nginx, and what asks it
try_web() {
	need nginx curl wget
	serve_nginx
	local url
	url=http://$(address 3):${PORT[web]}
	gives "a page" 0 at 4 curl -sS -m 40 "$url/page"
	is "a page" "$OUT" "a page"
	gives "a large page" 0 at 4 sh -ec 'wget -q -O got "$1/big"; cmp got www/big' sh "$url"
	# (each hundredth asks at once, and is answered when those before it were taken: a queue may be shorter)
	gives "a thousand connections at once" 0 at 4 "$PYTHON" -c '
import http.client, sys
all = []
for i in range(1000):
    c = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=60)
    c.connect()
    all.append(c)
    if i % 100 == 99:
        c.request("GET", "/page")
        c.getresponse().read()
for c in all:
    c.request("GET", "/page")
print(sum(c.getresponse().read() == b"a page\n" for c in all))' "$(address 3)" "${PORT[web]}"
	is "a thousand connections at once" "$OUT" 1000
}

# one sshd: a command, rsync, git
try_ssh() {
	need rsync git
	port ssh 22
	serve ssh 5 "$(command -v sshd)" -D -e -f "$HERE/sshd.conf" -o "ListenAddress $(listens 5):${PORT[ssh]}"
	local to
	to=$ME@$(address 5)
	gives "ssh" 0 at 6 sh -c '$0 "echo \$SSH_CONNECTION" 2>/dev/null | cut -d" " -f4' "$SSH -p ${PORT[ssh]} $to"
	is "ssh" "$OUT" "${PORT[ssh]}"
	gives "rsync over ssh" 0 at 6 rsync -q -e "$SSH -p ${PORT[ssh]}" www/big "$to:$HERE/copied"
	cmp www/big copied || fail "what rsync brought differs"
	git init -q --bare -b main repo.git
	git init -q -b main work
	git -C work -c user.name=u -c user.email=u@v commit -q --allow-empty -m "a first commit"
	gives "git push over ssh" 0 at 6 env GIT_SSH_COMMAND="$SSH" git -C work push -q "ssh://$to:${PORT[ssh]}$HERE/repo.git" main
	gives "git clone over ssh" 0 at 6 env GIT_SSH_COMMAND="$SSH" git clone -q "ssh://$to:${PORT[ssh]}$HERE/repo.git" cloned
	is "what was cloned" "$(git -C cloned log --format=%s)" "a first commit"
	git -C repo.git update-server-info
	port http 80
	serve http 8 "$PYTHON" -m http.server -b "$(listens 8)" "${PORT[http]}"
	gives "git clone over http" 0 at 6 git clone -q "http://$(address 8):${PORT[http]}/repo.git" by-http
	is "what was cloned" "$(git -C by-http log --format=%s)" "a first commit"
}

try_iperf3() {
	need iperf3
	port iperf 5201
	serve iperf 7 iperf3 -s -B "$(listens 7)" -p "${PORT[iperf]}"
	local way
	for way in "" -R "-u -b 50M"; do
		# (a server that has just served, or whose client has ended early, refuses the next one for a while)
		gives "iperf3 $way" 0 at 8 sh -c 'until timeout 30 iperf3 $1 -c "$2" -p "$3" -n 4M >iperf.out 2>&1; do
			grep -q "is busy\|refused" iperf.out || { cat iperf.out; exit 1; }; sleep 0.1; done' \
			sh "$way" "$(address 7)" "${PORT[iperf]}"
	done
}

# what sends and asks by hand
try_tools() {
	need socat busybox nc ping rsync
	port echo 77
	serve echo 9 socat "TCP-LISTEN:${PORT[echo]},bind=$(listens 9),fork,reuseaddr" EXEC:'tr a-z A-Z'
	local where
	where="$(address 9) ${PORT[echo]}"
	gives "socat" 0 at 10 sh -c 'echo hello | socat -t 20 - "TCP:$0"' "${where/ /:}"
	is "socat" "$OUT" HELLO
	gives "nc" 0 at 10 sh -c 'echo hello | nc -N -w 20 $0; echo hello | busybox nc -w 20 $0' "$where"
	is "nc" "$OUT" "HELLO
HELLO"
	gives "ping" 0 at 10 ping -q -c 2 -i 0.2 -W 20 "$(address 9)"
	has "ping" "$OUT" "2 received, 0% packet loss"
	mkdir tree
	ln -s data tree/link
	head -c 300000 /dev/urandom >tree/data
	printf '[tree]\npath = %s/tree\nuse chroot = no\n' "$HERE" >rsyncd.conf
	port rsync 873
	serve rsync 4 rsync --daemon --no-detach --config="$HERE/rsyncd.conf" --address="$(listens 4)" --port="${PORT[rsync]}"
	gives "rsync" 0 at 10 rsync -a "rsync://$(address 4):${PORT[rsync]}/tree/" brought/
	diff -r --no-dereference tree brought || fail "what rsync brought differs"
}

try_databases() {
	need redis-server redis-cli
	port redis 6379
	serve redis 11 redis-server --port "${PORT[redis]}" --bind "$(listens 11)" --protected-mode no --save '' --dir "$HERE"
	gives "redis" 0 at 12 sh -c 'redis-cli -h $0 -p $1 set key value; redis-cli -h $0 -p $1 get key' "$(address 11)" "${PORT[redis]}"
	is "redis" "$OUT" "OK
value"
	local bin
	bin=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | head -1)
	[ -n "$bin" ] || skip "no PostgreSQL here"
	"$bin" -D pg -U me -A trust >/dev/null
	echo "host all all 10.7.0.0/24 trust" >>pg/pg_hba.conf
	port pg 5432
	serve pg 13 "${bin%/initdb}/postgres" -D "$HERE/pg" -h "$(listens 13)" -p "${PORT[pg]}" -k "$HERE"
	gives "PostgreSQL" 0 at 12 psql -h "$(address 13)" -p "${PORT[pg]}" -U me -d postgres -v ON_ERROR_STOP=1 -Atc \
		'create table t (n int); insert into t select generate_series(1, 100000); select count(*), sum(n) from t'
	has "PostgreSQL" "$OUT" "100000|5000050000"
}

# A file server that is started in a view, or for it by -m, uses its network with nothing said.
try_file_servers() {
	need nginx sshfs rclone nbdkit nbdfuse
	port ssh 22
	serve ssh 5 "$(command -v sshd)" -D -e -f "$HERE/sshd.conf" -o "ListenAddress $(listens 5):${PORT[ssh]}"
	serve_nginx
	ext4_image disk 8M -d www/small
	port nbd 10809
	serve nbd 9 nbdkit -f -i "$(listens 9)" -p "${PORT[nbd]}" file disk
	local sshfs http disk opts
	sshfs=$ME@$(address 5):$HERE/www
	opts="ssh_command=$SSH -p ${PORT[ssh]}"
	http=http://$(address 3):${PORT[web]}/
	disk=nbd://$(address 9):${PORT[nbd]}/
	mkdir mnt
	gives "sshfs in a view" 0 at 2 sh -ec 'sshfs -o "$1" "$2" mnt; cmp mnt/big www/big; fusermount -u mnt' sh "$opts" "$sshfs"
	OPTIONS=(-m "sshfs#${sshfs/:/\\:}:$HERE/mnt,$opts")
	gives "sshfs by -m" 0 at 2 cmp mnt/big www/big
	OPTIONS=()
	gives "rclone in a view" 0 at 2 sh -ec 'rclone mount --config= :http: mnt --http-url "$1" --daemon 2>/dev/null
		cmp mnt/big www/big; fusermount -u mnt' sh "$http"
	OPTIONS=(-m "$disk:$HERE/mnt")
	gives "a disk of NBD" 0 at 2 sh -c 'cat mnt/page; echo more >mnt/more'
	is "a disk of NBD" "$OUT" "a page"
	is "what was written to it" "$(debugfs -R 'cat more' disk 2>/dev/null)" more
	gives "no sshfs without the network" 125 um --net none,stack=$STACK -m "sshfs#${sshfs/:/\\:}:$HERE/mnt,$opts" -- true
	gives "no NBD without the network" 125 um --net none,stack=$STACK -m "$disk:$HERE/mnt" -- true
}
