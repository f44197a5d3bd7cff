# SPDX-License-Identifier: GPL-2.0-or-later
"""netholds.py SOCKETS: what sockets do between processes on loopback, a line a matter. Run natively it is the oracle."""
import errno
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

LINGER_0 = struct.pack("ii", 1, 0)


def listener(family=socket.AF_INET, host="127.0.0.1", **more):
    return socket.create_server((host, 0), family=family, **more)


def child(fn, *args):
    pid = os.fork()
    if pid == 0:
        try:
            fn(*args)
        finally:
            os._exit(0)
    return pid


def pair(**more):
    s = listener(**more)
    a = socket.create_connection(s.getsockname()[:2], 20)
    b = s.accept()[0]
    b.settimeout(20)
    s.close()
    return a, b


def name_of(fn):
    try:
        return fn()
    except OSError as e:
        return errno.errorcode.get(e.errno, str(e))


def reuse_port():
    first = socket.create_server(("127.0.0.1", 0), reuse_port=True)
    port = first.getsockname()[1]
    servers = [first, *(socket.create_server(("127.0.0.1", port), reuse_port=True) for _ in range(3))]
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    got = [0] * 4
    for _ in clients:
        for s in select.select(servers, [], [], 20)[0][:1]:
            s.accept()[0].close()
            got[servers.index(s)] += 1
    return f"{sum(got)} by all of {sum(n > 0 for n in got)}"


def accept_in_several():
    s = listener()

    def serve():
        while True:
            c = s.accept()[0]
            c.sendall(str(os.getpid()).encode())
            c.close()
    pids = [child(serve) for _ in range(4)]
    port = s.getsockname()
    seen = set()
    for _ in range(60):
        seen.add(int(socket.create_connection(port, 20).recv(99)))
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return seen <= set(pids)


def fork_server():
    s = listener()

    def serve():
        for _ in range(20):
            c = s.accept()[0]
            child(lambda c=c: c.sendall(c.recv(99).upper()))
            c.close()
        for _ in range(20):
            os.wait()
    pid = child(serve)
    answers = []
    for i in range(20):
        with socket.create_connection(s.getsockname(), 20) as c:
            c.sendall(b"text %d" % i)
            answers.append(c.recv(99) == b"TEXT %d" % i)
    os.waitpid(pid, 0)
    return all(answers)


def half_close():
    a, b = pair()
    a.sendall(b"all")
    a.shutdown(socket.SHUT_WR)
    got = b.recv(9), b.recv(9)
    b.sendall(b"still")
    return got, a.recv(9), name_of(lambda: a.send(b"x"))


def reset():
    a, b = pair()
    a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
    b.sendall(b"x" * 1000)
    a.close()
    ready = select.select([b], [], [], 20)[0] == [b]
    return ready, name_of(lambda: b.recv(9)), name_of(lambda: b.send(b"x"))


def killed(unread):
    """What the other end sees of kill -9: FIN, or RST where something was not read."""
    s = listener()
    r, w = os.pipe()

    def connect():
        c = socket.create_connection(s.getsockname())
        c.sendall(b"here")
        if unread:
            select.select([c], [], [])
        os.write(w, b"x")
        time.sleep(100)
    pid = child(connect)
    c = s.accept()[0]
    c.settimeout(20)
    first = c.recv(9)
    if unread:
        c.sendall(b"for nobody")
    os.read(r, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return first, name_of(lambda: c.recv(9))


def non_blocking():
    s = socket.socket()
    s.setblocking(False)
    with listener() as gone:
        address = gone.getsockname()
    first = s.connect_ex(address)
    select.select([], [s], [], 20)
    refused = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    with listener() as there:
        t = socket.socket()
        t.setblocking(False)
        t.connect_ex(there.getsockname())
        select.select([], [t], [], 20)
        return errno.errorcode[first], errno.errorcode[refused], t.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def over_exec():
    a, b = pair()
    code = "import socket, sys; s = socket.socket(fileno=int(sys.argv[1])); s.sendall(s.recv(99).upper())"
    with subprocess.Popen([sys.executable, "-c", code, str(b.fileno())], pass_fds=[b.fileno()]) as p:
        b.close()
        a.sendall(b"over exec")
        return a.recv(99), p.wait(), a.recv(9)


def passed():
    left, right = socket.socketpair()
    a, b = pair()

    def other():
        fds = socket.recv_fds(right, 9, 1)[1]
        s = socket.socket(fileno=fds[0])
        s.sendall(s.recv(99).upper())
    pid = child(lambda: (a.close(), b.close(), left.close(), other()))
    socket.send_fds(left, [b"x"], [b.fileno()])
    b.close()
    a.sendall(b"passed")
    got = a.recv(99)
    os.waitpid(pid, 0)
    return got, a.recv(9)


def families():
    out = []
    for dual, only in ((True, "::"), (False, "::1")):
        with socket.create_server((only, 0), family=socket.AF_INET6, dualstack_ipv6=dual) as s:
            port = s.getsockname()[1]
            for host in ("127.0.0.1", "::1"):
                out.append(name_of(lambda h=host, p=port: socket.create_connection((h, p), 20) and "reached"))
    return out


def datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        address = gone.getsockname()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(address)
    s.settimeout(20)
    s.send(b"x")
    return name_of(lambda: s.recv(9))


def one_after_the_other(count):
    before = len(os.listdir("/proc/self/fd"))
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    for i in range(count):
        socket.socket(socket.AF_INET6 if i & 2 else socket.AF_INET, kinds[i & 1]).close()
    return len(os.listdir("/proc/self/fd")) - before


for what in (reuse_port, accept_in_several, fork_server, half_close, reset, non_blocking, over_exec, passed, families,
             datagrams):
    print(what.__name__, what(), flush=True)
print("killed", killed(False), killed(True))
print("sockets left", one_after_the_other(int(sys.argv[1])))
