# SPDX-License-Identifier: GPL-2.0-or-later
"""A user at a terminal: types into a pseudo-terminal and waits for what should appear."""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

PATIENCE = 60


class Terminal:
    def __init__(self, command):
        self.seen = ""
        self.all = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["PS1"] = "outer> "
            os.execvp(command[0], command)

    def expect(self, pattern):
        """Reads until the pattern appears; what is before it is forgotten."""
        end = time.monotonic() + PATIENCE
        while True:
            m = re.search(pattern, self.seen)
            if m:
                print(f"ok: saw {m.group(0)!r}", flush=True)
                self.seen = self.seen[m.end():]
                return m
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                self.fail(f"no {pattern!r}")
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                self.fail(f"the terminal was closed, and no {pattern!r}")
            text = data.decode(errors="replace")
            self.seen += text
            self.all += text

    def fail(self, what):
        print(f"FAILED: {what}\nunread: {self.seen!r}\nall that was seen:\n{self.all}")
        sys.exit(1)

    def type(self, text):
        os.write(self.fd, text.encode())

    def line(self, text):
        self.type(text + "\r")

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


# Not a shell: dash can lose a Ctrl-C that comes between two commands, natively as well.
JOB = """
import os, signal, time
def continued(*_):
    os.write(1, b"job-conti" + b"nued\\n")
def interrupted(*_):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.raise_signal(signal.SIGINT)
signal.signal(signal.SIGCONT, continued)
signal.signal(signal.SIGINT, interrupted)
os.write(1, b"job-rea" + b"dy\\n")
while True:
    time.sleep(0.1)  # a handler waits for the next step where the signal came just before a sleep
"""


def main():
    with open("job.py", "w", encoding="utf-8") as f:
        f.write(JOB)
    t = Terminal(["/bin/bash", "--norc", "--noprofile", "-i"])
    t.expect("outer> ")

    print("# job control inside")
    t.line("PS1='inner''> ' umview bash --norc --noprofile -i")
    t.expect("inner> ")
    t.line("$PYTHON job.py")
    t.expect("job-ready")
    t.type("\x1a")
    t.expect("Stopped")
    t.expect("inner> ")
    t.line("fg")
    t.expect("job-continued")
    t.type("\x03")
    t.expect("inner> ")
    t.line("echo status-$?")
    t.expect("status-130")
    t.expect("inner> ")

    print("# window size")
    t.resize(33, 99)
    t.line("stty size")
    t.expect("33 99")
    t.expect("inner> ")
    t.line("bash -c 'trap \"echo got-win\"ch WINCH; echo rea\"\"dy; for i in {1..600}; do sleep 0.1; done'")
    t.expect("ready")
    t.resize(44, 111)
    t.expect("got-winch")
    t.type("\x03")
    t.expect("inner> ")
    t.line("exit 7")
    t.expect("outer> ")
    t.line("echo status-$?")
    t.expect("status-7")
    t.expect("outer> ")

    print("# Ctrl-Z and fg around the view")
    t.line("umview sh -c 'echo rea\"\"dy; exec cat'")
    t.expect("ready")
    t.line("first")
    t.expect("first\r\nfirst")
    t.type("\x1a")
    t.expect("Stopped")
    t.expect("outer> ")
    t.line("echo sh\"\"ell")
    t.expect("shell")
    t.expect("outer> ")
    t.line("fg")
    t.expect("exec cat")
    t.line("second")
    t.expect("second\r\nsecond")
    t.type("\x04")
    t.expect("outer> ")

    print("# Ctrl-C around the view")
    t.line("umview $PYTHON job.py")
    t.expect("job-ready")
    t.type("\x03")
    t.expect("outer> ")
    t.line("echo status-$?")
    t.expect("status-130")
    t.expect("outer> ")

    print("# Ctrl-\\ , and the terminal's settings afterwards")
    t.line("stty -a | md5sum >before; umview sh -c 'stty -echo; echo rea\"\"dy; exec sleep 1000'")
    t.expect("ready")
    t.type("\x1c")
    t.expect("outer> ")
    t.line("stty echo; stty -a | md5sum | cmp - before && echo sa\"\"me")
    t.expect("same")

    print("# An end that takes longer than a second says what it waits for")
    with open("lingers", "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\nfuse2fs -f -o $1,fakeroot,default_permissions $2 $3\nsleep 3\n")
    os.chmod("lingers", 0o755)
    t.line("umview -m \"fs.img:mnt,server=$PWD/lingers %o %s %m\" sh -c 'echo rea\"\"dy; read line'")
    t.expect("ready")
    t.line("")
    t.expect("umview: writing back .*/mnt")
    t.expect("outer> ")
    t.line("exit")


if __name__ == "__main__":
    main()
