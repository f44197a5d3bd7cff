# SPDX-License-Identifier: GPL-2.0-or-later
"""Waits for the files of libfuse's example "poll", in the working directory; prints what it sees. The server puts
a byte into each file every few seconds. On the kernel's own mount it prints the same."""
import errno
import os
import select
import subprocess
import sys
import time


def told(fn, *args):
    try:
        return fn(*args)
    except OSError as e:
        return errno.errorcode[e.errno]


def soon(fn):
    end = time.monotonic() + 30
    while not (r := bool(fn())) and time.monotonic() < end:
        time.sleep(0.01)
    return r


def ready(fd, ms):
    p = select.poll()
    p.register(fd, select.POLLIN)
    return p.poll(ms)


a = os.open("1", os.O_RDONLY)
print("opened twice:", told(os.open, "1", os.O_RDONLY))
print("poll waits for a byte:", [e == select.POLLIN for _, e in ready(a, 30000)])
print("which is there:", set(os.read(a, 1 << 20)) == {ord("1")})  # one request, whatever its size
# another may come at any time, but not always
print("and then not:", soon(lambda: not os.read(a, 100) and not ready(a, 0)))
print("select waits:", select.select([a], [], [], 30)[0] == [a])
os.read(a, 100)
print("a thread of nobody's:", told(os.lseek, a, 0, os.SEEK_SET), told(os.pread, a, 1, 0))

level, edge = select.epoll(), select.epoll()
b = os.open("2", os.O_RDONLY)
level.register(a, select.EPOLLIN)
level.register(b, select.EPOLLIN)
got = set()
while got != {a, b}:
    for fd, _ in level.poll(30):
        os.read(fd, 100)
        got.add(fd)
print("epoll tells of both: True")
edge.register(b, select.EPOLLIN | select.EPOLLET)
print("edges:", [[fd == b for fd, _ in edge.poll(30)] for _ in range(2)])
pid = os.fork()
if pid == 0:
    os._exit(0 if ready(b, 30000) else 1)
print("in a child:", os.waitpid(pid, 0)[1])
os.close(a)
os.close(b)
print("closed, it can be opened again:", soon(lambda: isinstance(told(os.open, "1", os.O_RDONLY), int)))
c = os.open("3", os.O_RDONLY)
ready(c, 30000)
out = subprocess.run(["cat"], stdin=c, stdout=subprocess.PIPE, check=True).stdout
print("as standard input:", set(out) == {ord("3")} or out)
if len(sys.argv) > 1:
    os.read(c, 100)
    soon(lambda: not os.read(c, 100) and not ready(c, 0))
    os.kill(int(sys.argv[1]), 9)
    r = ready(c, 30000)
    print("the server ends:", bool(r), told(os.read, c, 1))
