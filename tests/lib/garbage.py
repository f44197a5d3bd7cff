# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends frames that are garbage: garbage.py INTERFACE COUNT [SEED]. Some are noise, some nearly right ones of ARP, IP,
IPv6, TCP, DHCP and DNS with bytes changed, cut or repeated. INTERFACE wire:NAME: to the views with stack=lwip on that
wire; netlink: requests to the network that this process is in."""
import os
import random
import socket
import struct
import sys

OURS = bytes.fromhex("525400c0ffee")
ALL = b"\xff" * 6


def ether(kind, body, to=ALL):
    return to + OURS + struct.pack(">H", kind) + body


def ip(protocol, body, to="10.6.2.1"):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0)
    head += socket.inet_aton("10.6.2.2") + socket.inet_aton(to)
    s = sum(struct.unpack(">10H", head))
    s = ~((s & 0xffff) + (s >> 16)) & 0xffff
    return ether(0x0800, head[:10] + struct.pack(">H", s) + head[12:] + body)


def udp(source, target, body):
    return ip(17, struct.pack(">HHHH", source, target, 8 + len(body), 0) + body)


SEEDS = [
    ether(0x0806, struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + OURS + socket.inet_aton("10.6.2.2") + bytes(6) +
          socket.inet_aton("10.6.2.1")),
    ip(1, b"\x08\x00\xf7\xff" + bytes(40)),
    ip(6, struct.pack(">HHIIBBHHH", 4000, 7, 1, 0, 0x50, 2, 1000, 0, 0)),
    ip(2, b"\x16\x00" + bytes(6)),
    udp(53, 4000, struct.pack(">HHHHHH", 7, 0x8180, 1, 9, 9, 9) + b"\x01x\x04test\x00\x00\x01\x00\x01" + b"\xc0\x0c" * 30),
    udp(67, 68, b"\x02\x01\x06\x00" + bytes(232) + b"\x63\x82\x53\x63\x35\x01\x05\x01\xff\x36\x04" + bytes(40)),
    udp(68, 67, b"\x01\x01\x06\x00" + bytes(232) + b"\x63\x82\x53\x63\x35\x01\x01\x37\xff" + bytes(40)),
    ether(0x86dd, struct.pack(">IHBB", 6 << 28, 24, 58, 255) + bytes(15) + b"\x01" + b"\xff\x02" + bytes(13) + b"\x01" +
          b"\x86\x00" + bytes(22)),
    ether(0x86dd, struct.pack(">IHBB", 6 << 28, 16, 0, 255) + bytes(32) + b"\x2c\x00" * 8),
    ether(0x8100, b"\x00\x07\x81\x00" + bytes(40)),
]


def mangle(r, frame):
    frame = bytearray(frame)
    for _ in range(r.randrange(1, 8)):
        where = r.randrange(12, len(frame))
        frame[where] = r.choice((0, 1, 0x7f, 0x80, 0xff, r.randrange(256)))
    if r.random() < 0.3:
        del frame[r.randrange(14, len(frame)):]
    if r.random() < 0.2:
        frame += r.randbytes(r.randrange(1, 1400 - min(len(frame), 1399) + 1))
    return bytes(frame)


REQUESTS = [struct.pack("=IHHII", 32, kind, flags, 1, 0) + struct.pack("=BxHiII", 0, 1, 2, 1, 1) for kind in range(16, 33)
            for flags in (1, 0x301, 0x605)] + \
    [struct.pack("=IHHII", 40, 20, 0x605, 1, 0) + struct.pack("=BBBBi", 2, 24, 0, 0, 2) +
     struct.pack("=HH4s", 8, 2, b"\x0a\x06\x02\x09") + struct.pack("=HH4s", 8, 1, b"\x0a\x06\x02\x09"),
     struct.pack("=IHHII", 44, 24, 0x605, 1, 0) + struct.pack("=BBBBBBBBI", 2, 8, 0, 0, 254, 3, 0, 1, 0) +
     struct.pack("=HH4s", 8, 1, b"\x07\0\0\0") + struct.pack("=HHI", 8, 4, 2)]


def wire(name):
    """A connection with each view on it."""
    prefix = f"@umview-wire-{os.getuid()}-{name}-"
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as f:
        names = {line.split()[7] for line in f if len(line.split()) > 7 and line.split()[7].startswith(prefix)}
    for address in names:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect("\0" + address[1:])
        yield s


def netlink(r, count):
    for _ in range(count // 100):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, r.choice((0, 4))) as s:
            for _ in range(100):
                # (of what is mangled the header is let be: the length decides what is looked at)
                one = mangle(r, r.choice(REQUESTS)) if r.random() < 0.8 else r.randbytes(r.randrange(1, 200))
                try:
                    s.sendto(one, (0, 0))
                    while s.recv(65536, socket.MSG_DONTWAIT):
                        pass
                except OSError:
                    pass


def main():
    r = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 7)
    if sys.argv[1] == "netlink":
        netlink(r, int(sys.argv[2]))
        return
    if sys.argv[1].startswith("wire:"):
        to = list(wire(sys.argv[1][5:]))
    else:
        to = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW)]
        to[0].bind((sys.argv[1], 0))
    for _ in range(int(sys.argv[2])):
        frame = r.randbytes(r.randrange(14, 1500)) if r.random() < 0.2 else mangle(r, r.choice(SEEDS))
        for s in to:
            try:
                s.send(frame)
            except OSError:
                pass  # too short, too long: said by the kernel


if __name__ == "__main__":
    main()
