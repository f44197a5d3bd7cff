# SPDX-License-Identifier: GPL-2.0-or-later
"""Locks of mnt/f, which tests/servers/locks.c serves, against those of the file behind it, `backing`, which
is everybody's. Prints what it sees."""
import errno
import fcntl
import os
import signal
import struct
import time

OFD_GETLK, OFD_SETLK = 36, 37


def say(what, got):
    print(f"{what}: {got}", flush=True)


def tried(fn, *args):
    try:
        fn(*args)
        return "ok"
    except OSError as e:
        return errno.errorcode[e.errno]


def flock_struct(kind, start, length):
    return struct.pack("hhqqi4x", kind, 0, start, length, 0)


def query(fd, cmd, start, length):
    kind, _, start, length, _ = struct.unpack(
        "hhqqi4x", fcntl.fcntl(fd, cmd, flock_struct(fcntl.F_WRLCK, start, length)))
    if kind == fcntl.F_UNLCK:
        return "free"
    return f"{'read' if kind == fcntl.F_RDLCK else 'write'} {start}+{length}"


def behind(start=0, length=0):
    fd = os.open("backing", os.O_RDWR)
    try:
        return query(fd, OFD_GETLK, start, length)
    finally:
        os.close(fd)


def behind_flock(op):
    fd = os.open("backing", os.O_RDWR)
    try:
        return tried(fcntl.flock, fd, op | fcntl.LOCK_NB)
    finally:
        os.close(fd)


def until(fn, wanted):
    end = time.monotonic() + 20
    while (got := fn()) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    return got


def child(fn):
    """Its answer, from another process."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(w, str(fn()).encode())
        os._exit(0)
    os.close(w)
    got = os.read(r, 200).decode()
    os.close(r)
    os.waitpid(pid, 0)
    return got


def opened(fn, *args):
    fd = os.open("mnt/f", os.O_RDWR)
    return fn(fd, *args)


def staying(fn):
    """A process that does this and stays; its number, once it is done."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            fn(w)
        finally:
            os._exit(1)
    os.close(w)
    os.read(r, 1)
    os.close(r)
    return pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


EX, SH, UN, NB = fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN, fcntl.LOCK_NB


def processes():
    fd = os.open("mnt/f", os.O_RDWR)
    say("lock", tried(fcntl.lockf, fd, EX | NB, 10, 0))
    say("behind, the same", behind(0, 10))
    say("behind, the rest", behind(10, 10))
    say("another process", child(lambda: opened(lambda f: tried(fcntl.lockf, f, SH | NB, 1, 5))))
    say("it asks", child(lambda: opened(query, fcntl.F_GETLK, 5, 1)))
    say("it asks for the rest", child(lambda: opened(query, fcntl.F_GETLK, 10, 1)))
    say("again, shared", tried(fcntl.lockf, fd, SH | NB, 10, 0))
    say("behind", behind())
    say("unlock a part", tried(fcntl.lockf, fd, UN, 4, 0))
    say("behind", behind())
    os.close(os.open("mnt/f", os.O_RDONLY))
    say("after a close of the file", until(behind, "free"))
    say("for writing, by a reader", tried(
        fcntl.lockf, os.open("mnt/f", os.O_RDONLY), EX | NB, 10, 0))

    out = os.open("backing", os.O_RDWR)
    fcntl.fcntl(out, OFD_SETLK, flock_struct(fcntl.F_WRLCK, 0, 0))
    say("held behind", tried(fcntl.lockf, fd, EX | NB, 10, 0))

    def handler(*_):
        raise InterruptedError(errno.EINTR, "")

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    say("waiting for it", tried(fcntl.lockf, fd, EX, 10, 0))
    pid = staying(lambda w: (os.write(w, b"x"), opened(fcntl.lockf, EX, 10, 0)))
    until_asked(2)
    end(pid)
    pid = os.fork()
    if pid == 0:
        opened(fcntl.lockf, EX, 10, 0)
        os._exit(7)
    until_asked(3)
    # closes of the file, for longer than who has no lock counts as new: who waits is not taken for gone
    end_of_closes = time.monotonic() + 0.5
    while time.monotonic() < end_of_closes:
        os.close(os.open("mnt/f", os.O_RDONLY))
        time.sleep(0.02)
    fcntl.fcntl(out, OFD_SETLK, flock_struct(fcntl.F_UNLCK, 0, 0))
    os.close(out)
    say("who waited has it, and ends", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    say("nothing is left of them", until(behind, "free"))

    pid = staying(lambda w: (opened(fcntl.lockf, EX, 10, 0), os.write(w, b"x"), signal.pause()))
    say("of one that will be killed", behind())
    end(pid)
    say("after its end", until(behind, "free"))
    os.close(fd)


def until_asked(n):
    """The server has been asked so often by somebody who waits."""
    def asked():
        with open("requests", encoding="ascii") as f:
            return f.read().count("setlkw")
    until(lambda: asked() >= n, True)


def open_files():
    a = os.open("mnt/f", os.O_RDWR)
    b = os.open("mnt/f", os.O_RDWR)
    say("flock", tried(fcntl.flock, a, EX | NB))
    say("behind", behind_flock(SH))
    say("another open", tried(fcntl.flock, b, SH | NB))
    c = os.dup(a)
    os.close(a)
    say("behind, of a copy", behind_flock(SH))
    say("shared", tried(fcntl.flock, c, SH | NB))
    say("both", tried(fcntl.flock, b, SH | NB))
    say("behind, shared", behind_flock(SH))
    os.close(c)
    say("one is left", behind_flock(EX))
    os.close(b)
    say("none is left", until(lambda: behind_flock(EX), "ok"))
    out = os.open("backing", os.O_RDWR)
    fcntl.flock(out, EX)
    a = os.open("mnt/f", os.O_RDONLY)
    say("held behind", tried(fcntl.flock, a, SH | NB))
    say("which leaves nothing", child(lambda: opened(tried_local)))
    os.close(out)
    say("and free again", tried(fcntl.flock, a, EX))
    fcntl.flock(a, UN)
    say("unlocked", behind_flock(EX))
    os.close(a)

    a = os.open("mnt/f", os.O_RDWR)
    b = os.open("mnt/f", os.O_RDWR)
    say("open file's", tried(fcntl.fcntl, a, OFD_SETLK, flock_struct(fcntl.F_WRLCK, 0, 10)))
    say("behind", behind())
    say("another open file's", tried(
        fcntl.fcntl, b, OFD_SETLK, flock_struct(fcntl.F_RDLCK, 5, 1)))
    os.close(a)
    say("closed", until(behind, "free"))
    os.close(b)


def tried_local(fd):
    return tried(fcntl.flock, fd, EX | NB)


processes()
open_files()
