# SPDX-License-Identifier: GPL-2.0-or-later
# umview --root of the host's own root, whose 0 is the kernel's: maps of user namespaces may have as many ranges as without.
# user: root
. "$TOP/tests/e2e/lib.sh"

[ "$(id -u)" = 0 ] || skip "for root alone"
unshare -U true 2>/dev/null || skip "no user namespaces here"
cat >maps.py <<'PYTHON'
import ctypes, os

ready, go = os.pipe(), os.pipe()
pid = os.fork()
if pid == 0:
    ctypes.CDLL(None).unshare(0x10000000)  # CLONE_NEWUSER
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os._exit(0)
os.read(ready[0], 1)
text = b"".join(b"%d %d 1\n" % (i, i and i + 1000) for i in range(200))
for name in "uid_map", "gid_map":
    path = "/proc/%d/%s" % (pid, name)
    try:
        print(os.write(os.open(path, os.O_WRONLY), text))
    except OSError as e:
        print(e.strerror)
    with open(path) as f:
        print(f.read())
os.write(go[1], b"x")
os.wait()
PYTHON
native=$("$PYTHON" maps.py)
gives "many ranges" 0 um --root -- "$PYTHON" maps.py
is "many ranges" "$OUT" "$native"
nothing_left
