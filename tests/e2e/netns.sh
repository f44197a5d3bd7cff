# SPDX-License-Identifier: GPL-2.0-or-later
# Networks that guests make for themselves, as they would as root: unshare -n, ip netns, setns, interfaces moved from one
# to another; and the mount namespaces that ip netns exec asks for.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"
unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"
need ip nsenter

# A server on the host's loopback, which nobody in a network of his own reaches.
"$PYTHON" -u -c '
import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
while True:
    s.accept()[0].close()' >port &
server=$!
trap 'kill $server 2>/dev/null' EXIT
until_true 20 test -s port
reach="$PYTHON -c 'import socket, sys; socket.create_connection((\"127.0.0.1\", $(cat port)), 5)' 2>/dev/null"

gives "unshare -n, as an ordinary user" 0 um -- sh -ec '
	here=$(readlink /proc/self/ns/net); export here
	eval "$1" && echo reached
	unshare -n sh -ec '\''ip -br link | cut -d" " -f1; ls /sys/class/net; awk -F: "NR > 2 { print \$1 }" /proc/net/dev
		[ "$(readlink /proc/self/ns/net)" != "$here" ] && [ "$(readlink /proc/$PPID/ns/net)" = "$here" ]
		[ "net:[$(stat -Lc %i /proc/self/ns/net)]" = "$(readlink /proc/$$/ns/net)" ]
		eval "$1" || echo not reached
		python3 -c "import socket; socket.create_server((\"\", 80))" && echo port 80
		exec 7</proc/self/ns/net; exec unshare -n sh -c "ip link add v1 type veth peer name v2
			ip -br link | wc -l; nsenter --net=/proc/self/fd/7 ip -br link | wc -l"'\'' sh "$1"
	[ "$(readlink /proc/self/ns/net)" = "$here" ] && eval "$1" && echo back' sh "$reach"
is "unshare -n, as an ordinary user" "$OUT" "reached
lo
lo
    lo
not reached
port 80
3
1
back"

# a process of one, entered by its number; nothing of it in the processes beside it
gives "nsenter -t" 0 um -- sh -ec '
	unshare -n sh -c "readlink /proc/self/ns/net >it; exec sleep 60" & until [ -s it ]; do sleep 0.02; done
	[ "$(readlink /proc/$!/ns/net)" = "$(cat it)" ]; [ "$(nsenter -t $! -n readlink /proc/self/ns/net)" = "$(cat it)" ]
	[ "$(readlink /proc/self/ns/net)" != "$(cat it)" ]; kill $!'
gives "within --net" 0 um --net none,stack=kernel -- sh -ec '
	here=$(readlink /proc/self/ns/net); exec 7</proc/self/ns/net
	unshare -n sh -ec "[ \$(readlink /proc/self/ns/net) != $here ]; nsenter --net=/proc/self/fd/7 readlink /proc/self/ns/net"'
gives "the host's network is not entered from within --net" 1 um --net none -- nsenter --net="/proc/$$/ns/net" true
gives "abstract names are its own" 0 um -- "$PYTHON" -c '
import ctypes, os, socket
name = "\0umview-netns-%d" % os.getpid()
s = socket.socket(socket.AF_UNIX); s.bind(name); s.listen()
if os.fork() == 0:
    ctypes.CDLL(None).unshare(0x40000000)
    os._exit(socket.socket(socket.AF_UNIX).connect_ex(name) == 0)
print(os.waitstatus_to_exitcode(os.wait()[1]))'
is "abstract names are its own" "$OUT" 0

if um --net none,stack=lwip -- true 2>/dev/null; then
	gives "beside lwIP's stack" 0 um --net none,stack=lwip -- unshare -n sh -c 'ip -br link | cut -d" " -f1'
	is "beside lwIP's stack" "$OUT" lo
fi

if command -v bwrap >/dev/null && bwrap --dev-bind / / --unshare-user --disable-userns true 2>/dev/null; then
	confined() { timeout -k 10 100 bwrap --dev-bind / / --unshare-user --disable-userns umview --log "$LOG" "$@"; }
	gives "where the kernel has none for this user" 0 confined -- sh -ec '
		unshare -n sh -c "ip -br link | cut -d\" \" -f1; eval \"\$1\" || echo not reached
			python3 -c \"import socket; socket.create_server((\\\"\\\", 80))\" && echo port 80" sh "$1"
		eval "$1" && echo back' sh "$reach"
	is "where the kernel has none for this user" "$OUT" "lo
not reached
port 80
back"
	# names for them: what stands for a namespace is known again by its number, wherever it is opened
	cat >names <<-'EOF'
		here=$(readlink /proc/self/ns/net); exec 7</proc/self/ns/net
		[ "$(readlink /proc/self/fd/7)" = "$here" ]
		# (where the caller's network is the host's, that says that it knows no number of them)
		exec 8>&2 2>/dev/null; ip netns add x; ip netns add y; ip netns add x && echo twice
		ip netns list | sort; exec 2>&8
		x="net:[$(stat -c %i /run/netns/x)]"; [ "$x" != "$here" ]; [ "$x" != "net:[$(stat -c %i /run/netns/y)]" ]
		ip netns exec x sh -ec 'ip -br link | cut -d" " -f1; ip netns identify
			[ "$1" = "$(readlink /proc/self/ns/net)" ]; [ "$1" = "net:[$(stat -Lc %i /proc/$$/task/$$/ns/net)]" ]
			nsenter --net=/proc/self/fd/7 readlink /proc/self/ns/net | grep -cxF "$2"' sh "$x" "$here"
		ip netns exec x "$PYTHON" -c 'import os, socket
		s = socket.create_server(("", 7)); open("up", "w").close(); s.accept()[0].sendall(os.readlink("/proc/self/ns/net").encode())' &
		until [ -e up ]; do sleep 0.05; done
		[ "$(ip netns pids x)" = $! ]; [ "$(ip netns identify $!)" = x ]; [ "$(lsns -nt net -o NS -p $!)" -eq "$(stat -c %i /run/netns/x)" ]
		ask='import socket; print(socket.create_connection(("127.0.0.1", 7), 9).recv(99).decode())'
		"$PYTHON" -c "$ask" 2>/dev/null || ip netns exec y "$PYTHON" -c "$ask" 2>/dev/null || echo another
		i=0; while [ $i -lt 40 ]; do unshare -n true; i=$((i + 1)); done # what ended ones leave goes, and x stays
		[ "$(nsenter -t $! -n "$PYTHON" -c "$ask")" = "$x" ]
		"$PYTHON" -c 'import fcntl, os, sys
		fd = os.open("/run/netns/y", os.O_RDONLY)
		print(hex(fcntl.ioctl(fd, 0xb703)), os.stat(fcntl.ioctl(fd, 0xb701)).st_ino == os.stat("/proc/self/ns/user").st_ino)'
		stat -fc %T /run/netns/y; ip netns del x; ip netns del y; ip netns list 2>&8
	EOF
	for net in "" "--net none,stack=lwip"; do
		# shellcheck disable=SC2086
		gives "names where the kernel has none ($net)" 0 confined --root $net -- env PYTHON="$PYTHON" sh -e names
		is "names where the kernel has none ($net)" "$OUT" "x
y
lo
x
1
another
0x40000000 True
nsfs"
		rm up
	done
fi

gives "ip netns" 0 um --root -- sh -ec '
	ip netns list; ip netns add x; ip netns add y; ip netns list | cut -d" " -f1 | sort
	ip netns add x 2>/dev/null && echo twice
	ip netns exec x sh -ec "ip -br link | cut -d\" \" -f1; ip netns identify; grep -c /sys/class /proc/self/mounts || :"
	ip -n x link add va type veth peer name vb netns y; ip -n x link add vc type veth peer name vd; ip -n x link set vd netns y
	ip -n x -br link | cut -d@ -f1 | cut -d" " -f1; ip -n y -br link | cut -d@ -f1 | cut -d" " -f1
	ip -n x addr add 10.1.1.1/24 dev va; ip -n x link set va up; ip -n y addr add 10.1.1.2/24 dev vb; ip -n y link set vb up
	ip netns exec y "$PYTHON" -c "
import socket
s = socket.create_server((\"10.1.1.2\", 7)); open(\"up\", \"w\").close(); s.accept()[0].sendall(b\"between namespaces\")" &
	until [ -e up ]; do sleep 0.05; done
	[ "$(ip netns pids y | wc -w)" -ge 1 ]
	ip netns exec x "$PYTHON" -c "
import socket
print(socket.create_connection((\"10.1.1.2\", 7), 20).recv(99).decode())"
	wait; [ "$(ip netns pids y)" = "" ]
	ip netns del x; ip netns del y; ip netns list'
is "ip netns" "$OUT" "x
y
lo
x
0
lo
va
vc
lo
vb
vd
between namespaces"
gives "ip netns asks for root" 1 um -- ip netns add x

mkdir mnt
gives "mounts of one's own" 0 um --root -- sh -ec '
	mount -t tmpfs common mnt; touch mnt/common
	unshare -m sh -ec "ls mnt; mount -t tmpfs own mnt; touch mnt/own; ls mnt; cd mnt; ls; unshare -m ls \$PWD; grep -c \" \$PWD \" /proc/self/mounts"
	ls mnt; grep -c " $PWD/mnt " /proc/self/mounts
	unshare -m sh -c "umount mnt 2>/dev/null || echo not this one; mkdir -p mnt/d; mount -t tmpfs own mnt/d; umount mnt/d && echo but its own"'
is "mounts of one's own" "$OUT" "common
own
own
own
2
common
1
not this one
but its own"
# what ended ones had mounted goes as well
gives "the mounts of those that have ended" 0 um --root -- sh -ec '
	i=0; while [ $i -lt 200 ]; do unshare -m mount -t tmpfs none mnt; i=$((i + 1)); done
	umctl ls --json | "$PYTHON" -c "import json, sys; print(len(json.load(sys.stdin)[\"mounts\"]) < 70)"'
is "the mounts of those that have ended" "$OUT" True
# many one after the other leave no more processes and few descriptors of the view's
um --name many$$ -- sh -c 'i=0; while [ $i -lt 150 ]; do unshare -n true; i=$((i + 1)); done; touch made
	until [ -e done ]; do sleep 0.1; done' &
view=$!
until_true 60 test -e made
keeper=$(pgrep -P "$(supervisor_of many$$)" -f '^umview-net')
keeper=$(pgrep -P "$keeper")
kept=$(find "/proc/$keeper/fd" -lname 'net:*' | wc -l)
[ "$kept" -ge 1 ] && [ "$kept" -le 40 ] || fail "many networks: $kept are kept"
touch done
wait $view || fail "the view with many networks ended badly"
kill "$server"
trap - EXIT
nothing_left
