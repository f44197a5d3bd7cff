# SPDX-License-Identifier: GPL-2.0-or-later
"""coherent.py NAME NAME: one process writes to a file by the first name, another reads it by the second. Each way
of writing meets each way of reading, at descriptors of high and low numbers; what was not seen at once is printed."""
import mmap
import os
import random
import sys

SIZE, ROUNDS, LOW = 300000, 12, 40
WAYS = ("call", "low", "mapped")


class File:
    """The file as one process has it: open twice, and mapped. A descriptor below 512 is not caught in a view."""

    def __init__(self, name):
        self.fd = os.open(name, os.O_RDWR)
        self.low = os.open(name, os.O_RDWR)
        os.dup2(self.low, LOW)
        self.map = mmap.mmap(self.fd, SIZE)

    def write(self, way, at, data):
        if way == "mapped":
            self.map[at:at + len(data)] = data
        else:
            os.pwrite(LOW if way == "low" else self.fd, data, at)

    def read(self, way, at, n):
        if way == "mapped":
            return self.map[at:at + n]
        return os.pread(LOW if way == "low" else self.fd, n, at)


def writer(name, todo, done):
    f = File(name)
    for line in os.fdopen(todo):
        way, at, data = line.split()
        if way == "append":
            os.pwrite(f.fd, data.encode(), int(at))
        elif way == "cut":
            os.ftruncate(f.fd, int(at))
        else:
            f.write(way, int(at), data.encode())
        os.write(done, b"!")


def main(name, other):
    to_writer, to_us = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(to_writer[1])
        writer(name, to_writer[0], to_us[1])
        os._exit(0)
    f = File(other)
    lot = random.Random()
    bad = {}

    def order(way, at, data):
        os.write(to_writer[1], f"{way} {at} {data}\n".encode())
        os.read(to_us[0], 1)

    for i in range(ROUNDS):
        for way in WAYS:
            for reader in WAYS:
                at, data = lot.randrange(SIZE - 8), f"{lot.randrange(16**6):06x}"
                order(way, at, data)
                if f.read(reader, at, 6) != data.encode():
                    bad[way, reader] = bad.get((way, reader), 0) + 1
    for i in range(ROUNDS):
        end = SIZE + i * 5000
        order("append", end, "grown")
        if os.fstat(f.fd).st_size != end + 5 or os.pread(f.fd, 9, end) != b"grown":
            bad["append"] = bad.get("append", 0) + 1
        if os.pread(f.fd, 4, end - 2) != (b"\0\0gr" if i else os.pread(f.fd, 2, end - 2) + b"gr"):
            bad["hole"] = bad.get("hole", 0) + 1
    order("cut", SIZE, "-")
    if os.fstat(f.fd).st_size != SIZE or os.pread(f.fd, 9, SIZE) != b"":
        bad["cut"] = 1
    os.close(to_writer[1])
    os.waitpid(pid, 0)
    for what, n in bad.items():
        print(what, "not seen", n, "times")
    print("seen")


if __name__ == "__main__":
    main(*sys.argv[1:])
