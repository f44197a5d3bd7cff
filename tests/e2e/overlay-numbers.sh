# SPDX-License-Identifier: GPL-2.0-or-later
# Overlays: st_dev and st_ino stay when a file is copied up, moved or found again; d_ino is st_ino, an open file's too; names of one
# file stay together; what a copy says of where it is from is what the kernel's overlayfs says.
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state
fresh() {
	rm -rf low
	mkdir -p low/d/e low/gone
	for f in a b c d/f d/g gone/x; do echo "$f" >low/$f; done
	ln -s a low/link
	mkfifo low/fifo
	ln low/c low/d/c2
	ln low/c low/c3
}
cat >numbers.py <<'EOF'
import os
import sys

def number(path):
    st = os.lstat(path)
    return st.st_dev, st.st_ino

def check(what, ok):
    print("ok" if ok else "NOT OK", what)

def listed(top="."):
    return all(e.inode() == os.lstat(e.path).st_ino for path, _, _ in os.walk(top) for e in os.scandir(path))

def open_file(path, flags):
    fd = os.open(path, flags)
    st = os.fstat(fd)
    os.close(fd)
    return (st.st_dev, st.st_ino) == number(path)

os.chdir(sys.argv[1])
names = ["a", "b", "c", "d", "d/e", "d/f", "d/g", "d/c2", "c3", "link", "fifo"]
before = {name: number(name) for name in names}
open("a", "a").write("more")
os.rename("b", "d/b")
os.chmod("d/f", 0o600)
os.utime("link", (1, 1), follow_symlinks=False)
os.chmod("fifo", 0o600)
open("new", "w").close()
os.mkdir("newdir")
if sys.argv[2] == "on":
    os.rename("d", "moved")
    d = "moved"
else:
    d = "d"
open("c", "a").write("more")
now = {name: name if name[0] != "d" else d + name[1:] for name in names}
now["b"] = d + "/b"
for name in names:
    check(f"{name} keeps its number", number(now[name]) == before[name])
for name in ("a", "c", now["c3"], now["d/f"], now["d/g"], "new"):
    check(f"{name} by an open file", open_file(name, os.O_RDONLY) and open_file(name, os.O_RDWR))
check("one device", {number(n)[0] for n in (".", "new", "newdir", "a", d)} == {number(".")[0]})
check("d_ino", listed())
check("other names of a file", all(open(n).read() == "c\nmore" and os.stat(n).st_nlink == 3 for n in ("c", "c3", now["d/c2"])))
os.unlink("c3")
check("one name less", os.stat("c").st_nlink == 2 and os.path.samefile("c", now["d/c2"]))
os.replace("new", now["d/c2"])
check("the last name", os.stat("c").st_nlink == 1)
made = {os.path.join(p, n): number(os.path.join(p, n)) for p, ds, fs in os.walk(".") for n in ds + fs}
check("numbers of their own", len(set(made.values())) == len(made))
EOF
all_ok() {
	if echo "$OUT" | grep -q "NOT OK" || ! echo "$OUT" | grep -q "^ok the last name"; then fail "$1: $OUT"; fi
	echo "ok: $1"
}
fresh
gives "with --cow" 0 um --cow=n,of=low -- "$PYTHON" numbers.py low on
all_ok "with --cow"
before=$(stat -c %i low/a low/d low/d/f low/d/g)
gives "in the next view" 0 um --cow=n,of=low -- stat -c %i low/a low/moved low/moved/f low/moved/g
has "in the next view" "$OUT" "$before"
# a file that its owner may not write to says where it is from as well
fresh
chmod 444 low/a
gives "a copy of a read-only file" 0 um --cow=r,of=low -- touch low/a
before=$(stat -c %i low/a)
gives "its number in the next view" 0 um --cow=r,of=low -- stat -c %i low/a
has "its number" "$OUT" "$before"
fresh
gives "as a whole tree" 0 um --cow -- "$PYTHON" numbers.py low on
all_ok "as a whole tree"
mkdir u w m
gives "an overlay" 0 um -m "o:m,type=overlay,lowerdir=low,upperdir=u,workdir=w" -- "$PYTHON" numbers.py m on
all_ok "an overlay"

# what a copy says
is "impure" "$(getfattr -n user.overlay.impure --only-values u)" y
getfattr -n user.overlay.origin u/a >/dev/null || fail "a copy has no origin"
if getfattr -h -n user.overlay.origin u/link >/dev/null 2>&1; then fail "a link has one"; fi
if getfattr -n user.overlay.origin u/c >/dev/null 2>&1; then fail "one of several names has one"; fi
is "a changed lower tree" "$(rm low/a; echo other >low/a; um -m o:m,type=overlay,lowerdir=low,upperdir=u,workdir=w -- cat m/a)" "a
more"
other=$(mktemp -d /dev/shm/umview-test-XXXXXX) || other=
if [ -n "$other" ] && setfattr -n user.x -v 1 "$other" 2>/dev/null; then
	fresh
	mkdir "$other/u" "$other/w"
	gives "upper on another file system" 0 um -m "o:m,type=overlay,lowerdir=low,upperdir=$other/u,workdir=$other/w" -- "$PYTHON" numbers.py m on
	all_ok "upper on another file system"
fi
rm -rf "$other"
# fstat(2) itself, as musl and Go have it
fresh
gives "fstat(2)" 0 um --root --cow=f,of=low -- "$PYTHON" -c '
import ctypes, os
os.chown("low/a", 12, 34)
fd = os.open("low/a", os.O_RDONLY)
buf = (ctypes.c_uint32 * 36)()
ctypes.CDLL(None).syscall(5, fd, buf)
print(buf[7], buf[8], buf[2] == os.stat("low/a").st_ino & 0xffffffff)'
has "fstat(2)" "$OUT" "12 34 True"
nothing_left
