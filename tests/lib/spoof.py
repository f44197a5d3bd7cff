# SPDX-License-Identifier: GPL-2.0-or-later
"""What a host must not take from a wire: spoof.py serve prints which datagrams came, in the order of their names, up to
"end"; spoof.py send WIRE sends them to the view with stack=lwip on that wire."""
import socket
import struct
import sys

from garbage import wire

MAC, ME = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
HERE, HERE6 = "10.9.7.1", "fe80::ff:fe00:1"


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def ip4(src, dst, name):
    port = 5555 if dst.startswith("127.") else 5557
    body = struct.pack("!HHHH", 1111, port, 8 + len(name), 0) + name.encode()
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0) + socket.inet_aton(src) + socket.inet_aton(dst)
    return 0x0800, head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def ip6(src, dst, name):
    addresses = socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst)
    body = struct.pack("!HHHH", 1111, 5556 if dst == "::1" else 5558, 8 + len(name), 0) + name.encode()
    sum_ = checksum(addresses + struct.pack("!II", len(body), 17) + body)
    return 0x86dd, struct.pack("!IHBB", 6 << 28, len(body), 17, 64) + addresses + body[:6] + struct.pack("!H", sum_) + body[8:]


def send(to):
    for mac, (kind, packet) in [
            (MAC, ip4("10.9.7.2", "127.0.0.1", "to loopback")), (MAC, ip4("127.0.0.1", HERE, "from loopback")),
            (MAC, ip4("127.0.0.1", "127.0.0.1", "loopback")), (MAC, ip4(HERE, HERE, "from itself")),
            (ME, ip4("10.9.7.2", HERE, "to another station")), (MAC, ip4("10.9.7.2", HERE, "good")),
            (b"\xff" * 6, ip4("10.9.7.2", "255.255.255.255", "broadcast")),
            (MAC, ip6("fe80::2", "::1", "to loopback, 6")), (MAC, ip6("::1", HERE6, "from loopback, 6")),
            (MAC, ip6("::1", "::1", "loopback, 6")), (MAC, ip6("fe80::2", HERE6, "good, 6")),
            (MAC, ip4("10.9.7.2", HERE, "end"))]:
        to.send(mac + ME + struct.pack("!H", kind) + packet)
    to.send(b"\0")  # shorter than a frame: no word on the link itself
    to.send(MAC + ME + struct.pack("!H", 0x0800) + ip4("10.9.7.2", HERE, "end")[1])


def serve():
    sockets = []
    for family, address in ((socket.AF_INET, ("127.0.0.1", 5555)), (socket.AF_INET6, ("::1", 5556)),
                            (socket.AF_INET, ("0.0.0.0", 5557)), (socket.AF_INET6, ("::", 5558))):
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.bind(address)
        s.settimeout(20)
        sockets.append(s)
    open("up", "w", encoding="ascii").close()
    got = []
    while got.count(b"end") < 2:
        got.append(sockets[2].recv(100))
    for s in sockets:
        s.setblocking(False)
        try:
            while True:
                got.append(s.recv(100))
        except BlockingIOError:
            pass
    print("\n".join(sorted(name.decode() for name in got)))


if sys.argv[1] == "serve":
    serve()
else:
    for view in wire(sys.argv[2]):
        send(view)
