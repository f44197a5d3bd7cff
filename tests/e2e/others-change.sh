# SPDX-License-Identifier: GPL-2.0-or-later
# Files that others change at the server. Close-to-open: who opens a file sees what was in it when others closed it, and
# others see what was written when close(2) returned. What a server gives a time of 0 is asked for each time.
. "$TOP/tests/e2e/lib.sh"
need bindfs sshfs
[ -x /usr/lib/openssh/sftp-server ] || skip "no sftp-server here"
mkdir store mnt
mkfifo to done
printf '#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n' >sftp # sshfs speaks to it through a pipe
chmod +x sftp

# The guest asks for what is done behind its back, and waits for it.
cat >other.py <<'PYTHON'
import os
with open("to") as to, open("done", "w") as done:
    while line := to.readline():
        exec(line)
        print("done", file=done, flush=True)
PYTHON
cat >lib.py <<'PYTHON'
import os
to, done = open("to", "w"), open("done")
def other(line):
    to.write(line + "\n")
    to.flush()
    assert done.readline() == "done\n"
def put(name, text):
    other(f"f = open('store/{name}', 'w'); f.write({text!r}); f.close()")
PYTHON
cat >close.py <<'PYTHON'
from lib import *
def get(name):
    with open(f"mnt/{name}") as f:
        return f.read()
wrong = []
for i in range(20):
    size = (100, 100, 5000, 300000)[i % 4] # the same once, then others
    text = f"{i:04}" * (size // 4)
    put("f", text)
    if get("f") != text:
        wrong.append(f"read {i}")
    with open("mnt/g", "w" if i % 2 else "a") as f:
        f.write(f"written {i}")
    other(f"assert open('store/g').read().endswith('written {i}')")
print("close-to-open:", wrong or "holds")
PYTHON
cat >zero.py <<'PYTHON'
from lib import *
wrong = []
def same(what, got, wanted):
    if got != wanted:
        wrong.append((what, got, wanted))
for i in range(20):
    same("none", os.path.exists("mnt/n"), False)
    put("n", "x" * i)
    same("size", os.stat("mnt/n").st_size, i)
    other(f"os.chmod('store/n', 0o6{i % 8}4)")
    same("mode", os.stat("mnt/n").st_mode & 0o777, 0o604 + i % 8 * 8)
    same("access", os.access("mnt/n", os.R_OK), True)
    other("os.rename('store/n', 'store/m')")
    same("renamed", (os.path.exists("mnt/n"), os.path.exists("mnt/m")), (False, True))
    other("os.mkdir('store/n'); os.unlink('store/m')")
    same("type", os.path.isdir("mnt/n"), True)
    same("names", sorted(n for n in os.listdir("mnt") if n in "nm"), ["n"])
    other(f"os.rmdir('store/n'); os.symlink('to{i}', 'store/n')")
    same("link", os.readlink("mnt/n"), f"to{i}")
    other("os.unlink('store/n')")
print("time 0:", wrong or "asked each time")
PYTHON

# run SCRIPT COMMAND...: mounted by the command in a view
run() {
	local script=$1
	shift
	rm -rf store
	mkdir store
	"$PYTHON" other.py &
	gives "$1" 0 um bash -c 'script=$1; shift; "$@" && "$PYTHON" "$script" && fusermount -u mnt' sh "$script" "$@"
	wait $!
}
SSHFS=(sshfs -o "ssh_command=$HERE/sftp" "any:$HERE/store" mnt)
run close.py bindfs store mnt
is "bindfs" "$OUT" "close-to-open: holds"
run close.py "${SSHFS[@]}"
is "sshfs" "$OUT" "close-to-open: holds"
run zero.py bindfs -o attr_timeout=0,entry_timeout=0,negative_timeout=0 store mnt
is "bindfs" "$OUT" "time 0: asked each time"
run zero.py "${SSHFS[@]}" -o cache=no,attr_timeout=0,entry_timeout=0,negative_timeout=0
is "sshfs" "$OUT" "time 0: asked each time"
nothing_left
