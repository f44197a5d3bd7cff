# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists processes of this test (by its XDG_RUNTIME_DIR) that are part of a view, or its servers.
Exit status 0 if there are any."""
import os
import sys

MINE = f"XDG_RUNTIME_DIR={os.environ['XDG_RUNTIME_DIR']}".encode()


def ancestors():
    found = set()
    pid = os.getpid()
    while pid > 1:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat", "rb") as f:
                pid = int(f.read().rpartition(b")")[2].split()[1])
        except OSError:
            break
    return found


def main():
    mine = ancestors()
    found = 0
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in mine:
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as f:
                if MINE not in f.read().split(b"\0"):
                    continue
            with open(f"/proc/{name}/stat", "rb") as f:
                text = f.read()
            if text.rpartition(b")")[2].split()[0] in (b"Z", b"X"):
                continue
        except OSError:
            continue
        print(name, text.decode(errors="replace")[:60])
        found += 1
    sys.exit(0 if found else 1)


main()
