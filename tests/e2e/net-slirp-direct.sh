# SPDX-License-Identifier: GPL-2.0-or-later
# TCP through slirp, which the kernel ends for it: what client and server see of beginnings, ends, resets and urgent data is what they
# see on loopback; and the view sees nothing of how it is done.
# timeout: 180
. "$TOP/tests/e2e/lib.sh"
unshare -Urn true 2>/dev/null || skip "user namespaces are refused here"
cat >host.py <<'S'
# Each connection's first line says what is to be done with it. What the server sees goes to a file, named in the line.
import errno, fcntl, hashlib, os, select, socket, struct, termios, threading, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 0))
s.listen(512)
RESET = struct.pack("ii", 1, 0)
def until_end(c):
    h, n = hashlib.sha256(), 0
    try:
        while data := c.recv(1 << 16):
            h.update(data); n += len(data)
    except OSError as e:
        return f"{n} {h.hexdigest()[:8]} {errno.errorcode[e.errno]}"
    return f"{n} {h.hexdigest()[:8]} end"
def line(c):
    got = b""
    while not got.endswith(b"\n"):
        got += c.recv(1)
    return got.split()
def wait_for(name):
    while not os.path.exists(name):
        time.sleep(0.01)
def serve(c):
    seen, words = "", line(c)
    what, name = words[0].decode(), words[1].decode()
    if what == "sum":
        seen = until_end(c); c.sendall(seen.encode())
    elif what == "first": # it ends its side first
        c.sendall(b"mine"); c.shutdown(socket.SHUT_WR); seen = until_end(c)
    elif what == "reset":
        c.sendall(b"x" * 100000); line(c)
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    elif what == "unread": # closed with something unread
        c.sendall(b"no"); wait_for(name + ".sent")
    elif what == "hear":
        c.sendall(b"go"); seen = until_end(c)
    elif what == "late": # is read when the sender has ended
        c.sendall(b"go"); wait_for(name + ".closed"); seen = until_end(c)
    elif what == "send":
        c.sendall(b"y" * (8 << 20))
    elif what == "urgent":
        p = select.poll(); p.register(c, select.POLLPRI); p.poll(10000)
        seen = "before:" + c.recv(100).decode() + " mark:%d" % struct.unpack("i", fcntl.ioctl(c, 0x8905, b"\0" * 4))
        seen += " oob:" + c.recv(1, socket.MSG_OOB).decode()
        seen += " after:" + c.recv(100).decode()
        c.sendall(b"ab"); time.sleep(0.1); c.send(b"!", socket.MSG_OOB); time.sleep(0.1); c.sendall(b"cd")
    c.close()
    open(name + ".new", "w").write(seen)
    os.rename(name + ".new", name)
open("port.new", "w").write(str(s.getsockname()[1]))
os.rename("port.new", "port")
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
S
cat >client.py <<'S'
import errno, fcntl, hashlib, os, select, signal, socket, struct, sys, termios, time
address, way, port = sys.argv[1], sys.argv[2], int(open("port").read())
RESET = struct.pack("ii", 1, 0)
def connect(what, name=None):
    s = socket.create_connection((address, port), 20)
    s.sendall(f"{what} {way}-{name or what}\n".encode())
    return s
def told(name): # what the server has seen
    name = f"{way}-{name}"
    for _ in range(2000):
        if os.path.exists(name):
            return open(name).read()
        time.sleep(0.01)
    return "NOTHING"
def drain(s):
    n = 0
    try:
        while data := s.recv(1 << 16):
            n += len(data)
    except OSError as e:
        return f"{n} {errno.errorcode[e.errno]}"
    return f"{n} end"
def touch(name):
    open(f"{way}-{name}", "w").close()
block = bytes(range(256)) * 32768 # 8 MiB
big = hashlib.sha256(block).hexdigest()[:8]

s = connect("sum"); s.sendall(block); s.shutdown(socket.SHUT_WR); print("half closed:", s.recv(100), big); s.close()
s = connect("first"); print("it ends first:", s.recv(100), s.recv(100)); s.sendall(block); s.close(); print(told("first"))
print("names:", s.__class__.__name__, end=" ")
s = connect("sum", "names"); print(s.getpeername() == (address, port), s.getsockname()[0] != address or way == "native")
s.shutdown(socket.SHUT_WR); drain(s); s.close()
s = connect("reset"); s.sendall(b"now\n"); print("reset by it:", drain(s))
s = connect("hear", "reset-by-us"); s.recv(2); s.sendall(block[:1000]); time.sleep(0.2)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET); s.close(); print("reset by us:", told("reset-by-us"))
s = connect("unread"); s.sendall(b"z" * 10000); time.sleep(0.2); touch("unread.sent"); told("unread"); print("unread there:", drain(s))
s = connect("hear", "unread-here"); time.sleep(0.2); s.close(); print("unread here:", told("unread-here"))
for name, read in ("killed", True), ("killed-unread", False):
    r, w = os.pipe()
    if (pid := os.fork()) == 0:
        s = connect("hear", name)
        if read: s.recv(2)
        else: time.sleep(0.2)
        s.sendall(b"last words"); time.sleep(0.2); os.write(w, b"x"); signal.pause()
    os.read(r, 1); os.kill(pid, 9); os.waitpid(pid, 0)
    print(name + ":", told(name))
s = connect("late"); s.recv(2)
def send_some():
    s.setblocking(False); n = 0
    try:
        while True: n += s.send(block)
    except BlockingIOError:
        return n
n = send_some()
s.setblocking(True); s.close(); touch("late.closed"); got = told("late").split(); print("late:", int(got[0]) == n, got[2])
s = connect("send"); time.sleep(0.3); print("sent and ended before it is read:", drain(s)); s.close()
s = connect("urgent"); s.sendall(b"12"); time.sleep(0.1); s.send(b"U", socket.MSG_OOB); time.sleep(0.1); s.sendall(b"34"); print("urgent:", end=" ")
p = select.poll(); p.register(s, select.POLLPRI); print(len(p.poll(10000)), end=" ")
print(s.recv(100), struct.unpack("i", fcntl.ioctl(s, 0x8905, b"\0" * 4))[0], s.recv(1, socket.MSG_OOB), s.recv(100)); s.close()
print(told("urgent"))

# beginnings
def code(s):
    return errno.errorcode.get(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
for _ in range(2):
    s = socket.socket()
    print("refused:", errno.errorcode[s.connect_ex((address, int(open("closed").read())))]); s.close()
s = socket.socket(); s.setblocking(False); print("not blocking:", errno.errorcode[s.connect_ex((address, port))], end=" ")
p = select.poll(); p.register(s, select.POLLOUT); print(p.poll(10000)[0][1], code(s)); s.close()
s = socket.socket(); s.setblocking(False); s.connect_ex((address, int(open("closed").read())))
p = select.poll(); p.register(s, select.POLLOUT); p.poll(10000); print("not blocking, refused:", code(s)); s.close()
mine = None
for i in range(3): # the same port of ours, while the far side waits for what is late
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("", mine or 0)); mine = s.getsockname()[1]
    s.settimeout(20); s.connect((address, port)); s.sendall(f"other {way}-again{i}\n".encode()); print("again:", s.recv(1)); s.close()
many = []
for i in range(300):
    many.append(connect("sum", f"many{i}"))
for i, s in enumerate(many):
    s.sendall(block[:i * 100]); s.shutdown(socket.SHUT_WR)
bad = [i for i, s in enumerate(many) if s.recv(100).decode() != f"{i * 100} {hashlib.sha256(block[:i * 100]).hexdigest()[:8]} end"]
print("many:", bad)
S
"$PYTHON" host.py &
host=$!
trap 'kill $host' EXIT
until_true 20 test -e port
free_port >closed
"$PYTHON" client.py 127.0.0.1 native >native || fail "natively: $(cat native)"
status um --net slirp -- "$PYTHON" client.py 10.0.2.2 view
is "what is seen through slirp" "$OUT" "$(cat native)"

# a port that a server has answered on before, and does not any more
um --net slirp -- "$PYTHON" -c '
import os, socket, time
open("once.go", "w").close()
while not os.path.exists("once.up"): time.sleep(0.02)
port = int(open("once.up").read())
s = socket.create_connection(("10.0.2.2", port), 20); print(s.recv(10)); s.close()
while os.path.exists("once.up"): time.sleep(0.02)
print([socket.socket().connect_ex(("10.0.2.2", port)) for i in range(2)])' >once.out &
view=$!
until_true 20 test -e once.go
"$PYTHON" -c '
import os, socket
s = socket.create_server(("127.0.0.1", 0)); open("once.new", "w").write(str(s.getsockname()[1])); os.rename("once.new", "once.up")
c = s.accept()[0]; c.sendall(b"hello"); c.close(); s.close(); os.unlink("once.up")'
wait $view
is "a server that is gone" "$(cat once.out)" "b'hello'
[111, 111]"

# what is seen in the view: its own socket, its own rules, and all that goes by its interface; a capture has it too
um --net slirp --name "direct$$" -- "$PYTHON" -c '
import os, socket, subprocess, time
port = int(open("port").read())
def sent():
    return int(open("/sys/class/net/eth0/statistics/tx_bytes").read())
while not os.path.exists("captures"): time.sleep(0.02)
before = sent()
s = socket.create_connection(("10.0.2.2", port), 20); s.sendall(b"hear hear-seen\n"); s.recv(2)
print(len(subprocess.check_output(["ss", "-Htan"]).splitlines()), len(subprocess.check_output(["ip", "rule"]).splitlines()))
s.sendall(b"w" * 60000); s.shutdown(socket.SHUT_WR); s.recv(1)
print(sent() - before > 60000)
while not os.path.exists("captured"): time.sleep(0.02)' >seen.out &
view=$!
until_true 20 supervisor_of "direct$$"
umctl -n "direct$$" net capture default seen.pcapng &
capture=$!
until_true 20 test -s seen.pcapng
touch captures
cat >captured.py <<'S'
import sys
got = open("seen.pcapng", "rb").read()
sys.exit(0 if b"hear hear-seen\n" in got and got.count(b"w") >= 60000 else 1)
S
until_true 30 "$PYTHON" captured.py
touch captured
wait $view
kill $capture
wait $capture || fail "a capture that is ended is no failure"
is "what is seen in the view" "$(cat seen.out)" "1 3
True"

# a published port, for a client whose port is one that a connection of the view goes to
free=$(free_port)
um --net "slirp,publish=$free:80" -- "$PYTHON" -c '
import socket, threading
port = int(open("port").read())
s = socket.create_server(("", 80))
out = socket.create_connection(("10.0.2.2", port), 20); out.sendall(b"hear hear-published\n"); out.recv(2)
open("published", "w").close()
c, a = s.accept()
c.sendall(b"in" * 500000); print(a[1] == port, c.recv(100), c.recv(1)); out.close()' >published.out &
view=$!
until_true 20 test -e published
"$PYTHON" -c '
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.2", int(open("port").read()))); s.settimeout(30); s.connect(("127.0.0.1", int(sys.argv[1])))
n = 0
while n < 1000000: n += len(s.recv(1 << 16))
s.sendall(b"thanks"); s.close()' "$free"
wait $view
is "a published port beside" "$(cat published.out)" "True b'thanks' b''"

kill $host
trap - EXIT
wait $host || :
nothing_left
