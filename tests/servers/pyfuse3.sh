# SPDX-License-Identifier: GPL-2.0-or-later
# server: a Python program with pyfuse3
# packages: python3-pyfuse3
# writes: no
. "$TOP/tests/servers/lib.sh"
"$PYTHON" -c 'import pyfuse3, trio' 2>/dev/null || skip "no python3-pyfuse3 here"
can="symlink-read hardlink chmod" foreground=yes
prepare() {
	rm -rf store
	cp -a tree store
	cat >server.py <<'PYTHON'
import os, stat, sys
import pyfuse3, trio

class Show(pyfuse3.Operations):
    def __init__(self, root):
        super().__init__()
        self.paths = {pyfuse3.ROOT_INODE: root}

    def entry(self, ino):
        try:
            st = os.lstat(self.paths[ino])
        except OSError as e:
            raise pyfuse3.FUSEError(e.errno)
        e = pyfuse3.EntryAttributes()
        for k in ("st_mode", "st_nlink", "st_uid", "st_gid", "st_rdev", "st_size", "st_blksize", "st_blocks",
                  "st_atime_ns", "st_mtime_ns", "st_ctime_ns"):
            setattr(e, k, getattr(st, k))
        e.st_ino, e.generation, e.entry_timeout, e.attr_timeout = ino, 0, 300, 300
        return e

    def child(self, parent, name):
        path = os.path.join(self.paths[parent], os.fsdecode(name))
        try:
            ino = os.lstat(path).st_ino + pyfuse3.ROOT_INODE
        except OSError as e:
            raise pyfuse3.FUSEError(e.errno)
        self.paths.setdefault(ino, path)
        return self.entry(ino)

    async def getattr(self, ino, ctx=None):
        return self.entry(ino)

    async def lookup(self, parent, name, ctx=None):
        return self.child(parent, name)

    async def readlink(self, ino, ctx):
        return os.fsencode(os.readlink(self.paths[ino]))

    async def opendir(self, ino, ctx):
        return ino

    async def readdir(self, ino, start, token):
        names = sorted(os.listdir(self.paths[ino]))
        for i, name in enumerate(names[start:], start + 1):
            if not pyfuse3.readdir_reply(token, os.fsencode(name), self.child(ino, os.fsencode(name)), i):
                break

    async def open(self, ino, flags, ctx):
        if flags & os.O_ACCMODE != os.O_RDONLY:
            raise pyfuse3.FUSEError(30)  # EROFS
        return pyfuse3.FileInfo(fh=os.open(self.paths[ino], os.O_RDONLY))

    async def read(self, fh, off, size):
        return os.pread(fh, size, off)

    async def release(self, fh):
        os.close(fh)

options = set(pyfuse3.default_options) | {"ro", "default_permissions"}
pyfuse3.init(Show(os.path.realpath(sys.argv[1])), sys.argv[2], options)
try:
    trio.run(pyfuse3.main)
finally:
    pyfuse3.close(unmount=True)
PYTHON
}
by_hand() {
	"$PYTHON" server.py store mnt
}
run_server "$@"
