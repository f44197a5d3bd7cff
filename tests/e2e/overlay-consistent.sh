# SPDX-License-Identifier: GPL-2.0-or-later
# ",consistent": who has a file open for reading, or mapped, sees on an overlay what is written to it, as on any file system.
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state

cat >readers.py <<'PYTHON'
import mmap, os, subprocess, sys
os.chdir(sys.argv[1])
if len(sys.argv) > 2: # another process, which opens by the name
    with open(sys.argv[2], "r+b", 0) as f:
        f.seek(2)
        f.write(b"NEW")
    os.chmod(sys.argv[2], 0o640)
    sys.exit()
for name in "file", "sub/hard", "shut":
    fd = os.open(name, os.O_RDONLY)
    shared = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
    again = os.open("/proc/self/fd/%d" % fd, os.O_RDONLY)
    os.chmod(name, 0o644)
    other = "name" if name == "sub/hard" else name # that file's other name
    subprocess.check_call([sys.executable, sys.argv[0], ".", other])
    print(name, os.pread(fd, 10, 0), os.read(again, 10), shared[:10], oct(os.fstat(fd).st_mode))
    os.truncate(name, 4)
    print(os.fstat(fd).st_size, os.path.sameopenfile(fd, os.open(name, os.O_RDWR)))
    os.rename(name, "moved")
    with open("moved", "ab") as f:
        f.write(b"end")
    print(os.pread(fd, 10, 0), os.stat("moved").st_ino == os.fstat(fd).st_ino)
    os.rename("moved", name)
PYTHON
PROG=$HERE/readers.py
make_tree() {
	mkdir -p "$1/sub"
	for f in file sub/hard shut; do echo "before $f" >"$1/$f"; done
	ln "$1/sub/hard" "$1/name"
	chmod 400 "$1/shut"
}
for tree in native o c r below; do make_tree $tree; done
gives "natively" 0 "$PYTHON" "$PROG" native
wanted=$OUT
has "natively" "$wanted" "file b'beNEWe fil' b'beNEWe fil' b'beNEWe fil' 0o100640"
mkdir up work mnt
gives "an overlay" 0 um -m "o:mnt,type=overlay,lowerdir=o,upperdir=up,workdir=work,consistent" -- "$PYTHON" "$PROG" mnt
is "an overlay" "$OUT" "$wanted"
# all of it as that user: what root of a view may write to
for how in "--cow=c,of=c c" "--root --cow=r,of=r r" "--cow=all below"; do
	tree=${how##* }
	# shellcheck disable=SC2086 # words
	gives "$how" 0 um ${how% *},consistent -- "$PYTHON" "$PROG" $tree
	is "$how" "$(grep -v ^umview: <<<"$OUT")" "$wanted"
done
for tree in o c r below; do
	is "$tree is as it was" "$(cat $tree/file $tree/name)" "before file
before sub/hard"
done
# what nobody may write to is not copied; what only was read is no change
UPPER=$XDG_STATE_HOME/umview/layers/all/upper
[ ! -e "$UPPER/usr" ] || fail "files of the system were copied: $(find "$UPPER/usr" -type f | head -n 3)"
echo own >own
gives "only read" 0 um --cow=read,consistent -- sh -c "cat '$HERE/own' /etc/passwd >/dev/null"
UPPER=$XDG_STATE_HOME/umview/layers/read/upper
is "it was copied" "$(cat "$UPPER/$HERE/own")" own
is "and is no change" "$(umctl diff read)" ""
[ ! -e "$UPPER/etc" ] || fail "/etc/passwd was copied"
# what root of the view may not read stays closed
mkdir closed
echo secret >closed/f
chmod 0 closed/f
gives "closed" 1 um --root --cow=closed,of=closed,consistent -- cat closed/f
has "closed" "$OUT" "Permission denied"
[ ! -e "$XDG_STATE_HOME/umview/layers/closed/upper/f" ] || fail "it was taken to be empty"
nothing_left
