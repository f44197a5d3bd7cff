# SPDX-License-Identifier: GPL-2.0-or-later
# netlink(7) sockets by themselves: what the kernel's and the stack's say.
import os
import socket
import struct

SOL_NETLINK, ADD, LIST, CAP_ACK, STRICT = 270, 1, 9, 10, 12
GETADDR, REQUEST, ROOT, DUMP = 22, 1, 0x100, 0x300


def ask(s, flags, family=0):
    s.send(struct.pack("=IHHIIBxxx", 20, GETADDR, REQUEST | flags, 7, 0, family))


def types(data):
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from("=IH", data, at)
        yield kind
        at += (size + 3) & ~3


first, second = (socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) for _ in range(2))
first.bind((0, 1))
second.bind((0, 0))
print(first.getsockname()[0] == os.getpid(), second.getsockname()[0] in (0, os.getpid()))
third = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
try:
    third.bind((os.getpid(), 0))
except OSError as e:
    print(e.errno)
first.setsockopt(SOL_NETLINK, ADD, 5)
print(first.getsockopt(SOL_NETLINK, LIST, 64).hex())
for option in CAP_ACK, STRICT:
    before = third.getsockopt(SOL_NETLINK, option)
    third.setsockopt(SOL_NETLINK, option, 1)
    print(before, third.getsockopt(SOL_NETLINK, option))
first.settimeout(10)
for flags in ROOT, DUMP:
    ask(first, flags)
    seen = set()
    while 3 not in seen:
        seen |= set(types(first.recv(65536)))
    print(sorted(seen))
# a buffer of nothing takes a message each, and the end is one of its own
ask(first, DUMP)
sizes = [first.recvmsg(0, 0, socket.MSG_TRUNC) for _ in range(2)]
print([flags & socket.MSG_TRUNC for _, _, flags, _ in sizes])
uevents = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)
uevents.bind((0, 1))
uevents.setblocking(False)
try:
    uevents.recv(9)
except OSError as e:
    print(e.errno)
