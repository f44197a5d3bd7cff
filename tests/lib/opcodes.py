# SPDX-License-Identifier: GPL-2.0-or-later
"""Uses what tests/servers/opcodes.c serves, in the working directory; prints what it sees.
On the kernel's own mount it prints the same."""
import ctypes
import errno
import fcntl
import os
import signal
import struct
import time


def ioc(direction, number):
    return direction << 30 | 8 << 16 | ord("E") << 8 | number


SIZE_GET, SIZE_SET, SWAP = ioc(2, 0), ioc(1, 1), ioc(3, 2)


def say(what, fn, *args):
    try:
        r = fn(*args)
    except OSError as e:
        r = errno.errorcode[e.errno]
    print(f"{what}: {r}", flush=True)


def tell(word):
    """Lets the server send a notification, and waits until it has."""
    with open("ctl", "r+b", buffering=0) as f:
        before = int(f.read())
        f.write(word.encode())
        while True:
            if int(os.pread(f.fileno(), 16, 0)) > before:
                return
            time.sleep(0.01)


def content():
    with open("data", "rb") as f:
        return f.read(5)


def ioctls():
    fd = os.open("data", os.O_RDWR)
    say("ioctl get", lambda: struct.unpack("Q", fcntl.ioctl(fd, SIZE_GET, bytes(8)))[0])
    say("ioctl set", lambda: fcntl.ioctl(fd, SIZE_SET, bytearray(struct.pack("Q", 200000))))
    say("ioctl swap", lambda: struct.unpack("Q", fcntl.ioctl(fd, SWAP, struct.pack("Q", 5)))[0])
    say("ioctl too big", fcntl.ioctl, fd, SIZE_SET, struct.pack("Q", 1 << 30))
    say("ioctl unknown", fcntl.ioctl, fd, ioc(2, 9), bytes(8))
    folder = os.open(".", os.O_RDONLY)
    say("ioctl of a folder", fcntl.ioctl, folder, SIZE_GET, bytes(8))
    os.close(folder)
    os.close(fd)


def ranges():
    fd = os.open("data", os.O_RDWR)
    os.pwrite(fd, b"0123456789" * 1000, 0)
    say("copy_file_range", os.copy_file_range, fd, fd, 5000, 2, 100000)
    say("copied", os.pread, fd, 12, 100000)
    say("its size", lambda: os.fstat(fd).st_size)
    say("fallocate", os.posix_fallocate, fd, 0, 300000)
    say("its size", lambda: os.fstat(fd).st_size)
    say("data from 0", os.lseek, fd, 0, os.SEEK_DATA)
    say("hole from 0", os.lseek, fd, 0, os.SEEK_HOLE)
    say("hole from 65536", os.lseek, fd, 65536, os.SEEK_HOLE)
    say("data from 200000", os.lseek, fd, 200000, os.SEEK_DATA)
    os.ftruncate(fd, 0)
    os.pwrite(fd, b"start", 0)
    os.close(fd)


def handles():
    """name_to_handle_at(2), which Python has not: struct file_handle and a mount's id."""
    libc = ctypes.CDLL(None, use_errno=True)

    def handle(room, flags):
        h = ctypes.create_string_buffer(struct.pack("Ii", room, 0) + bytes(128))
        mount = ctypes.c_int(-1)
        if libc.name_to_handle_at(-100, b"data", h, ctypes.byref(mount), flags) < 0:
            raise OSError(ctypes.get_errno(), "")
        size, kind = struct.unpack_from("Ii", h.raw)
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            here = [line.split()[0] for line in f if line.split()[4] == os.getcwd()]
        return size, hex(kind), h.raw[8:8 + size].hex(), str(mount.value) in here

    say("handle", handle, 128, 0)
    say("handle, no room", handle, 11, 0)
    say("handle, too much room", handle, 129, 0)
    say("handle, wrong flags", handle, 128, 0x8000)


def no_space():
    """The page cache takes it: close(2) tells, where write(2) does not."""
    fd = os.open("full", os.O_WRONLY)
    told = []
    for what, fn, args in (("write", os.write, (fd, b"x" * 1000)), ("close", os.close, (fd,))):
        try:
            fn(*args)
        except OSError as e:
            told.append(errno.errorcode[e.errno])
    print("no space is told:", told[:1])
    say("the descriptor is closed", os.fstat, fd)


def notifications():
    say("content", content)
    tell("change")
    tell("inval_inode")
    say("content after inval_inode", content)
    tell("store")
    say("content after store", content)
    tell("retrieve")
    say("name is there", os.path.exists, "name")
    tell("hide")
    say("and still, as the server promised", os.path.exists, "name")
    tell("inval_entry")
    say("name is there after inval_entry", os.path.exists, "name")
    tell("show")
    tell("inval_entry")
    say("name is there", os.path.exists, "name")
    tell("hide")
    tell("delete")
    say("name is there after delete", os.path.exists, "name")


def interrupt():
    def handler(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3, 0.3)
    begun = time.monotonic()
    try:
        with open("slow", "rb", buffering=0) as f:
            f.read(4)
        print("slow read: done")
    except TimeoutError:
        print("slow read: interrupted")
    signal.setitimer(signal.ITIMER_REAL, 0)
    print("at once:", time.monotonic() - begun < 20)


ioctls()
ranges()
handles()
no_space()
notifications()
interrupt()
