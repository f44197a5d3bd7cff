# SPDX-License-Identifier: GPL-2.0-or-later
"""Socket calls on loopback, one line a result, without what differs from run to run: the output of a view whose
stack is a process must be that of the kernel's."""
import ctypes
import errno
import fcntl
import os
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time

LO, LO6 = "127.0.0.1", "::1"
MSG_ERRQUEUE, SIOCATMARK = 0x2000, 0x8905
LIBC = ctypes.CDLL(None, use_errno=True)


def say(*what):
    print(*what, flush=True)


def tries(what, fn, *args):
    try:
        r = fn(*args)
        say(what, "ok" if r is None else r)
    except socket.timeout:
        say(what, "timeout")
    except OSError as e:
        say(what, errno.errorcode.get(e.errno, e))


def free_port():
    with socket.socket() as s:
        s.bind((LO, 0))
        return s.getsockname()[1]


def pair(family=socket.AF_INET, host=LO):
    with socket.create_server((host, 0), family=family) as server:
        a = socket.create_connection(server.getsockname()[:2])
        b, _ = server.accept()
        return a, b


def stream():
    a, b = pair()
    tries("names", lambda: a.getsockname() == b.getpeername() and b.getsockname() == a.getpeername())
    a.sendall(b"one")
    tries("peek", b.recv, 2, socket.MSG_PEEK)
    tries("recv", b.recv, 9)
    tries("recvfrom", lambda: (a.sendall(b"two"), b.recvfrom(9))[1])
    tries("recvmsg", lambda: (a.sendmsg([b"th", b"ree"]), b.recvmsg(9))[1])
    tries("sendto", lambda: (a.sendto(b"four", b.getsockname()), b.recv(9))[1])
    tries("nothing there", b.recv, 9, socket.MSG_DONTWAIT)
    tries("connect again", a.connect, b.getsockname())
    tries("bind again", a.bind, (LO, 0))
    tries("half close", a.shutdown, socket.SHUT_WR)
    tries("its end", b.recv, 9)
    tries("the other half", lambda: (b.sendall(b"still"), a.recv(9))[1])
    tries("write after shutdown", a.send, b"x")
    b.close()
    tries("both closed", a.recv, 9)
    a.close()


def resets():
    a, b = pair()
    a.sendall(b"unread")
    select.select([b], [], [], 10)
    b.close()
    select.select([a], [], [], 10)
    tries("closed with something unread", a.recv, 9)
    tries("after that", a.send, b"x")
    a, b = pair()
    a.sendall(b"unread")
    select.select([b], [], [], 10)
    b.sendall(b"the last")
    b.close()
    tries("written before that", a.recv, 8, socket.MSG_WAITALL)
    tries("and then", a.recv, 9)
    a, b = pair()
    b.sendall(b"last words")
    select.select([a], [], [], 10)
    b.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    b.close()
    p = select.poll()
    p.register(a, 0)
    p.poll(10000)
    tries("reset: what came before", a.recv, 99)
    tries("reset", a.recv, 99)
    tries("shut down", a.shutdown, socket.SHUT_WR)


def left_ports():
    """Who closes first keeps the port for a while, and shares it only if both want that (SO_REUSEADDR)."""
    for kept, wanted in ((0, 0), (0, 1), (1, 0), (1, 1)):
        with socket.create_server((LO, 0)) as server:
            a = socket.socket()
            a.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kept)
            a.connect(server.getsockname())
            b, _ = server.accept()
        name = a.getsockname()
        a.shutdown(socket.SHUT_WR)
        b.recv(9)
        b.shutdown(socket.SHUT_WR)
        a.recv(9)
        end = time.monotonic() + 10
        while not any_error(a.shutdown, socket.SHUT_WR) and time.monotonic() < end:
            time.sleep(0.01)
        tries("both have ended", a.shutdown, socket.SHUT_WR)
        a.close()
        b.close()
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, wanted)
            tries(f"left port {kept} {wanted}", s.bind, name)


def connecting():
    port = free_port()
    s = socket.socket()
    tries("refused", s.connect, (LO, port))
    s.close()
    s = socket.socket()
    s.setblocking(False)
    say("connect_ex", errno.errorcode.get(s.connect_ex((LO, port))))
    select.select([], [s], [], 10)
    say("SO_ERROR", errno.errorcode.get(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))
    say("SO_ERROR again", s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    s.close()
    server = socket.create_server((LO, 0))
    s = socket.socket()
    s.setblocking(False)
    say("connect_ex", errno.errorcode.get(s.connect_ex(server.getsockname())))
    say("writable", bool(select.select([], [s], [], 10)[1]))
    say("SO_ERROR", s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    say("acceptable", bool(select.select([server], [], [], 10)[0]))
    c, addr = server.accept()
    say("address", addr == s.getsockname())
    server.setblocking(False)
    tries("nobody", server.accept)
    server.settimeout(0.01)
    tries("nobody comes", server.accept)
    tries("a listener connects", server.connect, (LO, port))
    tries("listen twice", server.listen, 5)
    e = select.epoll()
    e.register(server, select.EPOLLIN)
    say("epoll", e.poll(0))
    t = socket.create_connection(server.getsockname())
    say("epoll", [x[1] for x in e.poll(10)])
    for x in (c, s, server, t):
        x.close()


def select_events(s):
    p = select.poll()
    p.register(s, select.POLLIN | select.POLLOUT)
    return [events for _, events in p.poll(0)]


def any_error(fn, *args):
    try:
        fn(*args)
    except BlockingIOError:
        return "waits"
    except OSError:
        return "an error"


def names():
    s = socket.socket()
    say("unbound", s.getsockname())
    tries("peer of none", s.getpeername)
    tries("shutdown of none", s.shutdown, socket.SHUT_RDWR)
    tries("accept of none", s.accept)
    with socket.socket() as none:
        say("events of none", select_events(none))
        for what, fn in (("recvfrom", lambda: none.recvfrom(1)), ("recvmsg", lambda: none.recvmsg(1)),
                         ("sendmsg", lambda: none.sendmsg([b"x"]))):
            tries(what + " of none", fn)
        say("read of none", any_error(none.recv, 1))
    tries("a foreign address", s.bind, ("192.0.2.1", 0))
    tries("bind", s.bind, (LO, 0))
    tries("twice", s.bind, (LO, 0))
    port = s.getsockname()[1]
    t = socket.socket()
    tries("taken", t.bind, (LO, port))
    tries("taken by any", t.bind, ("", port))
    t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tries("taken, with SO_REUSEADDR", t.bind, (LO, port))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tries("both", t.bind, (LO, port))
    any_address = socket.socket()
    any_address.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tries("and at any address", any_address.bind, ("", port))
    tries("one listens", t.listen)
    tries("the others", s.listen)
    tries("the others", any_address.listen)
    t.close()
    tries("when it has ended", any_address.listen)
    s.close()
    any_address.close()
    for named in (0, port):
        with socket.socket() as s:
            s.bind((LO, named))
            name = s.getsockname()
            s.listen()
            with socket.create_connection(name), s.accept()[0]:
                s.shutdown(socket.SHUT_RD)
                tries("listens again", s.listen)
                say("at the same port", s.getsockname() == name)
    s = socket.socket()
    s.bind((LO, 0))
    s.listen()
    t = socket.socket()
    t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tries("of a listener", t.bind, s.getsockname())
    with socket.socket() as a, socket.socket() as b:
        a.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        b.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        a.bind((LO, 0))
        b.bind(a.getsockname())
        a.connect(s.getsockname())
        tries("the same connection", b.connect, s.getsockname())
    tries("datagrams have their own", socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind, s.getsockname())
    six = socket.socket(socket.AF_INET6)
    tries("another family's name", six.bind, (LO6, 0))
    tries("IPv6 from IPv4", t.connect, (LO, s.getsockname()[1]))


def datagrams(family, host):
    a = socket.socket(family, socket.SOCK_DGRAM)
    b = socket.socket(family, socket.SOCK_DGRAM)
    a.bind((host, 0))
    there = a.getsockname()
    tries("no address", b.sendmsg, [b"x"])
    tries("peer of none", b.getpeername)
    tries("sendto", b.sendto, b"hello", there)
    data, addr = a.recvfrom(3)
    say("cut", data, addr[0])
    tries("sendto", b.sendto, b"hello", there)
    say("MSG_TRUNC", a.recv_into(bytearray(3), 3, socket.MSG_TRUNC | socket.MSG_PEEK))
    data, _, flags, _ = a.recvmsg(3)
    say("recvmsg", data, flags == socket.MSG_TRUNC)
    tries("empty", b.sendto, b"", there)
    say("empty", a.recvfrom(9)[0])
    tries("none", a.recv, 9, socket.MSG_DONTWAIT)
    tries("too long", b.sendto, b"x" * 70000, there)
    tries("connect", b.connect, there)
    say("peer", b.getpeername() == there, b.getsockname()[0])
    tries("send", b.send, b"natively")
    tries("write", lambda: os.write(b.fileno(), b"written"))
    say("read", os.read(a.fileno(), 99), os.read(a.fileno(), 99))
    c = socket.socket(family, socket.SOCK_DGRAM)
    c.bind((host, 0))
    c.sendto(b"from another", b.getsockname())
    a.sendto(b"from the right one", b.getsockname())
    say("connected: heard from", b.recv(99))
    a.settimeout(0.01)
    tries("timeout", a.recvfrom, 9)
    c.connect((host, free_port()))
    c.send(b"nobody there")
    say("told of that", bool(select.select([c], [], [], 10)[0]))
    tries("refused", c.recvfrom, 9)
    tries("once", c.recv, 9, socket.MSG_DONTWAIT)
    c.send(b"nobody there")
    select.select([c], [], [], 10)
    say("SO_ERROR", errno.errorcode.get(c.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))


def options():
    s = socket.socket()
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    six = socket.socket(socket.AF_INET6)
    for name, sock, level, opt in (
            ("type", s, socket.SOL_SOCKET, socket.SO_TYPE), ("type", u, socket.SOL_SOCKET, socket.SO_TYPE),
            ("domain", six, socket.SOL_SOCKET, socket.SO_DOMAIN), ("protocol", u, socket.SOL_SOCKET, socket.SO_PROTOCOL),
            ("acceptconn", s, socket.SOL_SOCKET, socket.SO_ACCEPTCONN), ("reuse", s, socket.SOL_SOCKET, socket.SO_REUSEADDR),
            ("nodelay", s, socket.IPPROTO_TCP, socket.TCP_NODELAY), ("idle", s, socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            ("ttl", s, socket.IPPROTO_IP, socket.IP_TTL), ("hops", six, socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
            ("v6only", six, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), ("of TCP", u, socket.IPPROTO_TCP, socket.TCP_NODELAY),
            ("of IPv6", s, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), ("nonsense", s, socket.SOL_SOCKET, 9999)):
        tries(name, sock.getsockopt, level, opt)
    for name, level, opt, value in (
            ("nodelay", socket.IPPROTO_TCP, socket.TCP_NODELAY, 7), ("keepalive", socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            ("count", socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3), ("count", socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 1000),
            ("ttl", socket.IPPROTO_IP, socket.IP_TTL, 3), ("ttl", socket.IPPROTO_IP, socket.IP_TTL, 300)):
        tries(name, s.setsockopt, level, opt, value)
        tries(name, s.getsockopt, level, opt)
    tries("short", s.setsockopt, socket.SOL_SOCKET, socket.SO_KEEPALIVE, b"x")
    tries("no family", socket.socket, 77)
    tries("no protocol", socket.socket, socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_UDP)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    six.bind(("::", 0))
    tries("v6only, later", six.setsockopt, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    six.listen()
    tries("IPv4 to v6only", socket.create_connection, (LO, six.getsockname()[1]))


def get(s, level, option, room=4):
    """What getsockopt(2) says where there is so much room, and how much that is."""
    value, length = ctypes.create_string_buffer(b"\xee" * 20, 20), ctypes.c_uint(room)
    if LIBC.getsockopt(s.fileno(), level, option, value, ctypes.byref(length)) < 0:
        return errno.errorcode[ctypes.get_errno()]
    return length.value, value.raw[:room]


def set_and_get(s, name, level, option, *values):
    for v in values:
        call(f"{name} {v}", "setsockopt", s.fileno(), level, option, v if isinstance(v, bytes) else struct.pack("=i", v),
             len(v) if isinstance(v, bytes) else 4)
        say("is", get(s, level, option, 16 if level == socket.IPPROTO_TCP and option == socket.TCP_CONGESTION else 4))


def values():
    """Options whose values are not just kept."""
    tcp, ip = socket.IPPROTO_TCP, socket.IPPROTO_IP
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(type=kind) as s, socket.socket(socket.AF_INET6, kind) as six:
            set_and_get(s, "tos", ip, socket.IP_TOS, 256, 0x10, -1, -2, b"", b"\xc0", b"\xc0\0\0")
            say("with less room", get(s, ip, socket.IP_TOS, 0), get(s, ip, socket.IP_TOS, 1), get(s, ip, socket.IP_TOS, 3))
            set_and_get(s, "ttl", ip, socket.IP_TTL, 0, 256, 9, -1, b"\x09", b"")
            set_and_get(six, "class", socket.IPPROTO_IPV6, socket.IPV6_TCLASS, 256, 0x13, -1, -2, b"\xc0\0\0")
            set_and_get(s, "receive", socket.SOL_SOCKET, socket.SO_RCVBUF, 0, 2000)
            set_and_get(s, "send", socket.SOL_SOCKET, socket.SO_SNDBUF, 0, 9000)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):  # which is the most that may be
                s.setsockopt(socket.SOL_SOCKET, option, -1)
                say("most", s.getsockopt(socket.SOL_SOCKET, option) >= 425984)
            set_and_get(s, "forced", socket.SOL_SOCKET, 33, 9000)  # SO_RCVBUFFORCE
            set_and_get(s, "no check", socket.SOL_SOCKET, 11, 1, 0)  # SO_NO_CHECK
            call("no filter", "setsockopt", s.fileno(), socket.SOL_SOCKET, 27, struct.pack("=i", 0), 4)  # SO_DETACH_FILTER
    with socket.socket(type=socket.SOCK_DGRAM) as u:
        u.setsockopt(ip, socket.IP_MULTICAST_IF, socket.inet_aton(LO))
        say("interface", get(u, ip, socket.IP_MULTICAST_IF, 12))
        set_and_get(u, "where it went", ip, 20, 1, 0)  # IP_RECVORIGDSTADDR
    with socket.socket() as s:
        set_and_get(s, "congestion", tcp, socket.TCP_CONGESTION, b"reno", b"no_such_one", b"")
        set_and_get(s, "linger2", tcp, socket.TCP_LINGER2, 59, 0, -5, 1000)
        set_and_get(s, "clamp", tcp, socket.TCP_WINDOW_CLAMP, 1, 1200, 0)
        set_and_get(s, "segment", tcp, socket.TCP_MAXSEG, 10, 75000, 1024)
        set_and_get(s, "deferred", tcp, socket.TCP_DEFER_ACCEPT, -1, 1, 2, 3, 5, 100)
        say("with less room", [get(s, tcp, o, 1) for o in (socket.TCP_NODELAY, socket.TCP_LINGER2, socket.TCP_WINDOW_CLAMP)])


def truncated():
    """MSG_TRUNC of a stream drops what it reads; FIONREAD of datagrams is about the first."""
    a, b = pair()
    a.sendall(b"twelve bytes")
    for flags in (socket.MSG_PEEK, 0):
        buf = bytearray(6)
        tries("dropped", b.recv_into, buf, 6, flags | socket.MSG_TRUNC)
        say(bytes(buf))
    tries("the rest", b.recvmsg, 99)
    a.sendall(b"again")
    select.select([b], [], [], 10)
    tries("without room", lambda: b.recvmsg_into([], 0, socket.MSG_TRUNC)[0])
    buf = bytearray(2)
    tries("by recvmsg", lambda: b.recvmsg_into([buf], 0, socket.MSG_TRUNC)[0])
    say(bytes(buf))
    tries("the rest", b.recv, 99)
    with socket.socket(type=socket.SOCK_DGRAM) as u, socket.socket(type=socket.SOCK_DGRAM) as v:
        u.bind((LO, 0))
        v.connect(u.getsockname())
        waits = lambda: struct.unpack("=i", fcntl.ioctl(u, 0x541b, b"....")) # FIONREAD
        tries("nothing", waits)
        for text in (b"one", b"", b"three"):
            v.send(text)
        for _ in range(3):
            select.select([u], [], [], 10)
            tries("waits", waits)
            u.recv(99)


def told_later():
    """Control messages are those that are wanted when a datagram is read."""
    for family, host, options in ((socket.AF_INET, LO, ((socket.IPPROTO_IP, socket.IP_RECVTOS), (socket.IPPROTO_IP, 12), (socket.IPPROTO_IP, 8))),
                                  (socket.AF_INET6, LO6, [(socket.IPPROTO_IPV6, o) for o in (
                                      socket.IPV6_RECVTCLASS, socket.IPV6_RECVHOPLIMIT, socket.IPV6_RECVPKTINFO)]),
                                  (socket.AF_INET6, "::ffff:127.0.0.1", ((socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO), (socket.IPPROTO_IP, socket.IP_RECVTOS)))):
        with socket.socket(family, socket.SOCK_DGRAM) as u, socket.socket(family, socket.SOCK_DGRAM) as v:
            u.bind((host, 0))
            v.connect(u.getsockname())
            for _ in range(len(options) + 1):
                v.sendto(b"x", u.getsockname())
            for level, option in options:
                u.setsockopt(level, option, 1)
                data, told, flags, _ = u.recvmsg(9, 200)
                say(data, [(l, t, d if len(d) < 8 else d[-16:]) for l, t, d in told], flags)
            for level, option in options:
                u.setsockopt(level, option, 0)
            say(u.recvmsg(9, 200)[:3])
            u.setsockopt(*options[0], 1)
            v.sendto(b"x", u.getsockname())
            say([len(x) for x in u.recvmsg(9, 5)[1:2]])


def several():
    """What goes to several is heard by each; of those with one address the last one that was bound has what is for one."""
    group, lo = socket.inet_aton("239.1.2.3"), socket.inet_aton(LO)
    for option in (socket.SO_REUSEPORT, socket.SO_REUSEADDR):
        with socket.socket(type=socket.SOCK_DGRAM) as s:
            hear, port = [], 0
            for _ in range(3):
                u = socket.socket(type=socket.SOCK_DGRAM)
                u.setsockopt(socket.SOL_SOCKET, option, 1)
                u.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + lo)
                u.bind(("", port))
                u.settimeout(20)
                port = u.getsockname()[1]
                hear.append(u)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, lo)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            s.sendto(b"group", ("239.1.2.3", port))
            say([u.recv(9) for u in hear])
            s.sendto(b"all", ("127.255.255.255", port))
            say([u.recv(9) for u in hear])
            s.sendto(b"one", (LO, port))
            ready = select.select(hear, [], [], 20)[0]
            say(len(ready), option == socket.SO_REUSEPORT or ready[0] is hear[2])
            for u in hear:
                u.close()
    for host in ("255.255.255.255", "127.255.255.255"):
        with socket.socket(type=socket.SOCK_DGRAM) as u:
            tries("bind", u.bind, (host, 0))


def small_ones():
    """A second small write does not wait for a timer of the other side's."""
    a, b = pair()
    begin = time.monotonic()
    for _ in range(20):
        a.send(b"head")
        a.send(b"body")
        got = b""
        while len(got) < 8:
            got += b.recv(8)
    say("in time", time.monotonic() - begin < 3)


def chosen_ports():
    """Who connects has no port that a server may have had a moment before."""
    with socket.create_server((LO, 0)) as s:
        a = [socket.create_connection(s.getsockname()) for _ in range(20)]
        say("ports", s.getsockname()[1] % 2, {c.getsockname()[1] % 2 for c in a})


def one_piece():
    """What one write sent is there for one read."""
    a, b = pair()
    for size in (3000, 20000):
        short = 0
        for _ in range(30):
            a.send(b"x" * size)
            got = len(b.recv(size))
            short += got < size
            while got < size:
                got += len(b.recv(size))
        say("in one piece", size, short)


def segments():
    """Much in segments that are short."""
    for size in (88, 300):
        with socket.create_server((LO, 0)) as server, socket.socket() as a:
            a.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, size)
            a.settimeout(20)
            a.connect(server.getsockname())
            b, _ = server.accept()
            data = os.urandom(200000)
            got = []
            t = threading.Thread(target=lambda: got.append(b.makefile("rb").read()))
            t.start()
            tries("all of it", a.sendall, data)
        t.join(20)
        say(size, got == [data])


def to_itself():
    for family, host in ((socket.AF_INET, LO), (socket.AF_INET6, LO6)):
        with socket.socket(family) as s:
            s.settimeout(20)
            s.bind((host, 0))
            tries("connect to itself", s.connect, s.getsockname())
            tries("is its peer", lambda: s.getsockname() == s.getpeername())
            tries("hears itself", lambda: (s.sendall(b"hello"), s.recv(9))[1])
            s.sendall(b"x" * 100000)
            n = 0
            while n < 100000:
                n += len(s.recv(100000))
            say("much", n)
            tries("its end", lambda: (s.shutdown(socket.SHUT_WR), s.recv(9))[1])


def buffers():
    """A sender goes on when its buffer has become larger; what a small one has no room for is lost."""
    a, b = pair()
    a.setblocking(False)
    a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, -1)
    most = a.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, most // 4)
    sent = 0
    while True:
        try:
            sent += a.send(b"x" * most)
        except BlockingIOError:
            if not select.select([], [a], [], 0.3)[1]:
                break
    a.setblocking(True)
    got = []
    t = threading.Thread(target=lambda: got.append(a.send(b"y")))
    t.start()
    t.join(0.3)
    a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, most // 2)
    t.join(20)
    say("goes on", got)
    all_of_it, last = 0, b""
    while all_of_it < sent + 1:
        last = b.recv(1 << 20)
        all_of_it += len(last)
        if last.strip(b"xy"):
            break
    say("all came", all_of_it == sent + 1, last[-1:])
    with socket.socket(type=socket.SOCK_DGRAM) as u, socket.socket(type=socket.SOCK_DGRAM) as v:
        u.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        u.bind((LO, 0))
        v.connect(u.getsockname())
        for _ in range(20):
            v.send(b"x" * 1000)
        with socket.socket(type=socket.SOCK_DGRAM) as w: # it has one when those before it have come, or are lost
            w.bind((LO, 0))
            v.connect(w.getsockname())
            v.send(b"y")
            select.select([w], [], [], 10)
        n = 0
        while select.select([u], [], [], 0.2)[0]:
            n += len(u.recv(2000)) == 1000
        say("some are lost", 0 < n < 20)


def lingering():
    """A reset is no end of the data first."""
    for _ in range(20):
        a, b = pair()
        b.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
        b.close()
        p = select.poll()
        p.register(a, select.POLLIN)
        if p.poll(20000)[0][1] & select.POLLHUP == 0:
            say("an end")
        tries("an option", a.setsockopt, socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tries("another", a.setsockopt, socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        tries("reset", a.recv, 9)
        a.close()


def times():
    """Calls that wait for as long as the socket says."""
    a, b = pair()
    server = socket.create_server((LO, 0))
    for what, s in (("stream", a), ("datagram", socket.socket(socket.AF_INET, socket.SOCK_DGRAM)), ("listener", server)):
        if what == "datagram":
            s.bind((LO, 0))
        s.setblocking(True)
        for us in 10000, 120000:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, us))
            for name, fn in (("recv", lambda: s.recv(9)), ("recvfrom", lambda: s.recvfrom(9)), ("recvmsg", lambda: s.recvmsg(9))):
                tries(f"{what}, {name}", fn) if s is not server else None
        tries("accept", s.accept)

    def wake(*_):
        raise InterruptedError(errno.EINTR, "woken")
    signal.signal(signal.SIGALRM, wake)
    for s, fn in ((a, lambda: a.recv(9)), (server, server.accept)):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 0))
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        tries("a signal", fn)
    b.close()


def processes():
    """Inherited, passed on, accepted by several."""
    server = socket.create_server((LO, 0))
    pids = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            while True:
                c, _ = server.accept()
                word = c.recv(9)
                if word == b"end":
                    os._exit(0)
                c.sendall(word.upper())
                c.close()
        pids.append(pid)
    say("served", {socket.create_connection(server.getsockname()).makefile("rwb", 0).write(b"x") for _ in range(9)})
    got = []
    for _ in range(20):
        with socket.create_connection(server.getsockname()) as c:
            c.sendall(b"word")
            got.append(c.recv(9))
    say("served", set(got))
    for _ in pids:
        socket.create_connection(server.getsockname()).sendall(b"end")
    for pid in pids:
        os.waitpid(pid, 0)
    one, other = socket.socketpair()
    a, b = pair()
    socket.send_fds(one, [b"x"], [a.fileno()])
    _, fds, _, _ = socket.recv_fds(other, 9, 1)
    passed = socket.socket(fileno=fds[0])
    a.close()
    passed.sendall(b"passed on")
    say("passed on", b.recv(99), passed.getpeername() == b.getsockname())
    pid = os.fork()
    if pid == 0:
        passed.sendall(b"from a child")
        os._exit(0)
    os.waitpid(pid, 0)
    passed.close()
    say("a child's", b.recv(99), b.recv(99))


def abstract():
    """Names of AF_UNIX that are no files."""
    name = f"\0umview-test-{os.getpid()}"
    s = socket.socket(socket.AF_UNIX)
    s.bind(name)
    s.listen()
    c = socket.socket(socket.AF_UNIX)
    c.connect(name)
    say("names", s.getsockname() == name.encode(), c.getpeername() == name.encode())
    pid = os.fork()
    if pid == 0:
        socket.socket(socket.AF_UNIX).connect(name)
        os._exit(0)
    os.waitpid(pid, 0)
    for who in (os.getpid(), pid):
        told = s.accept()[0].getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        say("who connects", struct.unpack("3i", told) == (who, os.getuid(), os.getgid()))
    tries("taken", socket.socket(socket.AF_UNIX).bind, name)
    tries("nobody's", socket.socket(socket.AF_UNIX).connect, name + "x")
    tries("too long", socket.socket(socket.AF_UNIX).bind, "\0" + "x" * 108)
    u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    u.bind(name + "d")
    v = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    v.bind("")
    say("chosen", len(v.getsockname()))
    v.sendto(b"there", name + "d")
    word, back = u.recvfrom(9)
    u.sendto(b"and back", back)
    say("datagrams", word, v.recv(9))
    v.sendmsg([b"a message"], [], 0, name + "d")
    say("datagrams", u.recv(9))
    u.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    v.sendto(b"by sendto", name + "d")
    v.sendmsg([b"by ", b"sendmsg"], [], 0, name + "d")
    v.connect(name + "d")
    v.send(b"connected")
    for _ in range(3):
        word, control, _, _ = u.recvmsg(99, 99)
        say("who sends", word, struct.unpack("3i", control[0][2]) == (os.getpid(), os.getuid(), os.getgid()))


def padded():
    '''The whole struct is the name, as with bind(fd, &sun, sizeof(sun)).'''
    for name in (b"padded", b"", b"x" * 80):
        real = b"\0" + name + b"\0" * (107 - len(name))
        with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_UNIX) as c, socket.socket(socket.AF_UNIX) as other:
            tries("a padded name", s.bind, real)
            s.listen()
            say(s.getsockname() == real)
            tries("a shorter one", other.bind, real[:-1])
            tries("connect", c.connect, real)
            say(c.getpeername() == real)


def much():
    a, b = pair(socket.AF_INET6, LO6)
    data = os.urandom(1 << 20)
    t = threading.Thread(target=lambda: [a.sendall(data) for _ in range(20)] and a.shutdown(socket.SHUT_WR))
    t.start()
    got = bytearray()
    while True:
        part = b.recv(100000)
        if not part:
            break
        got += part
    t.join()
    say("much", bytes(got) == data * 20)
    a, b = pair()
    a.setblocking(False)
    n = 0
    try:
        while True:
            n += a.send(data)
    except BlockingIOError:
        pass
    say("full", n > 10000, select.select([], [a], [], 0)[1])
    left = n
    while left:
        left -= len(b.recv(100000))
    say("room again", bool(select.select([], [a], [], 10)[1]))


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.c_void_p), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int), ("got", ctypes.c_uint)]


def call(what, name, *args):
    r = getattr(LIBC, name)(*args)
    say(what, errno.errorcode[ctypes.get_errno()] if r < 0 else "ok" if name == "socket" else r)
    if name == "socket" and r >= 0:
        os.close(r)


def wrong():
    '''What the kernel refuses, and which error it tells first.'''
    for args in ((2, 75, 0), (2, -1, 0), (2, 1, 17), (2, 1, -1), (2, 2, 263), (2, 0, 0), (10, 5, 0), (16, 1, 0), (16, 3, -1), (2, 2, 17)):
        call(f"socket {args}", "socket", *args)
    two = (ctypes.c_int * 2)()
    for args in ((2, 1, 0), (2, 2, 0), (2, 1, 17), (2, 75, 0), (10, 3, 0)):
        call(f"socketpair {args}", "socketpair", *args, two)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((LO, 0))
    a, b = pair()
    a.sendall(b"word")
    select.select([b], [], [], 10)
    tries("queue of errors of a stream", lambda: b.recvmsg(9, 99, MSG_ERRQUEUE)[0])
    tries("what it had", b.recv, 9)
    tries("urgent, to nobody", udp.sendto, b"x", socket.MSG_OOB, udp.getsockname())
    room = ctypes.c_int(16)
    call("no place for a name", "getsockname", a.fileno(), None, ctypes.byref(room))
    for level in (17, 41, 132, 500, -1):
        call(f"getsockopt {level}", "getsockopt", a.fileno(), level, 3, two, ctypes.byref(room))
    v4 = struct.pack("=HH4s20x", socket.AF_INET, 0, socket.inet_aton(LO))
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET6, kind) as s:
            call("bind, of another family", "bind", s.fileno(), v4, 28)
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
        call("connect, of another family", "connect", s.fileno(), v4, 28)
    buf = ctypes.create_string_buffer(8)
    vectors = (Vector * 1025)()
    vectors[0] = Vector(ctypes.addressof(buf), 8)
    name = ctypes.create_string_buffer(struct.pack("=HH4s", 2, socket.htons(udp.getsockname()[1]), socket.inet_aton(LO)), 1000)
    m = (Message * 2)(*[Message(ctypes.addressof(name), 16, ctypes.addressof(vectors), 1) for _ in range(2)])
    for size in (-1, 3, 16, 128, 129, 1000):
        m[0].namelen = size & 0xffffffff
        call(f"a name of {size}", "sendmsg", udp.fileno(), m, 0)
    m[0].namelen = 16
    for n in (1025, 1 << 40):
        m[0].iovlen = n
        call(f"{n} vectors", "sendmsg", udp.fileno(), m, 0)
    m[0].iovlen = 1
    for seconds, nanoseconds in ((-1, 0), (0, -1), (0, 1000000000), (0, 0)):
        call(f"recvmmsg {seconds} {nanoseconds}", "recvmmsg", udp.fileno(), m, 2, 0, struct.pack("=qq", seconds, nanoseconds))
    call("recvmmsg, a bad time", "recvmmsg", udp.fileno(), m, 2, 0, ctypes.c_void_p(8))
    m[0].namelen = 0xffffffff
    call("recvmsg, a bad name", "recvmsg", udp.fileno(), m, 0)


def listeners():
    late = 0
    for _ in range(300):
        with socket.create_server((LO, 0)) as s, socket.create_connection(s.getsockname()):
            late += not select_events(s)
    say("connected, and not there", late)
    with socket.create_server((LO, 0)) as s:
        say("events of a listener", select_events(s))
        say("send to a listener", any_error(s.send, b"x"))
        a = socket.create_connection(s.getsockname())
        say("events of a listener with one", select_events(s))
        b, _ = s.accept()
        b.sendall(b"word")
        tries("whose is it", a.recvfrom, 4)
        b.sendall(b"word")
        tries("recvmsg", lambda: a.recvmsg(4)[3])
        b.sendall(b"more words")
        tries("all of it", a.recvfrom, 10, socket.MSG_WAITALL)
        a.close()
        b.close()
    with socket.create_server((LO, 0), backlog=400) as s:
        clients = [socket.create_connection(s.getsockname()) for _ in range(400)]
        came = [s.accept() for _ in clients]
        say("all that waited", [c.getsockname() for c in clients] == [addr for _, addr in came])
        for x in clients + [c for c, _ in came]:
            x.close()
    port = free_port()
    servers = [socket.create_server((LO, port), reuse_port=True) for _ in range(3)]
    with socket.socket() as other:
        tries("a fourth that does not share", other.bind, (LO, port))
    clients, came = [], set()
    for _ in range(100):
        clients.append(socket.create_connection((LO, port)))
        for ready in select.select(servers, [], [], 10)[0]:
            ready.accept()[0].close()
            came.add(ready.fileno())
    say("each of three had some", len(came))
    servers.pop().close()
    servers.pop(0).close()
    c = socket.create_connection((LO, port))
    tries("one is left", lambda: servers[0].accept()[1] == c.getsockname())
    servers.pop().close()
    tries("none is left", socket.create_connection, (LO, port))
    for x in clients:
        x.close()


def loopbacks():
    for addr in ("127.0.0.2", "127.255.1.2"):
        with socket.create_server((addr, 0)) as s, socket.create_connection(s.getsockname()) as c:
            say(addr, c.getsockname()[0], s.accept()[1][0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            u.bind((addr, 0))
            u.sendto(b"to itself", u.getsockname())
            tries(addr, lambda: u.recvfrom(9)[1][0])


def more():
    a, b = pair()
    u, v = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    u.bind((LO, 0))
    v.connect(u.getsockname())
    a.send(b"one", socket.MSG_MORE)
    v.send(b"one", socket.MSG_MORE)
    say("held back", select.select([b, u], [], [], 0.05)[0] == [])
    a.sendmsg([b"two"], [], socket.MSG_MORE)
    v.sendmsg([b"two"], [], socket.MSG_MORE)
    say("held back", select.select([b, u], [], [], 0.02)[0] == [])
    a.send(b"three")
    v.send(b"three")
    tries("stream", b.recv, 11, socket.MSG_WAITALL)
    tries("datagram", lambda: u.recvfrom(99) == (b"onetwothree", v.getsockname()))
    u.settimeout(10)
    b.settimeout(10)
    a.send(b"alone", socket.MSG_MORE)
    tries("not for ever", b.recv, 9)
    a.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    v.setsockopt(socket.IPPROTO_UDP, 1, 1)
    for _ in range(2):
        a.send(b"x")
        v.send(b"x")
    say("corked", select.select([b, u], [], [], 0.05)[0] == [])
    a.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
    v.setsockopt(socket.IPPROTO_UDP, 1, 0)
    tries("stream", b.recv, 2, socket.MSG_WAITALL)
    tries("datagram", u.recv, 9)
    v.send(b"x" * 60000, socket.MSG_MORE)
    tries("too much", v.send, b"x" * 6000, socket.MSG_MORE)
    w = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    w.sendto(b"one", socket.MSG_MORE, u.getsockname())
    w.sendto(b"two", 0, u.getsockname())
    tries("of none that is connected", u.recv, 9)
    u.settimeout(None)
    b.settimeout(None)
    for what, fn in (("recv", u.recv), ("recv of a stream", b.recv)):
        tries(f"queue of errors, {what}", fn, 9, MSG_ERRQUEUE)
    for what, s in (("stream", b), ("datagram", u)):
        mark = ctypes.c_int(7)
        call(f"SIOCATMARK, {what}", "ioctl", s.fileno(), SIOCATMARK, ctypes.byref(mark))
        for level, option in ((0, 199), (0, 2), (1, 999), (6, 200), (17, 77), (41, 200)):
            call(f"option {level} {option} at no address", "setsockopt", s.fileno(), level, option, ctypes.c_void_p(8), 4)


def groups():
    s, t = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    lo = socket.inet_aton(LO)
    tries("join", s.setsockopt, 0, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.1.1") + lo)
    tries("twice", s.setsockopt, 0, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.1.1") + lo)
    tries("another leaves", t.setsockopt, 0, socket.IP_DROP_MEMBERSHIP, socket.inet_aton("239.1.1.1") + lo)
    tries("leave", s.setsockopt, 0, socket.IP_DROP_MEMBERSHIP, socket.inet_aton("239.1.1.1") + lo)
    tries("again", s.setsockopt, 0, socket.IP_DROP_MEMBERSHIP, socket.inet_aton("239.1.1.1") + lo)
    tries("no group", s.setsockopt, 0, socket.IP_ADD_MEMBERSHIP, lo + lo)
    tries("no interface", s.setsockopt, 0, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.1.1") + socket.inet_aton("192.0.2.1"))
    n = 0
    try:
        for n in range(30):
            s.setsockopt(0, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(f"239.1.2.{n}") + lo)
    except OSError as e:
        say("so many", n, errno.errorcode[e.errno])
    group = struct.pack("=I4xHH4s120x", 1, socket.AF_INET, 0, socket.inet_aton("239.1.1.9"))
    with socket.create_server((LO, 0)) as server:
        for what, option in (("MCAST_JOIN_GROUP", 42), ("twice", 42)):
            tries(what, server.setsockopt, 0, option, group)
        a = socket.create_connection(server.getsockname())
        b, _ = server.accept()
        tries("not inherited", b.setsockopt, 0, 45, group)
        tries("MCAST_LEAVE_GROUP", server.setsockopt, 0, 45, group)
        tries("membership of a stream", a.setsockopt, 0, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.1.1") + lo)
    six = socket.inet_pton(socket.AF_INET6, "ff15::7") + struct.pack("=i", 1)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as u:
        for what, option in (("IPv6", socket.IPV6_JOIN_GROUP), ("twice", socket.IPV6_JOIN_GROUP), ("leave", socket.IPV6_LEAVE_GROUP),
                             ("again", socket.IPV6_LEAVE_GROUP)):
            tries(what, u.setsockopt, socket.IPPROTO_IPV6, option, six)


def senders():
    """Groups of which some senders are heard (RFC 3678)."""
    group, lo = socket.inet_aton("239.1.1.3"), socket.inet_aton(LO)
    add, drop, block, unblock = 39, 40, 38, 37
    me, other = group + lo + lo, group + lo + socket.inet_aton("127.0.0.2")
    w, u, plain = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
    w.setsockopt(0, socket.IP_MULTICAST_IF, lo)
    w.bind((LO, 0))
    u.bind(("", 0))
    u.settimeout(0.3)

    def heard(what):
        w.sendto(what.encode(), ("239.1.1.3", u.getsockname()[1]))
        try:
            say(f"{what}: heard", u.recv(99) == what.encode())
        except TimeoutError:
            say(f"{what}: not heard")

    tries("block without a join", u.setsockopt, 0, block, me)
    tries("join for another", u.setsockopt, 0, add, other)
    heard("another's")
    tries("for me", u.setsockopt, 0, add, me)
    tries("twice", u.setsockopt, 0, add, me)
    heard("mine")
    tries("block is another mode", u.setsockopt, 0, block, me)
    tries("leave", u.setsockopt, 0, drop, me)
    heard("another's again")
    tries("leave again", u.setsockopt, 0, drop, me)
    tries("the last one", u.setsockopt, 0, drop, other)
    tries("is the whole", u.setsockopt, 0, drop, other)
    tries("join", u.setsockopt, 0, socket.IP_ADD_MEMBERSHIP, group + lo)
    heard("anybody's")
    tries("block", u.setsockopt, 0, block, me)
    heard("blocked")
    tries("unblock", u.setsockopt, 0, unblock, me)
    tries("unblock again", u.setsockopt, 0, unblock, me)
    heard("unblocked")
    for n in range(1, 13):
        tries(f"block {n}", u.setsockopt, 0, block, group + lo + socket.inet_aton(f"127.0.1.{n}"))
    tries("short", u.setsockopt, 0, add, group)
    tries("leave all", u.setsockopt, 0, socket.IP_DROP_MEMBERSHIP, group + lo)
    tries("another joins", plain.setsockopt, 0, socket.IP_ADD_MEMBERSHIP, group + lo)
    heard("another socket's group")
    say("IP_MULTICAST_ALL", u.getsockopt(0, 49))
    u.setsockopt(0, 49, 0)
    heard("only what I joined")
    req = struct.pack("=I4xHH4s120xHH4s120x", 1, socket.AF_INET, 0, group, socket.AF_INET, 0, lo)
    for what, option in (("MCAST_JOIN_SOURCE_GROUP", 46), ("twice", 46), ("MCAST_LEAVE_SOURCE_GROUP", 47), ("MCAST_BLOCK_SOURCE", 43)):
        tries(what, u.setsockopt, 0, option, req)


def same_port():
    """SO_REUSEPORT: a sender is always heard by the same one, and each has some."""
    us = []
    for _ in range(3):
        us.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        us[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        us[-1].bind((LO, us[0].getsockname()[1]))
        us[-1].settimeout(0.2)
    for _ in range(64):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as w:
            for _ in range(2):
                w.sendto(b"x", us[0].getsockname())
    got = []
    for u in us:
        got.append([])
        try:
            while True:
                got[-1].append(u.recvfrom(9)[1])
        except TimeoutError:
            pass
    say("all came", sum(map(len, got)), "each has some", all(got), "in pairs", all(a.count(p) % 2 == 0 for a in got for p in a))


def not_connected():
    """Reading from and writing to a socket that is bound, or listens."""
    s = socket.socket()
    s.bind((LO, 0))
    for what in ("bound", "listening"):
        tries(f"recvfrom, {what}", s.recvfrom, 9)
        tries(f"recvmsg, {what}", s.recvmsg, 9)
        tries(f"without waiting, {what}", s.recvfrom, 9, socket.MSG_DONTWAIT)
        tries(f"sendto, {what}", s.sendto, b"x", (LO, 1))
        for flags in 0, socket.MSG_DONTWAIT: # where no address is asked for
            say(f"recv, {what}", any_error(s.recv, 9, flags))
            say(f"send, {what}", any_error(s.send, b"x", flags))
        say(f"read, {what}", any_error(os.read, s.fileno(), 9), any_error(os.write, s.fileno(), b"x"))
        say(f"events, {what}", select_events(s))
        s.listen()
    with socket.create_connection(s.getsockname()):
        select.select([s], [], [], 10)
        tries("recvfrom of a listener that has one", s.recvfrom, 9)
        say("recv of it", any_error(s.recv, 9))
        tries("and that is still there", lambda: s.accept()[0].close())


def error_queue(family, host):
    """IP_RECVERR"""
    v6 = family == socket.AF_INET6
    level, option = (socket.IPPROTO_IPV6, 25) if v6 else (socket.IPPROTO_IP, 11)
    port = free_port()

    def read(s):
        _, control, flags, name = s.recvmsg(99, 500, MSG_ERRQUEUE)
        say("read", flags == MSG_ERRQUEUE, name[:2] == (host, port))
        for level, kind, value in control:
            error, origin, icmp, code, _, info, _ = struct.unpack("=IBBBBII", value[:16])
            say("control", level, kind, len(value), errno.errorcode[error], origin, icmp, code, info)
            say("from", socket.inet_ntop(family, value[24:40] if v6 else value[20:24]))

    with socket.socket(family, socket.SOCK_DGRAM) as s:
        tries("nothing in it", s.recvmsg, 9, 99, MSG_ERRQUEUE)
        s.setsockopt(level, option, 1)
        for word in (b"one", b"another"):
            s.sendto(word, (host, port))
            tries("of who is not connected", s.recvfrom, 9)
        read(s)
        tries("SO_ERROR", s.getsockopt, socket.SOL_SOCKET, socket.SO_ERROR)
        tries("once", s.recvfrom, 9, socket.MSG_DONTWAIT)
        read(s)
        tries("nothing more", s.recvmsg, 9, 99, MSG_ERRQUEUE)
        tries("nothing more", s.recvfrom, 9, socket.MSG_DONTWAIT)
        s.connect((host, port))
        s.send(b"one")
        p = select.poll()
        p.register(s, select.POLLIN)
        say("it is said", len(p.poll(10000)))
        read(s)
        say("and was read", p.poll(0))
        tries("no address", s.recvfrom, 9, socket.MSG_DONTWAIT)
        for n in (1, 300, 1000):
            s.send(b"x" * n)
            p.poll(10000)
            say("quoted", n, len(s.recvmsg(2000, 500, MSG_ERRQUEUE)[0]))
        s.send(b"one")
        p.poll(10000)
        tries("no room", lambda: s.recvmsg(0, 8, MSG_ERRQUEUE)[2] & ~socket.MSG_TRUNC == MSG_ERRQUEUE | socket.MSG_CTRUNC)
        s.setsockopt(level, option, 0)
        s.send(b"one")
        tries("without", s.recvfrom, 9)
        tries("nothing in it", s.recvmsg, 9, 99, MSG_ERRQUEUE)
        s.setsockopt(level, 23 if v6 else 10, 2)
        tries("one piece", s.send, b"x" * 66000)


def told_by_poll(family, host):
    """What ICMP says of a datagram is POLLERR, until somebody is told which error it is."""
    recverr = (socket.IPPROTO_IPV6, 25) if family == socket.AF_INET6 else (socket.IPPROTO_IP, 11)
    ERR = select.POLLERR

    def told(s, ms=10000):
        p = select.poll()
        p.register(s, select.POLLIN)
        return [e for _, e in p.poll(ms)]

    def error(s):
        return errno.errorcode.get(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    with socket.socket(family, socket.SOCK_DGRAM) as to:
        to.bind((host, 0))
        name = to.getsockname()
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.connect(name)
    edges = select.epoll()
    edges.register(s, select.EPOLLIN | select.EPOLLET)
    for how in ("write", "sendto"):
        os.write(s.fileno(), b"x") if how == "write" else s.sendto(b"x", name)
        say("told", how, told(s) == [ERR], told(s) == [ERR], [e == ERR for _, e in edges.poll(10)])
        say("select", [len(x) for x in select.select([s], [s], [s], 0)])
        say("SO_ERROR", error(s), error(s), told(s, 0), edges.poll(0))
        s.send(b"x")
        told(s)
        tries("a call is told", s.sendto, b"x", name)
        s.send(b"x")
        told(s)
        tries("recvfrom is told", s.recvfrom, 9)
        say("and then nobody", told(s, 0), error(s))
        s.send(b"x")
        told(s)
        say("read is told", any_error(os.read, s.fileno(), 9), told(s, 0), error(s))
    for read in (lambda: any_error(os.read, s.fileno(), 9), lambda: any_error(s.recvfrom, 9)):
        thread = threading.Thread(target=lambda: say("who waits is told", read()))
        thread.start()
        time.sleep(0.1)
        s.send(b"x")
        thread.join()
    s.setsockopt(*recverr, 1)
    for _ in range(2):
        s.setsockopt(*recverr, 1)
        tries("queued", s.sendto, b"x", name)
        say("is told", told(s) == [ERR], error(s), told(s, 0) == [ERR])
    for left in (True, False):
        s.recvmsg(9, 500, MSG_ERRQUEUE)
        say("one was read", (told(s, 0) == [ERR]) == left, error(s))
    with socket.socket(family, socket.SOCK_DGRAM) as to:
        to.bind(name)
        s.setsockopt(*recverr, 0)
        s.send(b"there")
        data, back = to.recvfrom(99)
        to.sendto(data, back)
        say("goes on", told(s) == [select.POLLIN], s.recvfrom(99) == (b"there", name))
        for i in range(20):
            s.send(b"%d" % i)
        s.close()
        say("sent before the close", [int(to.recv(9)) for _ in range(20)] == list(range(20)))
    for _ in range(50):
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.bind(name)
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.connect(name)
        s.shutdown(socket.SHUT_RD)
        tries("shut down", s.recvfrom, 9, socket.MSG_DONTWAIT)
        say("shut down", any_error(s.recv, 9, socket.MSG_DONTWAIT), s.recv(9), told(s, 0) == [select.POLLIN])


def nobody_reads():
    """The thread that writes gets the signal, and may wait for it; the process would end of it."""

    def write():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
        with socket.socket() as s:
            tries("sendto", s.sendto, b"x", (LO, 9))
        say("signals that wait", sorted(signal.sigpending()) == [signal.SIGPIPE])
        signal.sigtimedwait({signal.SIGPIPE}, 0)

    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    signal.signal(signal.SIGPIPE, before)


def disconnecting():
    """connect(2) to AF_UNSPEC."""
    none = ctypes.create_string_buffer(16)
    server = socket.create_server((LO, 0))

    def disconnect(what, s):
        call(what, "connect", s.fileno(), none, 16)

    s = socket.socket()
    disconnect("nothing to disconnect", s)
    s.bind((LO, 0))
    disconnect("a bound one", s)
    say("its name", s.getsockname()[0])
    s.connect(server.getsockname())
    b, _ = server.accept()
    b.sendall(b"for nobody")
    select.select([s], [], [], 10)
    disconnect("a connection", s)
    p = select.poll()
    p.register(b, 0)
    p.poll(10000)
    tries("the other end", b.recv, 9)
    tries("its peer", s.getpeername)
    say("its name", s.getsockname()[0])
    tries("recvfrom", s.recvfrom, 9, socket.MSG_DONTWAIT)
    tries("once", s.recvfrom, 9, socket.MSG_DONTWAIT)
    for _ in range(2):
        tries("connects again", s.connect, server.getsockname())
        b, _ = server.accept()
        b.sendall(b"words")
        s.sendall(b"and")
        tries("and hears", s.recv, 5, socket.MSG_WAITALL)
        tries("and is heard", b.recv, 9)
        disconnect("again", s)
    s.bind((LO, 0))
    s.listen()
    c = socket.create_connection(s.getsockname())
    tries("and listens", lambda: s.accept()[1] == c.getsockname())
    waiting = socket.create_connection(s.getsockname())
    disconnect("a listener", s)
    p = select.poll()
    p.register(waiting, 0)
    p.poll(10000)
    say("who waited", any_error(waiting.recv, 9) in (None, "an error"))
    tries("SO_ACCEPTCONN", s.getsockopt, socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    tries("accept", s.accept)
    tries("nobody listens", socket.create_connection, (LO, s.getsockname()[1]))
    s.listen()
    c = socket.create_connection(s.getsockname())
    tries("listens again", lambda: s.accept()[1] == c.getsockname())
    port = free_port()
    with socket.socket() as s:
        for _ in range(3):
            tries("refused again", s.connect, (LO, port))
        with socket.create_server((LO, port)):
            tries("and then not", s.connect, (LO, port))


def no_room():
    """accept(2) by who has no number free leaves the connection where it is; a listener that is shut down wakes who waits."""
    server = socket.create_server((LO, 0))
    c = socket.create_connection(server.getsockname())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = [os.open("/", os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[0] + 1, hard))
    tries("no number is free", server.accept)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    os.close(files[0])
    tries("then one is", lambda: server.accept()[1] == c.getsockname())
    thread = threading.Thread(target=lambda: tries("is woken", server.accept))
    thread.start()
    time.sleep(0.2)
    server.shutdown(socket.SHUT_RDWR)
    thread.join()
    tries("and nobody listens", socket.create_connection, server.getsockname())


def crowd():
    """Of each socket that is closed at once with many others the port is free."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        port, n, held = 20000, 0, []
        while n < 300:
            s = socket.socket()
            s.bind((LO, port + n))
            if n % 2:
                s.listen()
            held.append(s)
            n += 1
        os.write(writer, b"x")
        signal.pause()
    os.read(reader, 1)
    tries("taken", socket.create_server, (LO, 20001))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    for n in range(300):
        with socket.socket() as s:
            s.bind((LO, 20000 + n))
    say("free again")


def written_and_closed():
    """What is written to a datagram socket that is closed at once is sent, and nobody waits for more."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
        u.bind((LO, 0))
        for _ in range(500):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.connect(u.getsockname())
            os.write(s.fileno(), b"word")
            s.sendmsg([b"and another"])  # (which the stack may hear of in one go with the former)
            s.close()
            u.recv(99), u.recv(99)
        say("written and closed")


def never_accepted():
    """A listener's end is that of the connections which nobody has taken."""
    def waits(what, s):
        p = select.poll()
        p.register(s, 0)
        say(what, any(e & select.POLLHUP for _, e in p.poll(10000)))
        tries("and then", s.recv, 9)
    listener = socket.create_server((LO, 0))
    clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
    clients[1].sendall(b"unread")
    b, _ = listener.accept()
    tries("one is", lambda: (b.sendall(b"words"), clients[0].recv(9))[1])
    listener.close()
    waits("never accepted", clients[1])
    waits("nor this one", clients[2])
    tries("the other goes on", lambda: (b.sendall(b"words"), clients[0].recv(9))[1])
    b.close()
    tries("to its end", clients[0].recv, 9)
    # reset while it waits
    with socket.create_server((LO, 0)) as listener:
        for _ in range(2):
            c = socket.create_connection(listener.getsockname())
            c.sendall(b"words")
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
            name = c.getsockname()
            c.close()
            time.sleep(0.05)
            b, addr = listener.accept()
            say("whose it was", addr == name)
            waits("reset before", b)
            b.close()
    # what was sent goes before a reset
    a, b = pair()
    a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
    a.sendall(b"before it")
    a.close()
    waits("SO_LINGER", b)
    tries("and then", b.recv, 9)


IPV6_ADDRFORM = 1


def urgent():
    """MSG_OOB, where it is in the data, and who is told."""
    def mark(s):
        return struct.unpack("i", fcntl.ioctl(s, SIOCATMARK, bytes(4)))[0]

    def comes(s, events=select.POLLPRI):
        p = select.poll()
        p.register(s, events)
        return p.poll(10000) != []

    def all_of(s, n):
        """What each recv(2) gives, until it is so much."""
        got = []
        while sum(map(len, got)) < n:
            comes(s, select.POLLIN)
            got.append(s.recv(99))
        return got

    told = []
    signal.signal(signal.SIGURG, lambda *_: told.append("SIGURG"))
    for turn in range(2):
        a, b = pair()[::1 if turn else -1]
        fcntl.fcntl(b, fcntl.F_SETOWN, os.getpid())
        tries("none yet", b.recv, 1, socket.MSG_OOB)
        a.sendall(b"before")
        a.send(b"and X", socket.MSG_OOB)
        say("comes", comes(b), select.select([], [], [b], 10)[2] == [b], told[-1:])
        a.sendall(b"after")
        say("before it", b"".join(all_of(b, 10)), "mark", mark(b))
        tries("looked at", b.recv, 9, socket.MSG_OOB | socket.MSG_PEEK)
        tries("urgent", b.recv, 9, socket.MSG_OOB)
        tries("once", b.recv, 1, socket.MSG_OOB)
        say("after it", b"".join(all_of(b, 5)), "mark", mark(b))
        for word in (b"1", b"2", b"3"):
            a.send(word, socket.MSG_OOB)
            say("one by one", comes(b), b.recv(1, socket.MSG_OOB))
        tries("nothing more", b.recv, 9, socket.MSG_DONTWAIT)
        b.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        a.sendall(b"before")
        a.send(b"X", socket.MSG_OOB)
        comes(b)
        a.sendall(b"after")
        say("inline, before it", b"".join(all_of(b, 6)), "mark", mark(b))
        tries("inline, urgent", b.recv, 1, socket.MSG_OOB)
        say("inline, the rest", b"".join(all_of(b, 6)), "mark", mark(b))
        a.send(b"Y", socket.MSG_OOB)
        a.close()
        say("at the end", b"".join(all_of(b, 1)), b.recv(9))
    with socket.create_server((LO, 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        a = socket.create_connection(server.getsockname())
        b = server.accept()[0]
        say("inherited", b.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE))
        a.send(b"Z", socket.MSG_OOB)
        say("inherited", all_of(b, 1))
    a, b = pair()
    data = os.urandom(300000)
    sender = threading.Thread(target=lambda: [a.sendall(data[:200000]), a.send(data[200000:200001], socket.MSG_OOB), a.sendall(data[200001:]), a.close()])
    sender.start()
    before = b""
    while comes(b, select.POLLIN | select.POLLPRI) and not mark(b):
        before += b.recv(5000)
    say("in the middle of much", before == data[:200000], b.recv(1, socket.MSG_OOB) == data[200000:200001])
    after = b""
    while part := b.recv(5000):
        after += part
    say("and after it", after == data[200001:])
    sender.join()


def anywhere():
    """No address is this host's, no port is no peer."""
    for family, none, here in ((socket.AF_INET, "0.0.0.0", LO), (socket.AF_INET6, "::", LO6)):
        with socket.create_server((here, 0), family=family) as server, socket.socket(family) as c:
            tries("connect", c.connect, (none, server.getsockname()[1]))
            tries("is here", lambda: c.getpeername()[0])
        with socket.socket(family, socket.SOCK_DGRAM) as a, socket.socket(family, socket.SOCK_DGRAM) as b:
            a.bind((here, 0))
            a.settimeout(10)
            b.bind((here, 0))
            tries("sendto", b.sendto, b"word", (none, a.getsockname()[1]))
            tries("came", a.recv, 9)
            tries("connect", b.connect, (none, a.getsockname()[1]))
            tries("is here", lambda: b.getpeername()[:2] == a.getsockname()[:2])
            tries("send", b.send, b"words")
            tries("came", a.recv, 9)
            tries("no port", b.connect, (here, 0))
            tries("no peer", b.getpeername)
            tries("no port", b.connect, (none, 0))
            tries("no peer", b.getpeername)


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
    s.close()


def accepted_names():
    """What getsockname(2) and getpeername(2) say of who was accepted, as long as it is."""
    none = ctypes.create_string_buffer(16)
    for family, host, to in ((socket.AF_INET, LO, LO), (socket.AF_INET, "", "127.1.2.3"), (socket.AF_INET6, LO6, LO6),
                             (socket.AF_INET6, "::", "::ffff:127.0.0.1")):
        server = socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::")
        c = socket.create_connection((to, server.getsockname()[1]))
        b, addr = server.accept()
        say(to, b.family == family, addr[0], addr[1:] == b.getpeername()[1:], len(addr))
        say(b.getsockname()[0], b.getsockname()[1] == server.getsockname()[1], b.getpeername()[1] == c.getsockname()[1])
        p = select.poll()
        p.register(b, 0)
        reset(c)
        p.poll(10000)
        tries("peer of a reset one", lambda: b.getpeername() == addr)
        tries("its own name", lambda: b.getsockname()[0])
    server = socket.create_server((LO, 0))
    c = socket.create_connection(server.getsockname())
    b, addr = server.accept()
    c.shutdown(socket.SHUT_WR)
    b.recv(1)
    tries("half closed", lambda: b.getpeername() == addr)
    passed = socket.socket(fileno=os.dup(b.fileno()))
    b.close()
    tries("a dup's", lambda: (passed.getpeername() == addr, passed.getsockname() == server.getsockname()))
    c = socket.create_connection(server.getsockname())
    b, addr = server.accept()
    call("disconnect", "connect", b.fileno(), none, 16)
    tries("disconnected", b.getpeername)
    b.connect(server.getsockname())
    tries("connected itself", lambda: (b.getpeername() == server.getsockname(), b.getsockname() == addr))
    server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    c = socket.create_connection((LO, server.getsockname()[1]))
    b = server.accept()[0]
    b.setsockopt(socket.IPPROTO_IPV6, IPV6_ADDRFORM, struct.pack("=i", socket.AF_INET))
    four = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=b.detach())
    say("IPv4 now", four.getsockname() == c.getpeername(), four.getpeername() == c.getsockname())


def becomes_ipv4():
    """IPV6_ADDRFORM"""
    server = socket.create_server(("", 0))
    port = server.getsockname()[1]
    value = struct.pack("=i", socket.AF_INET)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_INET6, kind)
        tries("not connected", s.setsockopt, socket.IPPROTO_IPV6, IPV6_ADDRFORM, value)
        tries("which is it", s.getsockopt, socket.IPPROTO_IPV6, IPV6_ADDRFORM)
        s.connect(("::ffff:127.0.0.1", port))
        tries("which is it", s.getsockopt, socket.IPPROTO_IPV6, IPV6_ADDRFORM)
        tries("no family", s.setsockopt, socket.IPPROTO_IPV6, IPV6_ADDRFORM, struct.pack("=i", 77))
        tries("short", s.setsockopt, socket.IPPROTO_IPV6, IPV6_ADDRFORM, b"x")
        tries("IPv4", s.setsockopt, socket.IPPROTO_IPV6, IPV6_ADDRFORM, value)
        call("once", "setsockopt", s.fileno(), socket.IPPROTO_IPV6, IPV6_ADDRFORM, value, 4)
        tries("domain", s.getsockopt, socket.SOL_SOCKET, socket.SO_DOMAIN)
        four = socket.socket(socket.AF_INET, kind, fileno=os.dup(s.fileno()))
        say("names", four.getpeername() == (LO, port), four.getsockname()[0])
        call("disconnect", "connect", s.fileno(), ctypes.create_string_buffer(16), 16)
        tries("bind", four.bind, (LO, 0))
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as six, socket.create_connection(six.getsockname()[:2]) as c:
        tries("of IPv6 alone", c.setsockopt, socket.IPPROTO_IPV6, IPV6_ADDRFORM, value)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as u:
        u.connect(("::1", 9))
        tries("of IPv6 alone", u.setsockopt, socket.IPPROTO_IPV6, IPV6_ADDRFORM, value)


for test in (stream, resets, left_ports, connecting, names, not_connected, nobody_reads, disconnecting, never_accepted, no_room, crowd, written_and_closed, accepted_names, urgent, anywhere, becomes_ipv4, options, values,
             truncated, segments, chosen_ports, one_piece, told_later, several, small_ones, to_itself, buffers, lingering,
             times, processes, abstract, padded, much, wrong, listeners, loopbacks, more, groups, senders, same_port):
    say("#", test.__name__)
    test()
say("# datagrams")
error_queue(socket.AF_INET, LO)
error_queue(socket.AF_INET6, LO6)
told_by_poll(socket.AF_INET, LO)
told_by_poll(socket.AF_INET6, LO6)
datagrams(socket.AF_INET, LO)
datagrams(socket.AF_INET6, LO6)
sys.exit(0)
