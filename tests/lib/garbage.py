# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends frames that are garbage: garbage.py INTERFACE COUNT [SEED]. Some are noise, some nearly right ones of ARP, IP,
IPv6, TCP, DHCP and DNS with bytes changed, cut or repeated."""
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


def main():
    r = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 7)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((sys.argv[1], 0))
        for _ in range(int(sys.argv[2])):
            frame = r.randbytes(r.randrange(14, 1500)) if r.random() < 0.2 else mangle(r, r.choice(SEEDS))
            try:
                s.send(frame)
            except OSError:
                pass  # too short, too long: said by the kernel


main()
