# SPDX-License-Identifier: GPL-2.0-or-later
# server: a Python program with fusepy
# packages: python3-fusepy
# writes: yes
. "$TOP/tests/servers/lib.sh"
"$PYTHON" -c 'import fusepy' 2>/dev/null || skip "no python3-fusepy here"
can="symlink hardlink chmod"
prepare() {
	rm -rf store
	cp -a tree store
	cat >server.py <<'PYTHON'
import os, sys
from fusepy import FUSE, FuseOSError, Operations

class Loopback(Operations):
    def __init__(self, root):
        self.root = os.path.realpath(root)

    def __call__(self, op, path, *args):
        return super().__call__(op, self.root + path, *args)

    def getattr(self, path, fh=None):
        try:
            st = os.lstat(path)
        except OSError as e:
            raise FuseOSError(e.errno)
        return {k: getattr(st, k) for k in ("st_atime", "st_ctime", "st_gid", "st_mode", "st_mtime",
                                            "st_nlink", "st_size", "st_uid")}

    def readdir(self, path, fh):
        return [".", ".."] + os.listdir(path)

    def statfs(self, path):
        s = os.statvfs(path)
        return {k: getattr(s, k) for k in ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_frsize")}

    def create(self, path, mode):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        return os.pwrite(fh, data, offset)

    def release(self, path, fh):
        return os.close(fh)

    def truncate(self, path, length, fh=None):
        os.truncate(path, length)

    def utimens(self, path, times=None):
        os.utime(path, times)

    def symlink(self, path, target):
        return os.symlink(target, path)

    def link(self, path, old):
        return os.link(self.root + old, path)

    def rename(self, old, new):
        return os.rename(old, self.root + new)

    open, mkdir, rmdir, unlink, readlink, chmod, chown = (
        os.open, os.mkdir, os.rmdir, os.unlink, os.readlink, os.chmod, os.chown)

FUSE(Loopback(sys.argv[1]), sys.argv[2], nothreads=True)
PYTHON
}
by_hand() {
	"$PYTHON" server.py store mnt
}
unmounted() {
	is "the folder behind it" "$(diff -r model store)" ""
}
run_server "$@"
