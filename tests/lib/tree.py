# SPDX-License-Identifier: GPL-2.0-or-later
"""tree.py FOLDER FILES BIG-MIB: a tree of many kinds of files, the same each time."""
import os
import random
import sys

BASE = 1_600_000_000


def main():
    top, count, big = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    r = random.Random(4711)
    os.makedirs(top)
    folders = [top]
    for i in range(max(count // 40, 3)):
        path = f"{r.choice(folders[-8:])}/dir{i}"
        os.mkdir(path)
        folders.append(path)
    files = []
    for i in range(count):
        path = f"{r.choice(folders)}/file{i}"
        size = r.choice([0, 1, 100, 1000, 4095, 4096, 4097, r.randrange(20000)])
        with open(path, "wb") as f:
            f.write(r.randbytes(size))
        os.chmod(path, r.choice([0o644, 0o600, 0o755, 0o444]))
        files.append(path)
    for i in range(count // 20):
        os.symlink(r.choice(["nowhere", "/etc/passwd", os.path.basename(r.choice(files))]),
                   f"{r.choice(folders)}/link{i}")
        os.link(r.choice(files), f"{r.choice(folders)}/hard{i}")
    names = f"{top}/names"
    os.mkdir(names)
    for name in ("white space", "new\nline", "back\\slash", "ünïcödé", "quote'\"", "-dash", "a" * 255,
                 "*", ".hidden"):
        with open(f"{names}/{name}", "w", encoding="utf-8") as f:
            f.write(name)
    os.mkfifo(f"{names}/fifo")
    with open(f"{top}/sparse", "wb") as f:
        f.write(b"start")
        f.seek(40 << 20)
        f.write(b"end")
    with open(f"{top}/big", "wb") as f:
        for _ in range(big):
            f.write(r.randbytes(1 << 20))
    for path in r.sample(files, max(count // 30, 1)):
        try:
            os.chmod(path, 0o644)  # unsquashfs sets them when the mode is final
            os.setxattr(path, "user.test", r.randbytes(r.randrange(1, 200)))
        except OSError:
            pass
    for n, (path, dirs, names) in enumerate(os.walk(top, topdown=False)):
        for name in names + dirs:
            os.utime(f"{path}/{name}", (BASE + n, BASE + n * 3 + len(name)), follow_symlinks=False)


main()
