# SPDX-License-Identifier: GPL-2.0-or-later
"""A FUSE server that lies: wrong lengths, ids, versions, replies twice, never, out of order, huge,
and senseless notifications. It runs in a view together with a guest that uses its mount.

    hostile_server.py SECONDS SEED MOUNTPOINT

Status 0 when the time is over; whether the view lives on is for the caller to see.
"""
import ctypes
import errno
import os
import random
import select
import signal
import struct
import sys
import time

IN_HEADER = struct.Struct("<IIQQIIII")
OUT_HEADER = struct.Struct("<IiQ")
ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
ENTRY = struct.Struct("<QQQQII")
NAMES = [b"a", b"b", b"dir", b"link", b"x" * 255]
LOOKUP, FORGET, GETATTR, SETATTR, READLINK = 1, 2, 3, 4, 5
OPEN, READ, WRITE, STATFS, RELEASE = 14, 15, 16, 17, 18
INIT, OPENDIR, READDIR, RELEASEDIR, CREATE = 26, 27, 28, 29, 35
BATCH_FORGET, READDIRPLUS = 42, 44
libc = ctypes.CDLL(None, use_errno=True)


class Server:
    def __init__(self, fd, seed):
        self.fd = fd
        self.r = random.Random(seed)
        self.held = []  # replies that come later
        self.malice = self.r.choice([0.02, 0.1, 0.3])

    def attr(self, ino):
        r = self.r
        mode = {1: 0o40755, 4: 0o40755, 5: 0o120777}.get(ino, 0o100644)
        size = {2: 5, 3: 100000}.get(ino, 4096)
        if r.random() < self.malice:
            mode = r.choice([mode, 0, 0o177777, 0o100644, 0o40755, 0o120777, 0o20666, 0xffffffff])
            size = r.choice([0, 1 << 63, (1 << 64) - 1, 1 << 40, size])
        return ATTR.pack(ino, size, 8, 0, 0, 0, 0, 0, 0, mode, 1, os.getuid(), os.getgid(), 0, 4096, 0)

    def entry(self, ino):
        r = self.r
        if r.random() < self.malice:
            ino = r.choice([0, 1, 2, 1 << 63, (1 << 64) - 1, ino])
        valid = r.choice([0, 1, (1 << 64) - 1]) if r.random() < self.malice else 1
        return ENTRY.pack(ino, r.choice([0, 0, 7]), valid, valid, 0, 0) + self.attr(ino)

    def dirents(self, plus):
        r = self.r
        out = b""
        for n, name in enumerate(NAMES + [b".", b".."]):
            length = len(name)
            if r.random() < self.malice:
                name = r.choice([b"", b"a/b", b"\0\0", b"y" * 256, b"..", name])
                length = r.choice([0, len(name), 255, 65535, 0xffffffff])
            d = struct.pack("<QQII", n + 2, r.choice([n + 1, 0, (1 << 64) - 1]) if r.random() < self.malice
                            else n + 1, length, r.choice([4, 8, 10, 99])) + name
            d += b"\0" * (-len(d) % 8)
            out += (self.entry(n + 2) if plus else b"") + d
        return out[:r.randrange(len(out))] if r.random() < self.malice else out

    def honest(self, op, node, body):
        """The body of a reply: bytes, or a negative error, or None for none."""
        r = self.r
        if op in (FORGET, BATCH_FORGET):
            return None
        if op == INIT:
            major, minor = struct.unpack_from("<II", body)
            if r.random() < self.malice:
                major, minor = r.choice([(7, 1), (6, 0), (8, 0), (0, 0), (7, 0xffffffff), (7, 12)])
            flags = r.choice([0, 0xffffffff, 1 << 5, 1 << 13 | 1 << 14])
            return struct.pack("<IIIIHHIIHHI", major, minor or 31, 0x20000, flags, 12, 9,
                               r.choice([4096, 131072, 0, 0xffffffff]), 1, 32, 0, 0) + b"\0" * 24
        if op == LOOKUP:
            name = body.rstrip(b"\0")
            return self.entry(2 + NAMES.index(name)) if name in NAMES else -errno.ENOENT
        if op in (GETATTR, SETATTR):
            return struct.pack("<QII", 1, 0, 0) + self.attr(node)
        if op == READLINK:
            return r.choice([b"a", b"", b"/" * 4095, b"z" * 5000, b"a\0b", b"link"])
        if op in (OPEN, OPENDIR):
            return struct.pack("<QII", r.randrange(1 << 64), r.choice([0, 1, 2, 4, 0xffffffff]), 0)
        if op == READ:
            size = struct.unpack_from("<QQI", body)[2]
            return b"d" * min(size, 1 << 20)
        if op == WRITE:
            size = struct.unpack_from("<QQI", body)[2]
            return struct.pack("<II", r.choice([size, size, 0, size + 1, 0xffffffff])
                               if r.random() < self.malice else size, 0)
        if op in (READDIR, READDIRPLUS):
            return b"" if struct.unpack_from("<QQ", body)[1] else self.dirents(op == READDIRPLUS)
        if op == STATFS:
            return struct.pack("<QQQQQIIII", 1, 1, 1, 1, 1, 512, 255, 512, 0) + b"\0" * 24
        if op == CREATE:
            return self.entry(3) + struct.pack("<QII", 1, 0, 0)
        return r.choice([b"", -errno.ENOSYS, -errno.EIO])

    def send(self, data):
        try:
            os.write(self.fd, data)
        except OSError:
            pass  # refused, as it should be

    def reply(self, unique, op, body):
        r = self.r
        error = 0
        if isinstance(body, int):
            error, body = body, b""
        length = OUT_HEADER.size + len(body)
        if r.random() < self.malice:
            kind = r.randrange(9)
            if kind == 0:
                length = r.choice([0, 1, 15, 16, length + 1, length - 1, 0xffffffff])
            elif kind == 1:
                unique = r.choice([0, unique + 2, r.randrange(1 << 64), (1 << 64) - 1])
            elif kind == 2:
                error = r.choice([1, -1, -511, -512, -513, -4095, -2**31, 2**31 - 1])
            elif kind == 3:
                body = body[:r.randrange(len(body) + 1)]
                length = OUT_HEADER.size + len(body)
            elif kind == 4:
                body += b"\xff" * r.choice([1, 8, 100, 100000])
                length = OUT_HEADER.size + len(body)
            elif kind == 5:
                self.send(OUT_HEADER.pack(length, error, unique) + body)
            elif kind == 6:
                self.held.append(OUT_HEADER.pack(length, error, unique) + body)
                return
            elif kind == 7:
                self.notify()
            elif op != INIT and r.random() < 0.2:
                return  # never
        self.send(OUT_HEADER.pack(length & 0xffffffff, error, unique) + body)

    def notify(self):
        r = self.r
        code = r.choice([1, 2, 3, 4, 5, 6, 7, 0, 99, -1])
        body = r.choice([
            struct.pack("<Q", r.randrange(1 << 64)),
            struct.pack("<Qqq", r.choice([1, 2, 3, 99]), r.choice([0, -1, 1 << 62]), r.choice([0, -1, 4096])),
            struct.pack("<QII", 1, r.choice([1, 3, 255, 0xffffffff]), 0) + b"a\0",
            struct.pack("<QQII", 2, r.choice([0, 1 << 62]), r.choice([5, 0xffffffff]), 0) + b"stuff",
            struct.pack("<QQQII", 7, 3, r.choice([0, 1 << 62]), r.choice([100, 0xffffffff]), 0),
            struct.pack("<QQQII", 1, 2, r.randrange(1 << 64), r.choice([1, 3, 0xffffffff]), 0) + b"a\0",
            r.randbytes(r.randrange(100)),
        ])
        self.send(OUT_HEADER.pack(OUT_HEADER.size + len(body), code, 0) + body)

    def serve(self):
        r = self.r
        while True:
            ready, _, _ = select.select([self.fd], [], [], 0.2)
            if self.held and (not ready or r.random() < 0.3):
                r.shuffle(self.held)
                self.send(self.held.pop())
            if not ready:
                continue
            try:
                data = os.read(self.fd, 1 << 21)
            except OSError as e:
                if e.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                    continue
                return
            if len(data) < IN_HEADER.size:
                return
            _, op, unique, node, *_ = IN_HEADER.unpack_from(data)
            body = self.honest(op, node, data[IN_HEADER.size:])
            if body is not None:
                self.reply(unique, op, body)


def use(mnt, r):
    """One thing that a guest does on the mount."""
    path = f"{mnt}/{r.choice(['a', 'b', 'dir', 'dir/a', 'link', 'none', 'x' * 255, '.'])}"
    what = r.randrange(12)
    if what < 2:
        os.stat(path)
    elif what == 2:
        os.listdir(r.choice([mnt, f"{mnt}/dir"]))
    elif what == 3:
        with open(path, "rb") as f:
            f.read(r.choice([1, 5000, 200000]))
    elif what == 4:
        with open(path, "r+b", buffering=0) as f:
            f.write(b"w" * r.choice([1, 4096, 100000]))
    elif what == 5:
        os.readlink(path)
    elif what == 6:
        os.rename(path, f"{mnt}/b")
    elif what == 7:
        os.unlink(path)
    elif what == 8:
        os.statvfs(mnt)
    elif what == 9:
        os.chmod(path, 0o600)
    elif what == 10:
        os.close(os.open(f"{mnt}/new{r.randrange(9)}", os.O_CREAT | os.O_RDWR))
    else:
        os.truncate(path, r.randrange(100000))


def guest(mnt, seed, seconds):
    """Uses the mount, each time in a process that is killed when it takes too long."""
    r = random.Random(seed)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid = os.fork()
        if pid == 0:
            r = random.Random(r.random())
            for _ in range(10):
                try:
                    use(mnt, r)
                except (OSError, ValueError, MemoryError):
                    pass
            os._exit(0)
        patience = time.monotonic() + 1
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > patience:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                break
            time.sleep(0.002)


def one_round(mnt, seed, seconds):
    fd = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}".encode()
    server = os.fork()
    if server == 0:
        try:
            Server(fd, seed).serve()
        finally:
            os._exit(0)
    if libc.mount(b"hostile", mnt.encode(), b"fuse", 0, options) == 0:
        os.close(fd)
        guest(mnt, seed, seconds)
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
        libc.umount2(mnt.encode(), 2)
        return 1
    e = ctypes.get_errno()
    os.close(fd)
    os.kill(server, signal.SIGKILL)
    os.waitpid(server, 0)
    if e in (errno.EPERM, errno.EINVAL, errno.EBUSY):
        print(f"mount: {os.strerror(e)}", flush=True)
    return 0


def main():
    seconds, seed, mnt = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    end = time.monotonic() + seconds
    rounds = mounted = 0
    while time.monotonic() < end:
        mounted += one_round(mnt, seed + rounds, min(2.0, seconds))
        rounds += 1
    print(f"{rounds} servers, {mounted} mounted", flush=True)
    sys.exit(0 if mounted else 3)


main()
