# SPDX-License-Identifier: GPL-2.0-or-later
"""A random sequence of changes, the same for the same seed, in the current directory.

    overlayops.py make DIR        two lower folders, DIR/l1 and DIR/l2
    overlayops.py run SEED COUNT  changes and looks; each call and what came of it is printed
    overlayops.py show            the tree as it is: types, modes, links, contents, targets, attributes
"""
import errno
import os
import random
import stat
import sys

NAMES = ["a", "b", "c", "d", "e"]


def make(top):
    for layer, seed in (("l1", 1), ("l2", 2)):
        rng = random.Random(seed)

        def fill(path, depth, rng=rng, layer=layer):
            os.makedirs(path)
            for name in NAMES:
                kind = rng.random()
                inner = os.path.join(path, name)
                if kind < 0.35 and depth < 3:
                    fill(inner, depth + 1)
                elif kind < 0.75:
                    with open(inner, "w") as f:
                        f.write(f"{layer} {rng.random()}\n" * rng.randrange(40))
                    os.chmod(inner, rng.choice([0o644, 0o600, 0o755, 0o444]))
                elif kind < 0.85:
                    os.symlink(rng.choice(NAMES), inner)
                elif kind < 0.9:
                    os.mkfifo(inner)

        fill(os.path.join(top, layer), 0)


def show():
    for path, dirs, files in os.walk("."):
        dirs.sort()
        for name in [""] + sorted(files) + sorted(d for d in dirs if os.path.islink(os.path.join(path, d))):
            full = os.path.normpath(os.path.join(path, name))
            try:
                st = os.lstat(full)
            except OSError as e: # in a directory that may not be searched
                print(full, errno.errorcode[e.errno])
                continue
            line = f"{full} {stat.filemode(st.st_mode)} {st.st_uid} {st.st_gid}"
            if stat.S_ISREG(st.st_mode):
                line += f" {st.st_size} {st.st_nlink}"
            elif stat.S_ISLNK(st.st_mode):
                line += " -> " + os.readlink(full)
            if not stat.S_ISDIR(st.st_mode) or name == "":
                attrs = [a for a in os.listxattr(full, follow_symlinks=False)
                         if not a.startswith(("user.overlay.", "user.containers.", "security."))]
                for a in sorted(attrs):
                    line += f" {a}={os.getxattr(full, a, follow_symlinks=False)!r}"
            print(line)
            if stat.S_ISREG(st.st_mode) and os.access(full, os.R_OK):
                with open(full, "rb") as f:
                    print("   ", f.read())


class Changes:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def path(self):
        depth = self.rng.choice([1, 1, 2, 2, 3])
        return "/".join(self.rng.choice(NAMES) for _ in range(depth))

    def write(self):
        flags = self.rng.choice([0, os.O_APPEND, os.O_TRUNC]) | self.rng.choice([0, os.O_CREAT, os.O_CREAT | os.O_EXCL])
        fd = os.open(self.path(), self.rng.choice([os.O_WRONLY, os.O_RDWR]) | flags | os.O_NONBLOCK, 0o644)
        try:
            return os.write(fd, b"%d\n" % self.rng.randrange(10 ** 6))
        finally:
            os.close(fd)

    def read(self):
        fd = os.open(self.path(), os.O_RDONLY | os.O_NONBLOCK)
        try:
            return os.read(fd, 1000)
        finally:
            os.close(fd)

    def list(self):
        return sorted((e.name, e.is_dir(follow_symlinks=False), e.is_symlink()) for e in os.scandir(self.path()))

    def stat(self):
        st = os.lstat(self.path())
        return stat.filemode(st.st_mode), None if stat.S_ISDIR(st.st_mode) else (st.st_size, st.st_nlink)

    def mkdir(self):
        return os.mkdir(self.path(), self.rng.choice([0o755, 0o700, 0o777]))

    def rmdir(self):
        return os.rmdir(self.path())

    def unlink(self):
        return os.unlink(self.path())

    def rename(self):
        return os.rename(self.path(), self.path())

    def link(self):
        return os.link(self.path(), self.path(), follow_symlinks=False)

    def symlink(self):
        return os.symlink(self.path(), self.path())

    def mkfifo(self):
        return os.mkfifo(self.path())

    def chmod(self):
        return os.chmod(self.path(), self.rng.choice([0o644, 0o600, 0o755, 0o555, 0o444]))

    def truncate(self):
        return os.truncate(self.path(), self.rng.randrange(3000))

    def utime(self):
        path = self.path()
        os.utime(path, (1000, self.rng.randrange(10 ** 9)), follow_symlinks=False)
        return int(os.lstat(path).st_mtime)

    def setxattr(self):
        return os.setxattr(self.path(), "user.x" + self.rng.choice(NAMES), b"v")

    def removexattr(self):
        return os.removexattr(self.path(), "user.x" + self.rng.choice(NAMES))

    def listxattr(self):
        return sorted(a for a in os.listxattr(self.path(), follow_symlinks=False) if a.startswith("user.x"))

    def access(self):
        return os.access(self.path(), self.rng.choice([os.R_OK, os.W_OK, os.X_OK]))


def run(seed, count):
    changes = Changes(seed)
    kinds = [getattr(changes, k) for k in sorted(vars(Changes)) if k not in ("path",) and k[0] != "_"]
    for i in range(count):
        kind = changes.rng.choice(kinds)
        state = changes.rng.getrandbits(32)
        changes.rng.seed(state)
        try:
            result = kind()
        except OSError as e:
            result = errno.errorcode[e.errno]
        changes.rng.seed(state)
        words = [changes.path(), changes.path()]
        changes.rng.seed(state + i)
        print(i, kind.__name__, *words, result)


os.umask(0o022)
if sys.argv[1] == "make":
    make(sys.argv[2])
elif sys.argv[1] == "run":
    run(int(sys.argv[2]), int(sys.argv[3]))
else:
    show()
