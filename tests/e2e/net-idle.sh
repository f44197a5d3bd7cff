# SPDX-License-Identifier: GPL-2.0-or-later
# The stack of stack=lwip leaves ticks out while nothing happens: its clock goes right all the same, whatever wakes it, and when it
# was stopped for a while a connection is not taken for dead that nobody has asked for. And what a connection takes of memory.
# timeout: 240
# waits: yes
. "$TOP/tests/e2e/lib.sh"
built umview-lwip || skip "built without liblwip"
UM_TIMEOUT=200

# What 1,000 connections, both ends being there, add to the view's own processes; then it does nothing (see the end).
cat >idle.py <<'PYTHON'
import os, resource, socket, sys, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
front = int(open(f"/proc/{os.getppid()}/stat").read().rsplit(")", 1)[1].split()[1])
def kib():
    """Of front, supervisor, and the processes of the network."""
    ours = [front]
    for p in ours:
        for t in os.listdir(f"/proc/{p}/task"):
            for child in open(f"/proc/{p}/task/{t}/children").read().split():
                if open(f"/proc/{child}/comm").read().startswith("umview"):
                    ours.append(int(child))
    return sum(int(line.split()[1]) for p in ours for line in open(f"/proc/{p}/smaps_rollup") if line.startswith("Pss:"))
s = socket.create_server((sys.argv[1], 7), backlog=64)
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
def connect(n):
    both = [(socket.create_connection((sys.argv[1], 7)), s.accept()[0]) for i in range(n)]
    for a, b in both:
        a.sendall(b"a" * 1000)
        b.sendall(b.recv(1000, socket.MSG_WAITALL))
        a.recv(1000, socket.MSG_WAITALL)
    return both
connect(20)
before = kib()
kept = connect(1000)
print("KiB a connection:", (kib() - before) / 1000, flush=True)
open("idle", "w").close()
while len(sys.argv) > 2 and not os.path.exists("awake"):
    time.sleep(0.5)
kept[0][1].sendall(b"as awake as ever")
print(kept[0][0].recv(99).decode())
PYTHON
memory() { # WHAT, what idle.py printed
	local kib
	kib=$(sed -n 's/^KiB a connection: //p' <<<"$2")
	awk "BEGIN { exit !($kib <= 40) }" || fail "$1: $kib KiB a connection"
	echo "ok: $1: $kib KiB a connection"
}
um --net "pair=i$$,ip=10.9.0.1/24,stack=lwip" -- "$PYTHON" idle.py 10.9.0.1 wait >idle.out &
idle=$!
if unshare -Urn true 2>/dev/null; then
	gives "the kernel's stack" 0 um --net none,stack=kernel -- "$PYTHON" idle.py 127.0.0.1
	memory "the kernel's stack" "$OUT"
fi

cat >server.py <<'PYTHON'
import os, socket, time
s = socket.create_server(("", 7))
open("up", "w").close()
kept = [s.accept()[0] for i in range(2)]
while not os.path.exists("end"):
    time.sleep(0.1)
PYTHON
cat >client.py <<'PYTHON'
import os, select, socket, time
def connect():
    s = socket.create_connection(("10.9.0.1", 7), 20)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return s
a, b = connect(), connect()
open("connected", "w").close()
while True:
    if os.path.exists("ask"):  # which wakes the stack, a few times while it would sleep
        b.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if select.select([a], [], [], 0.3)[0]:
        break
    open("alive", "w").close()
PYTHON
um --net "pair=a$$,ip=10.9.0.1/24,stack=lwip" -- "$PYTHON" server.py &
server=$!
until_true 30 test -e up
um --net "pair=a$$,ip=10.9.0.2/24,stack=lwip" -- "$PYTHON" client.py &
client=$!
until_true 30 test -e connected
here=$(pgrep -f "^umview-lwip.*pair=a$$,.*10.9.0.2")
there=$(pgrep -f "^umview-lwip.*pair=a$$,.*10.9.0.1")

alive() {
	rm -f alive
	until_true 20 test -e alive
}

# asleep for longer than all probes take: once TCP has nothing to do
for _ in 1 2 3 4 5; do alive; done
kill -STOP "$here"
sleep 9
kill -CONT "$here"
for _ in 1 2 3; do alive; done

kill -STOP "$there"
touch ask
began=$(date +%s%N)
wait $client || fail "the client ended badly"
took=$((($(date +%s%N) - began) / 1000000))
[ $took -ge 5500 ] || fail "who does not answer is given up after $took ms"
echo "ok: who does not answer is given up after $took ms"
kill -CONT "$there"
touch end
wait $server || fail "the server ended badly"

# what is sent by a tick, when TCP had nothing to do, is sent again if it is lost: nothing else would wake it
cat >deaf.py <<'PYTHON'
import os, socket, subprocess, time
s = socket.create_server(("", 7))
open("up", "w").close()
c = s.accept()[0]
while not os.path.exists("corked"):
    time.sleep(0.1)
subprocess.check_call(["ip", "link", "set", "eth0", "down"])
open("deaf", "w").close()
while not os.path.exists("end"):
    time.sleep(0.1)
PYTHON
cat >again.py <<'PYTHON'
import os, socket, time
sees = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s = socket.create_connection(("10.9.0.1", 7), 20)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
open("corked", "w").close()
while not os.path.exists("deaf"):
    time.sleep(0.1)
time.sleep(1)
s.send(b"held back")
sees.settimeout(20)
times = []
while len(times) < 2:
    if sees.recv(2000).endswith(b"held back"):
        times.append(time.monotonic())
print("again after", "seconds" if times[1] - times[0] < 15 else times)
PYTHON
rm -f up end
um --net "pair=l$$,ip=10.9.0.1/24,stack=lwip" -- "$PYTHON" deaf.py &
server=$!
until_true 30 test -e up
gives "what was held back and is lost" 0 um --net "pair=l$$,ip=10.9.0.2/24,stack=lwip" -- "$PYTHON" again.py
is "what was held back and is lost" "$OUT" "again after seconds"
touch end
wait $server || fail "the view that hears nothing ended badly"

# nothing wakes it once its neighbours, and what of a datagram may still come, are given up
sleeps() {
	local before
	before=$(grep ^voluntary "/proc/$stack/status")
	sleep 4
	[ "$before" = "$(grep ^voluntary "/proc/$stack/status")" ]
}
until_true 20 test -e idle
stack=$(pgrep -f "^umview-lwip.*pair=i$$,")
until_true 100 sleeps
touch awake
wait $idle || fail "the view that did nothing ended badly"
is "a view that did nothing" "$(tail -n 1 idle.out)" "as awake as ever"
memory "lwIP" "$(cat idle.out)"
nothing_left
