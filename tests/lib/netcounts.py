# SPDX-License-Identifier: GPL-2.0-or-later
# What is counted in /proc/net: by how much sockets that do this and that make it more.
import socket
import struct
import time


def counts():
    all = {}
    for name in ("snmp", "netstat"):
        lines = open("/proc/net/" + name).read().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            group = names.split()[0][:-1]
            all.update((group + n, int(v)) for n, v in zip(names.split()[1:], values.split()[1:]))
    all.update((line.split()[0], int(line.split()[1])) for line in open("/proc/net/snmp6"))
    return all


def connection(family=socket.AF_INET, addr="127.0.0.1"):
    with socket.create_server((addr, 0), family=family) as s:
        c = socket.create_connection(s.getsockname()[:2])
        return c, s.accept()[0]


def connections():
    for x in connection() + connection(socket.AF_INET6, "::1"):
        x.close()


def refused():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    socket.socket().connect_ex(s.getsockname())


def reset():
    a, b = connection()
    a.send(b"unread")
    while not b.recv(1, socket.MSG_PEEK):
        pass
    b.close()
    try:
        a.recv(9)
    except ConnectionResetError:
        pass
    a.close()


def linger():
    a, b = connection()
    a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    a.close()
    try:
        b.recv(9)
    except ConnectionResetError:
        pass


def datagrams():
    for family, addr in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        s, c = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
        s.bind((addr, 0))
        for size in (0, 10, 1000):
            c.sendto(bytes(size), s.getsockname())
            s.recv(2000)


def no_port():
    for family, addr in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        c = socket.socket(family, socket.SOCK_DGRAM)
        c.connect((addr, 1))
        c.send(b"?")
        try:
            c.recvfrom(9)  # (recv(2) says ECONNRESET with stack=lwip)
        except ConnectionRefusedError:
            pass


def echo():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    s.sendto(struct.pack("!BBHHH", 8, 0, 0, 0, 1) + bytes(56), ("127.0.0.1", 0))
    s.recv(99)
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6)
    s.sendto(struct.pack("!BBHHH", 128, 0, 0, 0, 1) + bytes(56), ("::1", 0))
    s.recv(99)


def no_route():
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        socket.socket(type=kind).connect_ex(("198.51.100.1", 9))


names = ("TcpActiveOpens TcpPassiveOpens TcpAttemptFails TcpEstabResets TcpCurrEstab TcpOutRsts TcpRetransSegs UdpInDatagrams UdpOutDatagrams UdpNoPorts"
         " Udp6InDatagrams Udp6OutDatagrams Udp6NoPorts IcmpInMsgs IcmpOutMsgs IcmpInDestUnreachs IcmpOutDestUnreachs IcmpInEchos IcmpOutEchoReps"
         " IcmpMsgInType3 IcmpMsgOutType3 IpOutNoRoutes Icmp6InEchos Icmp6OutEchoReplies Icmp6InType1 IpExtInMcastPkts").split()
for what in connections, refused, reset, linger, datagrams, no_port, echo, no_route:
    before = counts()
    what()
    time.sleep(0.02)
    counts()  # which the stack answers after what it had to do
    after = counts()
    more = {n: after.get(n, 0) - before.get(n, 0) for n in after}
    print(what.__name__, *("%s %d" % (n, more[n]) for n in names if more.get(n)), more["IpInReceives"] == more["IpInDelivers"],
          more["IpInReceives"] == more["IpOutRequests"], (more["IpExtInOctets"] > 0) == (more["IpInReceives"] > 0))
