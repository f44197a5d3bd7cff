# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a pcapng file strictly, and prints a line a frame: interface, direction, length, what it is."""
import struct
import sys


def blocks(data):
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length >= 12 and length % 4 == 0 and at + length <= len(data), (at, kind, length)
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length, "both lengths are equal"
        yield kind, data[at + 8:at + length - 4]
        at += length


def options(data):
    at, found = 0, {}
    while at < len(data):
        code, n = struct.unpack_from("<HH", data, at)
        if code == 0:
            assert n == 0 and at + 4 == len(data), "nothing follows the end of the options"
            return found
        found[code] = data[at + 4:at + 4 + n]
        at += 4 + (n + 3) // 4 * 4
    assert not found, "options have an end"
    return found


def what(frame):
    kind = struct.unpack_from(">H", frame, 12)[0]
    if kind == 0x0806:
        return "arp"
    if kind == 0x0800 and frame[23] == 1:
        return "icmp " + {8: "request", 0: "reply"}.get(frame[34], str(frame[34]))
    return f"{kind:#06x}"


def main():
    with open(sys.argv[1], "rb") as f:
        data = f.read()
    names, last = [], 0
    for i, (kind, body) in enumerate(blocks(data)):
        if i == 0:
            assert kind == 0x0a0d0d0a and struct.unpack_from("<IHHq", body) == (0x1a2b3c4d, 1, 0, -1)
            options(body[16:])
        elif kind == 1:
            link, _, snap = struct.unpack_from("<HHI", body)
            found = options(body[8:])
            assert link == 1 and snap >= 65535 and found[9] == b"\x09", "Ethernet, in nanoseconds"
            names.append(found[2].decode())
        elif kind == 6:
            number, high, low, kept, length = struct.unpack_from("<IIIII", body)
            frame, rest = body[20:20 + kept], options(body[20 + (kept + 3) // 4 * 4:])
            when = high << 32 | low
            assert kept == len(frame) <= length and when > 1_600_000_000 * 10**9 and when >= last - 10**9
            last = when
            print(names[number], {1: "in", 2: "out"}[struct.unpack("<I", rest[2])[0] & 3], length, what(frame))
        else:
            raise AssertionError(f"a block of type {kind}")


main()
