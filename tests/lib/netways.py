# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways out of a view whose network is loopback alone: netways.py PORT NAME, a server on the host's loopback
and an abstract name that listens; with -d behind it one for datagrams.

Each tries to reach the host's network, or an abstract AF_UNIX name, otherwise; it prints those that lead out."""
import array
import ctypes
import os
import socket
import struct
import sys

PORT = int(sys.argv[1])
NAME = "\0" + sys.argv[2]
OUT = []
AF_VSOCK, AF_BLUETOOTH, AF_QIPCRTR, AF_TIPC, AF_CAN, AF_RDS, AF_SMC, AF_XDP = 40, 31, 42, 30, 29, 21, 43, 44


def way(name, fn):
    """fn returns True where it got out; an error is a closed way."""
    try:
        if fn():
            OUT.append(name)
    except (OSError, ValueError):
        pass


def connects(addr, family=socket.AF_INET, kind=socket.SOCK_STREAM, make=socket.socket):
    with make(family, kind) as s:
        s.settimeout(1)
        s.connect(addr)
        return True


def interfaces(s):
    """The names that a socket's namespace has."""
    import fcntl
    buf = array.array("B", bytes(4096))
    size, _ = struct.unpack("iL", fcntl.ioctl(s.fileno(), 0x8912, struct.pack("iL", 4096, buf.buffer_info()[0])))
    return {bytes(buf[i:i + 16]).split(b"\0")[0] for i in range(0, size, 40)} - {b"lo"}


def raw_socket(family, kind, proto=0):
    """By the system call itself."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(41, family, kind, proto)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "socket")
    return socket.socket(fileno=fd)


def in_a_child():
    """From a child, over SCM_RIGHTS."""
    a, b = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            socket.send_fds(a, [b"x"], [s.fileno()])
        os._exit(0)
    _, fds, _, _ = socket.recv_fds(b, 9, 1)
    os.waitpid(pid, 0)
    return connects(("127.0.0.1", PORT), make=lambda *_: socket.socket(fileno=fds[0]))


def in_a_namespace():
    """From a user and network namespace of its own: there is nothing but loopback either."""
    libc = ctypes.CDLL(None, use_errno=True)
    pid = os.fork()
    if pid == 0:
        if libc.unshare(0x50000000) != 0:
            os._exit(1)
        try:
            connects(("127.0.0.1", PORT))
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def io_uring():
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(425, 8, ctypes.create_string_buffer(120)) >= 0


def abstract_pair():
    """A datagram to the host's abstract name from a socket of a pair."""
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return a.sendto(b"x", NAME + "-d") > 0 and b is not None


way("tcp", lambda: connects(("127.0.0.1", PORT)))
way("tcp, mapped", lambda: connects(("::ffff:127.0.0.1", PORT), socket.AF_INET6))
way("mptcp", lambda: connects(("127.0.0.1", PORT), make=lambda f, k: socket.socket(f, k, 262)))
way("the system call", lambda: connects(("127.0.0.1", PORT), make=raw_socket))
way("an address that routes lead to", lambda: connects(("192.0.2.1", 80)))
way("udp out", lambda: connects(("192.0.2.1", 53), kind=socket.SOCK_DGRAM))
way("broadcast", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("255.255.255.255", 9)) > 0)
way("interfaces", lambda: interfaces(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
way("interfaces of a datagram socket of IPv6", lambda: interfaces(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)))
way("interfaces of netlink", lambda: interfaces(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)))
way("interfaces of packet", lambda: interfaces(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300)))
way("interfaces of a unix socket's ioctl", lambda: interfaces(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
way("interfaces of a pair", lambda: interfaces(socket.socketpair()[0]))
way("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).sendto(b"x" * 8, ("192.0.2.1", 0)) > 0)
way("ping", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1).sendto(b"x" * 8, ("192.0.2.1", 0)) > 0)
way("getaddrinfo's interfaces", lambda: {n for _, n in socket.if_nameindex()} - {"lo"})
way("a child's socket", in_a_child)
way("a namespace", in_a_namespace)
way("io_uring", io_uring)
way("an abstract name", lambda: connects(NAME, socket.AF_UNIX))
way("an abstract name, from a pair", abstract_pair)
for number in (AF_VSOCK, AF_BLUETOOTH, AF_QIPCRTR, AF_TIPC, AF_CAN, AF_RDS, AF_SMC, AF_XDP, 9, 11, 16 + 20, 41):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        way(f"family {number}, type {kind}", lambda n=number, k=kind: raw_socket(n, k) is not None)
for name in ("/proc/net/dev", "/proc/self/net/dev", f"/proc/{os.getpid()}/net/dev", "/proc/thread-self/net/dev",
             "/proc/../proc/net/dev", f"/proc/self/task/{os.getpid()}/net/dev"):
    way(name, lambda n=name: [x for x in open(n, encoding="utf-8") if ":" in x and "lo:" not in x])
for name in ("/sys/class/net", "/sys/devices/virtual/net", "/proc/sys/net/ipv4/conf", "/proc/sys/net/ipv6/neigh"):
    way(name, lambda n=name: set(os.listdir(n)) - {"lo", "all", "default"})
print(*OUT, sep="\n") if OUT else print("no way out")
