# SPDX-License-Identifier: GPL-2.0-or-later
"""A workload that may be killed at any moment, and what must be there of it afterwards.

crash.py work FOLDER LOG SEED: changes files until it is killed or the server is gone. Each line of LOG says what has
happened ("synced", "written", "gone") or may happen from now on ("moves", "goes").
crash.py check FOLDER LOG [written]: what was synced is there; with "written" also what was only written.
"""
import errno
import mmap
import os
import random
import sys

RECORD = 512
FILES_MAX = 1000  # some 26 MiB: the image never becomes full, however fast it is


def content(seed, size):
    return random.Random(seed).randbytes(size)


class Work:
    def __init__(self, top, log, seed):
        self.top, self.rnd = top, random.Random(seed)
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.files, self.count, self.records = [], 0, 0
        self.dir = os.open(top, os.O_RDONLY)
        self.journal = os.open(f"{top}/journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def say(self, *words):
        os.write(self.log, (" ".join(str(w) for w in words) + "\n").encode())

    def put(self, name, data):
        """By write(2) in pieces, or by a mapping; synced by fsync(2) or msync(2) or not at all."""
        fd = os.open(f"{self.top}/{name}", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        if data and self.rnd.random() < 0.2:
            os.ftruncate(fd, len(data))
            with mmap.mmap(fd, len(data)) as m:
                m[:] = data
                m.flush()
        else:
            step = self.rnd.choice((1000, 4096, 70000))
            for at in range(0, len(data), step):
                os.write(fd, data[at:at + step])
        return fd

    def make(self, sync):
        if len(self.files) >= FILES_MAX:
            self.remove()
        self.count += 1
        name, size, seed = f"f{self.count}", self.rnd.choice((0, 10, 5000, 100000)), self.rnd.getrandbits(30)
        fd = self.put(name, content(seed, size))
        if sync:
            os.fsync(fd)
            os.fsync(self.dir)
        os.close(fd)
        self.say("synced" if sync else "written", name, size, seed)
        self.files.append(name)

    def record(self):
        os.write(self.journal, content(self.records, RECORD))
        os.fdatasync(self.journal)
        self.records += 1
        self.say("records", self.records)

    def move(self):
        if self.files:
            old = self.files.pop(self.rnd.randrange(len(self.files)))
            new = f"m{old}"[:40]
            self.say("moves", old, new)
            os.rename(f"{self.top}/{old}", f"{self.top}/{new}")
            self.files.append(new)

    def remove(self):
        if self.files:
            name = self.files.pop(self.rnd.randrange(len(self.files)))
            self.say("goes", name)
            os.unlink(f"{self.top}/{name}")
            self.say("gone", name)

    def folders(self):
        self.count += 1
        os.makedirs(f"{self.top}/d{self.count}/e")
        os.rmdir(f"{self.top}/d{self.count}/e")

    def run(self):
        jobs = [lambda: self.make(True)] * 4 + [lambda: self.make(False)] * 3 + [self.record] * 3 + \
            [self.move, self.remove, self.folders]
        try:
            while True:
                self.rnd.choice(jobs)()
        except OSError as e:
            self.say("ended", errno.errorcode.get(e.errno, e.errno))
            # without its supervisor a process may get an ENOSYS before it is ended
            if e.errno not in (errno.ENOTCONN, errno.ECONNABORTED, errno.ENOSYS):
                raise


def is_there(top, name, size, seed):
    try:
        with open(f"{top}/{name}", "rb") as f:
            return f.read() == content(seed, size)
    except FileNotFoundError:
        return False


def check(top, log, written):
    files, maybe, records, wrong = {}, set(), 0, 0
    with open(log, encoding="ascii") as f:
        lines = [line.split() for line in f if line.endswith("\n")]
    for word, *args in lines:
        if word == "synced" or (word == "written" and written):
            files[args[0]] = ([args[0]], int(args[1]), int(args[2]))
        elif word == "moves" and args[0] in files:
            names, size, seed = files.pop(args[0])
            files[args[1]] = ([*names, args[1]], size, seed)
        elif word == "goes" and args[0] in files:
            maybe.add(args[0])
        elif word == "records":
            records = int(args[0])
    for name, (names, size, seed) in files.items():
        if name not in maybe and not any(is_there(top, n, size, seed) for n in names):
            print(f"lost: {names}, {size} bytes")
            wrong += 1
    with open(f"{top}/journal", "rb") as f:
        for i in range(records):
            if f.read(RECORD) != content(i, RECORD):
                print(f"lost: record {i} of {records}")
                wrong += 1
                break
    print(f"{len(files)} files, {records} records, {wrong} lost")
    return wrong


if sys.argv[1] == "work":
    Work(sys.argv[2], sys.argv[3], int(sys.argv[4])).run()
else:
    sys.exit(check(sys.argv[2], sys.argv[3], "written" in sys.argv[4:]) != 0)
