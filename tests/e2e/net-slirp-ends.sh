# SPDX-License-Identifier: GPL-2.0-or-later
# Ends of TCP connections through slirp, with each stack: nothing is kept of one that is over, and what was sent before its end
# arrives, however late the host reads it.
# sanitize: tsan
. "$TOP/tests/e2e/lib.sh"
cat >host.py <<'S'
# Each connection's first line says what is done with it; the host closes first, always.
import hashlib, os, socket, threading, time
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
s.bind(("::", 0))
s.listen(512)
def serve(c):
    f = c.makefile("rb", buffering=0)
    words = f.readline().split()
    if words[0] == b"late":
        c.shutdown(socket.SHUT_WR)
        while not os.path.exists(words[1]):
            time.sleep(0.02)
        h = hashlib.sha256()
        for data in iter(lambda: f.read(1 << 16), b""):
            h.update(data)
        name = words[1].decode() + ".sum"
        open(name + ".new", "w").write(h.hexdigest())
        os.rename(name + ".new", name)
    f.close()
    c.close()
open("port.new", "w").write(str(s.getsockname()[1]))
os.rename("port.new", "port")
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
S
cat >view.py <<'S'
import hashlib, os, socket, sys, threading, time
port, net = int(open("port").read()), sys.argv[1]
for address in "10.0.2.2", "fd00::2":
    for i in range(150):
        s = socket.create_connection((address, port), 30)
        s.sendall(b"bye\n")
        assert s.recv(1) == b""
        s.close()
open("many-" + net, "w").close()
while not os.path.exists("counted-" + net):
    time.sleep(0.02)
# Of these sizes some end where the host's socket has no room, and libslirp has the rest when the connection ends.
block = os.urandom(4 << 20)
sent = {}
def late(address, size):
    name = f"late-{net}-{len(address)}-{size}"
    sent[name] = hashlib.sha256(block[:size]).hexdigest()
    s = socket.create_connection((address, port), 30)
    s.sendall(f"late {name}\n".encode())
    assert s.recv(1) == b""
    s.sendall(block[:size])
    s.close()
sizes = (100, *range(1 << 20, 4 << 20, 100000)) if net == "kernel" else (100, 1 << 20)
for address in "10.0.2.2", "fd00::2":
    threads = [threading.Thread(target=late, args=(address, size)) for size in sizes]
    for t in threads:
        t.start()
    time.sleep(0.7) # so that most is on the way
    while len(sent) % len(threads):
        time.sleep(0.02)
    for name in sent:
        open(name, "w").close()
    for t in threads:
        t.join()
    for name in sent:
        while not os.path.exists(name + ".sum"):
            time.sleep(0.02)
        assert open(name + ".sum").read() == sent[name], name
print("all there")
S
"$PYTHON" host.py &
host=$!
trap 'kill $host' EXIT
until_true 20 test -e port

try_stack() {
	local net=$1 process
	um --net "slirp,stack=$net" --name "ends$$" -- "$PYTHON" view.py "$net" >"out-$net" 2>&1 &
	local view=$!
	until_true 90 test -e "many-$net"
	process=$(pgrep -P "$(supervisor_of "ends$$")" -f '^umview-(net|lwip)')
	open_sockets() { find "/proc/$process/fd" -lname 'socket:*' | wc -l; }
	# (TIME_WAIT would be over after ten seconds)
	until_true 4 eval '[ "$(open_sockets)" -lt 30 ]'
	touch "counted-$net"
	wait $view || fail "$net: $(cat "out-$net")"
	is "$net" "$(cat "out-$net")" "all there"
}
# (who has TSan's thread may not make a user namespace)
if [ "${UMVIEW_SANITIZER:-}" != tsan ] && unshare -Urn true 2>/dev/null; then
	try_stack kernel
fi
if built umview-lwip; then
	try_stack lwip
fi
kill $host
trap - EXIT
wait $host || :
nothing_left
