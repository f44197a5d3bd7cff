# SPDX-License-Identifier: GPL-2.0-or-later
# umview --cow: inotify(7) tells of folders and files what it tells natively, whether or not they had been changed before they
# were watched, and in the same order.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

export XDG_STATE_HOME=$HERE/state
fresh() {
	rm -rf t
	mkdir -p t/d t/w
	echo orig >t/f
	echo orig >t/d/g
}
cat >watch.py <<'EOF2'
import ctypes
import os
import select
import shutil
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
NAMES = {2: "MODIFY", 4: "ATTRIB", 8: "CLOSE_WRITE", 0x40: "MOVED_FROM", 0x80: "MOVED_TO", 0x100: "CREATE",
         0x200: "DELETE", 0x400: "DELETE_SELF", 0x800: "MOVE_SELF", 0x8000: "IGNORED"}
ISDIR = 0x40000000
fd = libc.inotify_init1(os.O_NONBLOCK)
watched = {}

def watch(path):
    wd = libc.inotify_add_watch(fd, os.fsencode(path), 0xfce) # not opens and reads
    watched[wd] = path

def show(what):
    """All that was told so far: up to a file that is made and removed now."""
    os.close(os.open("fence/it", os.O_CREAT | os.O_RDONLY))
    os.unlink("fence/it")
    told = []
    while True:
        if not select.select([fd], [], [], 20)[0]:
            sys.exit(f"{what}: no end after {told}")
        data = os.read(fd, 65536)
        while data:
            wd, mask, _, n = struct.unpack_from("iIII", data)
            name = data[16:16 + n].rstrip(b"\0").decode()
            data = data[16 + n:]
            if watched[wd] == "fence":
                if mask & 0x200:
                    print(what, "|", ", ".join(told), flush=True)
                    return
                continue
            one = "%s:%s%s %s" % (watched[wd], "+".join(v for k, v in NAMES.items() if mask & k), "/" * bool(mask & ISDIR), name)
            if not told or told[-1] != one:
                told.append(one)

def put(path, how="w"):
    with open(path, how) as f:
        f.write("x")

def editor():
    put("t/.f.tmp")
    os.rename("t/.f.tmp", "t/f")

os.makedirs("fence", exist_ok=True)
if "again" in sys.argv: # what is in the layer already
    put("t/before")
    put("t/d/before")
    put("t/f", "a")
for path in "t", "t/f", "t/d", "fence":
    watch(path)
for what, do in [
        ("append", lambda: put("t/f", "a")), ("write", lambda: put("t/f")), ("new", lambda: put("t/new")),
        ("chmod", lambda: os.chmod("t/f", 0o600)), ("chmod of a folder", lambda: os.chmod("t/d", 0o700)),
        ("truncate", lambda: os.truncate("t/f", 1)), ("utime", lambda: os.utime("t/f")),
        ("rename", lambda: os.rename("t/new", "t/new2")), ("mkdir", lambda: os.mkdir("t/sub")),
        ("not watched", lambda: put("t/sub/a")), ("write below", lambda: put("t/d/g", "a")),
        ("truncate below", lambda: os.truncate("t/d/g", 0)), ("move", lambda: os.rename("t/d/g", "t/g2")),
        ("replace", lambda: os.rename("t/new2", "t/f")), ("link", lambda: os.link("t/f", "t/l")),
        ("symlink", lambda: os.symlink("f", "t/s")), ("unlink", lambda: os.unlink("t/g2")),
        ("unlink a link", lambda: os.unlink("t/l")), ("a tree", lambda: shutil.rmtree("t/sub")),
        ("move a folder", lambda: os.rename("t/d", "t/dd")), ("fifo", lambda: os.mkfifo("t/p")),
        ("read", lambda: open("t/f").close()), ("editor", editor),
        ("by other programs", lambda: os.system("echo a >>t/f; echo b >t/q; rm t/q; cat t/f >/dev/null; cp t/f t/copy; mv t/copy t/c2")),
        ("rmdir", lambda: shutil.rmtree("t/dd")), ("rmdir of another", lambda: os.rmdir("t/w"))]:
    do()
    show(what)
EOF2
for how in first again; do
	fresh
	"$PYTHON" watch.py $how >native
	fresh
	gives "watch: $how" 0 um --cow -- "$PYTHON" watch.py $how
	grep -v '^umview: ' <<<"$OUT" | diff native - || fail "it tells other things ($how)"
	rm -rf fence
done

# What the host changes in a folder that nothing was changed in, while the view watches it.
fresh
mkfifo go
"$PYTHON" - <<'EOF2' &
open("go").read()
open("t/outside", "w").close()
EOF2
gives "from outside" 0 um --cow -- "$PYTHON" -c '
import ctypes, os, select, struct
libc = ctypes.CDLL(None)
fd = libc.inotify_init1(0)
assert libc.inotify_add_watch(fd, b"t", 0x100) > 0
open("go", "w").close()
assert select.select([fd], [], [], 20)[0]
assert b"outside" in os.read(fd, 4096)'
wait

# The programs that wait for changes.
if command -v inotifywait >/dev/null; then
	fresh
	gives "inotifywait" 0 um --cow -- bash -ec '
		coproc w { exec inotifywait -m -r -e create,delete,close_write,moved_to --format "%e %w%f" t 2>&1; }
		until read -r line <&"${w[0]}" && [ "$line" = "Watches established." ]; do :; done
		echo x >t/f; mkdir t/n; mv t/f t/w/f; rm t/d/g
		for i in 1 2 3 4; do read -r line <&"${w[0]}"; echo "$line"; done; kill $w_PID'
	has inotifywait "$OUT" "CLOSE_WRITE,CLOSE t/f
CREATE,ISDIR t/n
MOVED_TO t/w/f
DELETE t/d/g"
fi
fresh
gives "tail -f" 0 um --cow -- bash -ec '
	echo first >t/log; coproc w { exec tail -n 1 -f t/log 2>&1; }
	read -r line <&"${w[0]}"; echo "$line"; echo more >>t/log; read -r line <&"${w[0]}"; echo "$line"; kill $w_PID'
has "tail -f" "$OUT" "first
more"
nothing_left
