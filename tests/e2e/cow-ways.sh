# SPDX-License-Identifier: GPL-2.0-or-later
# umview --cow, --ro: each call that changes something, by each way to name what is open (descriptors, links of /proc, names below
# them), on each type of file: the host's tree stays as it is, to the times of change.
. "$TOP/tests/e2e/lib.sh"
need setfattr
export XDG_STATE_HOME=$HERE/state

cat >ways.py <<'EOF'
import ctypes, fcntl, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
times = (ctypes.c_long * 4)(5, 0, 5, 0)
FCHMODAT2, SETXATTRAT, REMOVEXATTRAT, FILE_SETATTR = 452, 463, 466, 469
CWD, EMPTY, FOLLOW = -100, 0x1000, 0x400
me = os.getuid(), os.getgid()
value = ctypes.create_string_buffer(b"v", 1)
xattr_args = ctypes.create_string_buffer(struct.pack("QII", ctypes.addressof(value), 1, 0), 16)
flags = ctypes.create_string_buffer(struct.pack("QIIII", 0x40, 0, 0, 0, 0), 24)
os.chdir(sys.argv[1])
made = 0

def name(prefix):
    global made
    made += 1
    return b"%s%d" % (prefix, made)

def by_descriptor(fd):
    libc.fchmod(fd, 0o700)
    libc.fchown(fd, *me)
    libc.futimens(fd, times)
    libc.fsetxattr(fd, b"user.q", b"v", 1, 0)
    libc.fremovexattr(fd, b"user.keep")
    libc.utimensat(fd, None, times, 0)
    libc.ftruncate(fd, 0)
    libc.fallocate(fd, 0, 0, 100)
    for request, arg in ((0x40086602, struct.pack("l", 0x10)), (0x401c5820, struct.pack("IIIII8s", 0, 0, 0, 1, 0, b"")),
                         (0x40087602, struct.pack("l", 77)), (0x40046602, struct.pack("i", 0x40))):
        try:
            fcntl.ioctl(fd, request, arg)
        except OSError:
            pass

def by_empty_path(fd):
    libc.utimensat(fd, b"", times, EMPTY)
    libc.fchownat(fd, b"", *me, EMPTY)
    libc.linkat(fd, b"", CWD, name(b"l"), EMPTY)
    libc.syscall(FCHMODAT2, fd, b"", 0o711, EMPTY)
    libc.syscall(SETXATTRAT, fd, b"", EMPTY, b"user.w", xattr_args, 16)
    libc.syscall(REMOVEXATTRAT, fd, b"", EMPTY, b"user.keep")
    libc.syscall(FILE_SETATTR, fd, b"", flags, 24, EMPTY)

def by_folder(fd):
    libc.mkdirat(fd, name(b"m"), 0o755)
    libc.symlinkat(b"x", fd, name(b"s"))
    libc.renameat(fd, b"f", fd, b"g")
    libc.unlinkat(fd, b"d", 0)

def by_link(link, is_fifo):
    libc.chmod(link, 0o705)
    libc.chown(link, *me)
    libc.lchown(link, -1, -1)
    libc.utimensat(CWD, link, times, 0)
    libc.setxattr(link, b"user.z", b"v", 1, 0)
    libc.removexattr(link, b"user.keep")
    libc.truncate(link, 1)
    libc.syscall(FCHMODAT2, CWD, link, 0o711, 0)
    libc.linkat(CWD, link, CWD, name(b"l"), FOLLOW)
    fd = -1 if is_fifo else libc.open(link, os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK)
    if fd >= 0:
        os.write(fd, b"zzzz")
        os.close(fd)

def below(link):
    try:
        socket.socket(socket.AF_UNIX).bind(link + name(b"/socket"))
    except OSError:
        pass
    libc.mkdir(link + name(b"/m"), 0o755)
    libc.mknod(link + name(b"/n"), 0o10644, 0)
    libc.symlink(b"x", link + name(b"/s"))
    libc.rename(link + b"/a", link + b"/b")
    libc.unlink(link + b"/c")
    libc.rmdir(link + b"/e")

for what in "reg", "dir", "fifo", "sock", "link", "reg2", "dirlink":
    for how in os.O_PATH | os.O_NOFOLLOW, os.O_RDONLY, os.O_RDONLY | os.O_NOFOLLOW | os.O_NOATIME:
        try:
            fd = os.open(what, how | os.O_NONBLOCK)
        except OSError:
            continue
        pid = os.getpid()
        for where in "self", "thread-self", str(pid), "self/task/%d" % pid:
            link = b"/proc/%s/fd/%d" % (where.encode(), fd)
            by_link(link, what == "fifo")
            below(link)
        by_link(b"/dev/fd/%d" % fd, what == "fifo")
        by_descriptor(fd)
        by_empty_path(fd)
        by_folder(fd)
        os.close(fd)
EOF
fresh() {
	rm -rf tree
	mkdir -p tree/dir/e
	echo x >tree/reg
	echo y >tree/reg2
	mkfifo -m 644 tree/fifo
	ln -s to tree/link
	ln -s dir tree/dirlink
	for f in a c d f; do echo $f >tree/dir/$f; done
	"$PYTHON" -c 'import socket; socket.socket(socket.AF_UNIX).bind("tree/sock")'
	setfattr -n user.keep -v k tree/reg tree/reg2 tree/dir || skip "no extended attributes here"
}
look() {
	(cd tree && find . -printf '%p %M %u %g %s %n %l %T@ %C@\n' | sort && find . -type f -exec cat {} + && getfattr -d reg reg2 dir)
}
way() {
	gives "$*" 0 um "$@" "$PYTHON" "$HERE/ways.py" "$HERE/tree"
	diff -u before <(look) || fail "$*: the tree has changed"
}
fresh
"$PYTHON" ways.py tree
[ "$(stat -c '%A %Y' tree/fifo tree/sock tree/dir tree/reg2)" = "prwx--x--x 5
srwx--x--x 5
drwx--x--x $(stat -c %Y tree/dir)
-rwx--x--x $(stat -c %Y tree/reg2)" ] || fail "natively: they have done nothing"
fresh
look >before
way --cow --
way --root --cow --
way "--cow=of=$HERE/tree" --
way --root --cow -- chroot /
way --ro "$HERE" --
if unshare -Urm true 2>/dev/null; then
	way --cow -- unshare -Ur
	way --cow -- unshare -Urm
	way --root --cow -- unshare -Urm
	way --ro "$HERE" -- unshare -Urm
fi
nothing_left
