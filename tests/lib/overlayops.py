# SPDX-License-Identifier: GPL-2.0-or-later
"""A random sequence of changes, the same for the same seed, in the current directory.

    overlayops.py make DIR        two lower folders, DIR/l1 and DIR/l2
    overlayops.py run SEED COUNT  changes and looks; each call and what came of it is printed
    overlayops.py together SEED COUNT N  the same by N processes by turns, which also keep files open and have working
                                  directories of their own, that the others rename and remove
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


class Together(Changes):
    """One of several processes."""
    def __init__(self, seed):
        super().__init__(seed)
        self._top = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
        self._name = os.getcwd()
        self._open = []

    def _kept(self):
        if not self._open:
            raise OSError(errno.EBADF, "none is open")
        return self.rng.choice(self._open)

    def keep(self):
        flags = self.rng.choice([os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDWR | os.O_CREAT | os.O_TRUNC,
                                 os.O_RDWR | os.O_APPEND, os.O_RDWR | os.O_CREAT | os.O_EXCL])
        path = self.path()
        if len(self._open) >= 6:
            os.close(self._open.pop(self.rng.randrange(6)))
        fd = os.open(path, flags | os.O_NONBLOCK, 0o640)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            return "no file"
        self._open.append(fd)
        return "kept"

    def pwrite(self):
        return os.pwrite(self._kept(), b"%d" % self.rng.randrange(10 ** 9), self.rng.randrange(2000))

    def append(self):
        return os.write(self._kept(), b"%d" % self.rng.randrange(10 ** 9))

    def pread(self):
        return os.pread(self._kept(), 50, self.rng.randrange(2000))

    def fstat(self):
        st = os.fstat(self._kept())
        return stat.filemode(st.st_mode), st.st_size, st.st_nlink

    def ftruncate(self):
        return os.ftruncate(self._kept(), self.rng.randrange(3000))

    def fchmod(self):
        return os.fchmod(self._kept(), self.rng.choice([0o644, 0o600, 0o755, 0o444]))

    def fsetxattr(self):
        return os.setxattr(self._kept(), "user.x" + self.rng.choice(NAMES), b"f")

    def close(self):
        fd = self._kept()
        self._open.remove(fd)
        return os.close(fd)

    def back(self):
        return os.fchdir(self._top)

    def mend(self):
        """Else all ends in folders that are closed, or gone."""
        done = 0
        for name in self.rng.sample(NAMES, 3):
            try:
                if not stat.S_ISDIR(os.stat(name, dir_fd=self._top, follow_symlinks=False).st_mode):
                    continue
                os.chmod(name, 0o755, dir_fd=self._top)
                os.mkdir(f"{name}/{self.rng.choice(NAMES)}", dir_fd=self._top)
                done += 1
            except OSError:
                pass
        return done

    def chdir(self):
        return os.chdir(self.rng.choice([self.path(), ".."] if os.getcwd() != self._name else [self.path()]))

    def getcwd(self):
        name = os.getcwd()
        return name[len(self._name):] if name.startswith(self._name) else "elsewhere"

    def cwd_stat(self):
        st = os.stat(".")
        return stat.filemode(st.st_mode), st.st_nlink == 0

    def cwd_list(self):
        return sorted(os.listdir("."))


def step(changes, kinds, i):
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
    return f"{i} {kind.__name__} {words[0]} {words[1]} {result}"


def kinds_of(changes):
    classes = [c for c in reversed(type(changes).__mro__) if c is not object]
    names = {k for c in classes for k in vars(c) if k != "path" and k[0] != "_"}
    often = {"keep": 4, "mkdir": 3, "write": 2, "back": 4, "mend": 3}
    return [getattr(changes, k) for k in sorted(names) for _ in range(often.get(k, 1) if len(classes) > 1 else 1)]


def run(seed, count):
    changes = Changes(seed)
    kinds = kinds_of(changes)
    for i in range(count):
        print(step(changes, kinds, i))


def serve(seed, orders, answers):
    changes = Together(seed)
    kinds = kinds_of(changes)
    for line in orders:
        answers.write(step(changes, kinds, int(line)) + "\n")
        answers.flush()
    os._exit(0)


def together(seed, count, n):
    workers = []
    for k in range(n):
        order_r, order_w = os.pipe()
        answer_r, answer_w = os.pipe()
        if os.fork() == 0:
            for orders, answers in workers:
                orders.close()
                answers.close()
            os.close(order_w)
            os.close(answer_r)
            serve(seed * 100 + k, os.fdopen(order_r), os.fdopen(answer_w, "w"))
        os.close(order_r)
        os.close(answer_w)
        workers.append((os.fdopen(order_w, "w"), os.fdopen(answer_r)))
    rng = random.Random(seed)
    for i in range(count):
        k = rng.randrange(n)
        orders, answers = workers[k]
        orders.write(f"{i}\n")
        orders.flush()
        print(k, answers.readline(), end="")
    for orders, _ in workers:
        orders.close()
    for _ in workers:
        os.wait()


os.umask(0o022)
if sys.argv[1] == "make":
    make(sys.argv[2])
elif sys.argv[1] == "run":
    run(int(sys.argv[2]), int(sys.argv[3]))
elif sys.argv[1] == "together":
    together(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
else:
    show()
