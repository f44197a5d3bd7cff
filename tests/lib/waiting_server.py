# SPDX-License-Identifier: GPL-2.0-or-later
"""waiting_server.py HOW FOLDER: an empty file system whose server waits for requests with select(2), poll(2) or
epoll(7) and then reads them ("hup": with poll(2), and does not read once that tells of the end). Says how its device
ends."""
import ctypes
import errno
import os
import select
import struct
import sys

INIT, GETATTR, DESTROY = 26, 3, 38


def mount(folder):
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"empty", folder.encode(), b"fuse.empty", 0, options.encode()) < 0:
        sys.exit("mount: " + os.strerror(ctypes.get_errno()))
    return device


def answer(device, opcode, unique):
    error, body = 0, b""
    if opcode == INIT:
        body = struct.pack("=IIIIHHIIHHI28x", 7, 31, 65536, 0, 16, 12, 65536, 1, 0, 0, 0)
    elif opcode == GETATTR:
        body = struct.pack("=QII", 1, 0, 0) + struct.pack("=6Q10I", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2,
                                                          os.getuid(), os.getgid(), 0, 4096, 0)
    elif opcode != DESTROY:
        error = -errno.ENOSYS
    os.write(device, struct.pack("=IiQ", 16 + len(body), error, unique) + body)


def main():
    how, folder = sys.argv[1:]
    device = mount(folder)
    poll = select.epoll() if how == "epoll" else select.poll()
    poll.register(device, select.POLLIN)
    while True:
        if how == "select":
            select.select([device], [], [])
        elif poll.poll()[0][1] & select.POLLHUP and how == "hup":
            print("hup", flush=True)
            return
        try:
            request = os.read(device, 1 << 18)
        except OSError as e:
            print(how, errno.errorcode[e.errno])
            return
        if not request:
            print(how, "the end of a file")
            return
        _, opcode, unique = struct.unpack_from("=IIQ", request)
        answer(device, opcode, unique)


if __name__ == "__main__":
    main()
