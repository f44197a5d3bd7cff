# SPDX-License-Identifier: GPL-2.0-or-later
"""A listener of a view (stack=lwip) that went to a process outside: what that says of a connection it accepted is not
believed. claimed.py outside SOCKET, and in a view claimed.py view SOCKET, which prints what it found of its own."""
import os
import socket
import struct
import sys

LO = "127.0.0.1"


def outside(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        s.listen()
        view = s.accept()[0]
    number, fds, _, _ = socket.recv_fds(view, 8, 1)
    accepted = socket.socket(fileno=fds[0]).accept()[0]
    accepted.sendall(number + b"x")
    view.sendall(b"x")
    view.recv(1)
    accepted.close()
    view.sendall(b"x")


def view(path):
    other, server, out = socket.create_server((LO, 0)), socket.create_server((LO, 0)), socket.socket(socket.AF_UNIX)
    mine = socket.create_connection(other.getsockname())
    out.connect(path)
    socket.send_fds(out, [struct.pack("Q", os.fstat(mine.fileno()).st_ino)], [server.fileno()])
    c = socket.create_connection(server.getsockname())
    out.recv(1)
    print(mine.getpeername() == other.getsockname(), mine.getsockname() == other.accept()[1])
    mine.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77)
    print(mine.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))
    out.sendall(b"x")
    out.recv(1)
    print(mine.getpeername() == other.getsockname())
    c.close()


{"outside": outside, "view": view}[sys.argv[1]](sys.argv[2])
