# SPDX-License-Identifier: GPL-2.0-or-later
# umview --cow: mode, owner and times by a descriptor, of what the layer has and of what only the host has; each says what it says
# natively, and the host's files stay.
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state

cat >by-fd.py <<'EOF'
import ctypes, errno, os, stat, sys

def does(what, fn, *args):
    try:
        fn(*args)
        return "ok"
    except OSError as e:
        return errno.errorcode[e.errno]

# see: how its attributes are asked for; path: where it is, if that is the same file
def all_of(name, fd, path, see=os.fstat):
    for mode in (0o600, 0o4755, 0o2755, 0, 0o644):
        print(name, "fchmod", oct(mode), does("", os.fchmod, fd, mode), oct(see(fd).st_mode))
    for times in ((1, 2), (1700000000, 1), None):
        said = does("", os.utime, fd, times)
        st = see(fd)
        print(name, "utime", times, said, times is None or (st.st_atime, st.st_mtime) == times)
    uid, gid = os.getuid(), os.getgid()
    for who in ((-1, -1), (uid, gid), (-1, gid), (uid + 1, -1), (-1, gid + 1)):
        os.fchmod(fd, 0o6755)
        said = does("", os.fchown, fd, *who)
        print(name, "fchown", who[0] - uid, who[1] - gid, said, oct(see(fd).st_mode))
    os.fchmod(fd, 0o644)
    if path:
        a, b = os.stat(path), os.fstat(fd)
        print(name, "one file", [f for f in ("st_dev", "st_ino", "st_mode", "st_uid", "st_nlink", "st_size", "st_mtime_ns", "st_ctime_ns")
                                 if getattr(a, f) != getattr(b, f)])

os.umask(0)
made = os.open("made", os.O_RDWR | os.O_CREAT, 0o644)
all_of("made", made, "made")
os.write(made, b"x")
all_of("made again", os.open("made", os.O_RDONLY), "made")
there = os.open("there", os.O_RDWR)
all_of("there", there, "there")
# the descriptor goes on to be of the host's file
all_of("only read", os.open("read", os.O_RDONLY), None, lambda fd: os.stat("read"))
link = os.open("there2", os.O_RDWR)
os.link("there2", "link")
all_of("a link", link, "link")
os.unlink("made")
all_of("removed", made, None)
os.rename("there", "other")
all_of("renamed", there, "other")
tmp = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
all_of("nameless", tmp, None)
os.mkdir("dir")
folder = os.open("dir", os.O_RDONLY)
print("folder", does("", os.fchmod, folder, 0o710), does("", os.utime, folder, (3, 4)), oct(os.stat("dir").st_mode), os.stat("dir").st_mtime)
by_path = os.open("other", os.O_PATH)
print("O_PATH", does("", os.fchmod, by_path, 0o600), does("", os.fchown, by_path, -1, -1), does("", os.utime, by_path, (1, 1)))
print("closed", does("", os.fchmod, 99, 0o600), does("", os.fchown, 99, -1, -1), does("", os.utime, 99, (1, 1)))
# what is no file and no folder
libc = ctypes.CDLL(None, use_errno=True)

def call(fn, *args):
    return "ok" if fn(*args) == 0 else errno.errorcode[ctypes.get_errno()]

NOW, EMPTY = -100, 0x1000
for name in "fifo", "socket", "symlink":
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW)
    proc = b"/proc/self/fd/%d" % fd
    for s in 7, 8:
        times = (ctypes.c_long * 4)(s, 0, s, 0)
        said = call(libc.utimensat, fd, b"", times, EMPTY) if s == 7 else call(libc.utimensat, NOW, proc, times, 0)
        print(name, "O_PATH utimensat", said, os.lstat(name).st_mtime == s)
    print(name, "O_PATH chown", call(libc.fchownat, fd, b"", os.getuid(), os.getgid(), EMPTY), call(libc.chown, proc, os.getuid(), os.getgid()))
    print(name, "O_PATH chmod", call(libc.chmod, proc, 0o740), oct(os.lstat(name).st_mode))
    os.close(fd)
fd = os.open("fifo", os.O_RDWR)
print("open fifo", does("", os.fchmod, fd, 0o751), does("", os.utime, fd, (9, 9)), does("", os.fchown, fd, os.getuid(), os.getgid()))
print("open fifo", oct(os.fstat(fd).st_mode), os.fstat(fd) == os.stat("fifo"), call(libc.chmod, b"/proc/self/fd/%d" % fd, 0o701), oct(os.stat("fifo").st_mode))

r, w = os.pipe()
print("a pipe", does("", os.fchmod, w, 0o600), does("", os.utime, w, (1, 1)))
EOF
fresh() {
	rm -rf "$1"
	mkdir "$1"
	for name in there there2 read; do echo $name >"$1/$name"; done
	mkfifo -m 644 "$1/fifo"
	ln -s to "$1/symlink"
	"$PYTHON" -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1/socket"
	touch -h -d @1000 "$1"/*
}
fresh native
fresh tree
before=$(stat -c '%n %a %U %Y %Z' tree/*)
gives "natively" 0 env -C native "$PYTHON" "$HERE/by-fd.py"
NATIVE=$OUT
for way in --cow --cow=kept "--cow=of=$HERE/tree"; do
	gives "in $way" 0 um "$way" -- env -C tree "$PYTHON" "$HERE/by-fd.py"
	OUT=$(grep -v '^umview:' <<<"$OUT")
	[ "$OUT" = "$NATIVE" ] || fail "$way: $(diff <(echo "$NATIVE") <(echo "$OUT"))"
	[ "$(stat -c '%n %a %U %Y %Z' tree/*)" = "$before" ] || fail "$way: the host's files have changed"
done
echo "ok: by descriptors all is as natively"

# owners that root of a view gave hold for who is not, in the next view
gives "owners are kept" 0 um --root --cow=owned -- sh -c 'echo a >tree/owned; chown 1234 tree/owned; chmod 666 tree/owned'
gives "and count" 0 um --cow=owned -- "$PYTHON" -c '
import os
fd = os.open("tree/owned", os.O_RDWR)
print(os.fstat(fd).st_uid, os.stat("tree/owned").st_uid)
for fn, args in ((os.fchmod, (0o600,)), (os.utime, ((1, 2),)), (os.fchown, (os.getuid(), -1))):
    try:
        fn(fd, *args)
        print("done")
    except PermissionError:
        print("EPERM")'
has "they count" "$OUT" "1234 1234
EPERM
EPERM
EPERM"

# what is made has the umask of the moment, of the process that makes it
gives "umasks" 0 um --cow -- sh -ec 'cd tree
	umask 077; : >a; mkdir da; umask 002; : >b; mkdir db; (umask 027; : >c; mkdir dc); : >d; mkdir dd
	stat -c %n:%a a da b db c dc d dd | tr "\n" " "'
has "umasks" "$OUT" "a:600 da:700 b:664 db:775 c:640 dc:750 d:664 dd:775 "
nothing_left
