# SPDX-License-Identifier: GPL-2.0-or-later
# umctl net: networks are added to a view, looked at, used by a command and what that starts, captured, removed.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"
. "$TOP/tests/e2e/lib-net.sh"
unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"
need curl

mkdir www
echo "a page" >www/page
host_server

# in a view of the host's network: one command alone is behind slirp, others are not
gives "add, use, rm" 0 um -- sh -ec '
	umctl net add home slirp; umctl net ls --json >ls; umctl net use home -- curl -sS -m 20 "http://10.0.2.2:$1/page"
	curl -sS -m 20 "http://127.0.0.1:$1/page"; umctl net use home curl -sS -m 5 "http://127.0.0.1:$1/page" 2>/dev/null || echo not so
	umctl net use home sh -c "ip -br -4 addr show eth0 | tr -s \" \"; cat /etc/resolv.conf; unshare -n ip -br link show eth0 2>/dev/null || echo none
		umctl net use default -- curl -sS -m 20 http://127.0.0.1:$1/page"
	umctl net rm home; umctl net ls' sh "$port"
is "add, use, rm" "$(printf '%s' "$OUT" | sed 's/@[^ ]*//; s/ $//' | grep -v ^NETWORK)" "a page
a page
not so
eth0 UP 10.0.2.15/24
nameserver 10.0.2.3
none
a page"
is "ls --json" "$("$PYTHON" -c '
import json
n = json.load(open("ls"))["networks"][0]
print(n["name"], n["links"], n["processes"], sorted(i["name"] for i in n["interfaces"]))')" "home slirp 0 ['eth0', 'lo']"

# what is running stays where it was; what is started in a network stays there, and keeps it
um --net none --name ctl$$ -- sh -ec '
	python3 -c "
import os, socket, time
a = socket.socket()
open(\"before\", \"w\").close()
while not os.path.exists(\"go\"):
    time.sleep(0.02)
b = socket.socket()
print([n for _, n in socket.if_nameindex()], file=open(\"stays\", \"w\"))" &
	until [ -e before ]; do sleep 0.02; done
	umctl net add lab none; umctl net use lab sh -c "ip link add v0 type veth peer name v1; sleep 60 & echo \$! >inside; touch go"; wait $!
	touch ready; until [ -e done ]; do sleep 0.05; done' &
view=$!
until_true 30 test -e ready
is "what runs stays in its network" "$(cat stays)" "['lo']"
gives "in use" 1 umctl -n ctl$$ net rm lab
has "in use" "$OUT" "is in use, by process $(cat inside)"
gives "use is for the view" 125 umctl -n ctl$$ net use lab true
has "use is for the view" "$OUT" "run it there"
gives "default and lab" 0 umctl -n ctl$$ net ls
has "default and lab" "$OUT" "default"
has "default and lab" "$OUT" "v0"
# (the shell, and the sleep(1) that it may wait for)
grep -q '^default  *[12] lo' <<<"$OUT" || fail "who is in the view's own: $OUT"
gives "stat" 0 umctl -n ctl$$ stat
has "stat" "$OUT" "RECEIVED"
kill "$(cat inside)"
gone() {
	! kill -0 "$(cat inside)" 2>/dev/null && umctl -n ctl$$ net rm lab
}
until_true 20 gone

# what another view calls by the same number is not its
um --name other$$ -- sh -c 'umctl net add theirs none; umctl net use theirs sh -c "touch others; until [ -e ours ]; do sleep 0.05; done"' &
other=$!
until_true 20 test -e others
gives "beside another view's network" 0 um -- sh -ec 'umctl net add mine none; umctl net ls --json >mine; umctl net rm mine'
is "beside another view's network" "$("$PYTHON" -c 'import json; print([n["processes"] for n in json.load(open("mine"))["networks"]])')" "[0]"
touch ours
wait $other || fail "the other view ended badly"

# by protocol family
families="$PYTHON -c '
import errno, socket
for name, family, kind in (\"inet\", 2, 1), (\"inet6\", 10, 1), (\"netlink\", 16, 3), (\"vsock\", 40, 1), (\"unix\", 1, 1), (\"no\", 250, 1):
    try:
        with socket.socket(family, kind) as s:
            here = \"\"
            if family in (2, 10):
                here = \"reached\" if s.connect_ex((\"127.0.0.1\" if family == 2 else \"::1\", $port)) == 0 else \"\"
            print(name, \"made\", here)
    except OSError as e:
        print(name, errno.errorcode[e.errno])'"
gives "inet6=none" 0 um --net-family inet6=none -- sh -c "$families"
has "inet6=none" "$OUT" "inet made reached
inet6 EAFNOSUPPORT
netlink made"
gives "inet=host beside none" 0 um --net none --net-family inet=host,netlink=none -- sh -c "$families; exec unshare -n $families"
has "inet=host beside none" "$OUT" "inet made reached
inet6 made 
netlink EAFNOSUPPORT
vsock EAFNOSUPPORT"
has "inet=host, not in a network of one's own" "$OUT" "no EAFNOSUPPORT
inet made 
inet6 made 
netlink EAFNOSUPPORT"
gives "other=host" 0 um --net none --net-family other=host,unix=none -- sh -c "$families"
has "other=host" "$OUT" "unix EAFNOSUPPORT"
is "other=host: vsock is the kernel's" "$(grep vsock <<<"$OUT")" "$(sh -c "$families" | grep vsock)"
gives "inet by name" 0 um --net none --net-family inet=home -- sh -ec 'umctl net add home slirp
	curl -sS -m 20 "http://10.0.2.2:$1/page"' sh "$port"
is "inet by name" "$OUT" "a page"
for bad in "" inet inet= nosuch=none 0=none 256=none; do
	gives "--net-family '$bad'" 125 um --net-family "$bad" -- true
	has "--net-family '$bad'" "$OUT" "umview: --net-family"
done

# what is wrong is said, as text and as JSON
gives "no such network" 1 umctl -n ctl$$ net rm nosuch
has "no such network" "$OUT" "there is no network nosuch in this view (umctl net ls lists them)"
gives "no such network, JSON" 1 umctl --json -n ctl$$ net rm nosuch
has "no such network, JSON" "$OUT" '"errno":"ENOENT"'
gives "the view's own" 1 umctl -n ctl$$ net rm default
umctl -n ctl$$ net add two none
gives "twice" 1 umctl -n ctl$$ net add two none
has "twice" "$OUT" "a network two already"
gives "a bad link" 1 umctl -n ctl$$ net add three slirp=7
has "a bad link" "$OUT" "it is slirp alone"
gives "a bad name" 1 umctl -n ctl$$ net add a/b none
for bad in "" bad "add x" "use" "use x" rm "rm a b" "capture x" "capture -c 0 two f" "capture -c x two f"; do
	# shellcheck disable=SC2086
	gives "umctl net $bad" 125 umctl -n ctl$$ net $bad
done
gives "a file that cannot be" 125 umctl -n ctl$$ net capture two nosuch/file
has "a file that cannot be" "$OUT" "nosuch/file: No such file"

# a capture: each frame once, with its interface, as pcapng
umctl -n ctl$$ net capture -c 8 default frames.pcapng &
capture=$!
until_true 10 test -s frames.pcapng
touch done
wait $view || fail "the view ended badly"
kill $capture
wait $capture || fail "a capture that is ended is no failure"
um --net "pair=c$$,ip=10.3.0.1/24" --name cap$$ -- sh -ec 'touch up; until [ -e captured ]; do sleep 0.05; done' &
view=$!
until_true 20 test -e up
umctl -n cap$$ net capture default two.pcapng &
capture=$!
until_true 10 test -s two.pcapng
gives "ping over the wire" 0 um --net "pair=c$$,ip=10.3.0.2/24" -- "$PYTHON" -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)
s.settimeout(10)
for i in range(4):
    s.sendto(b"\x08\x00\x00\x00\x00\x00\x00" + bytes([i]) + b"x" * 48, ("10.3.0.1", 0))
    s.recv(99)'
all_there() {
	"$PYTHON" "$TOP/tests/lib/pcapng.py" two.pcapng >frames && [ "$(grep -c "icmp reply" frames)" = 4 ]
}
until_true 10 all_there
gives "so many frames" 0 um --net "pair=c$$,ip=10.3.0.3/24" -- sh -c 'umctl net capture -c 3 default - >three &
	until [ -s three ]; do sleep 0.05; done
	until ! kill -0 $! 2>/dev/null; do python3 -c "import socket; socket.create_connection((\"10.3.0.1\", 9))" 2>/dev/null; done; wait $!'
is "so many frames" "$("$PYTHON" "$TOP/tests/lib/pcapng.py" three | wc -l)" 3
kill $capture
wait $capture || fail "the capture ended badly"
touch captured
wait $view || fail "the view on the wire ended badly"
has "the capture" "$(cat frames)" "eth0 in 90 icmp request"
has "the capture" "$(cat frames)" "eth0 out 90 icmp reply"

# a signal ends it where more frames come than can be written
mkfifo slow
um --net none --name flood$$ -- sh -ec 'ip link set lo up; touch flood; exec "$1" -c "
import os, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((\"127.0.0.1\", 9))
while not os.path.exists(\"captured2\"):
    try: s.send(bytes(64))
    except OSError: pass
"' sh "$PYTHON" &
view=$!
until_true 20 test -e flood
"$PYTHON" -c 'import os, time
while os.read(0, 65536): time.sleep(0.02)' <slow &
umctl -n flood$$ net capture default slow &
capture=$!
sleep 0.7
kill $capture
ended() {
	! kill -0 $capture 2>/dev/null
}
until_true 20 ended || fail "a capture under traffic does not end"
wait $capture || fail "a capture under traffic ended badly"
touch captured2
wait $view || fail "the view with the traffic ended badly"
if command -v capinfos >/dev/null; then
	gives "capinfos reads it" 0 capinfos two.pcapng
fi
kill "$server"
trap - EXIT
nothing_left
