# SPDX-License-Identifier: GPL-2.0-or-later
# A server refuses to remove a name, again and again, while others open the file, write and close: nothing is lost.
. "$TOP/tests/e2e/lib.sh"
mkdir mnt tree tree/d
echo hello >tree/d/f
truncate -s 16M fs.img
mkfs.ext4 -q -E "root_owner=$(id -u):$(id -g)" -d tree fs.img
# (the flag for a folder that may not be changed, which only the server knows)
debugfs -w -R "set_inode_field /d flags 0x80010" fs.img >log 2>&1
cat >refused.py <<'E2'
import os, sys, time

NAME, end = "mnt/d/f", time.time() + 3


def removes():
    n = 0
    while time.time() < end:
        try:
            os.unlink(NAME)
        except PermissionError:
            n += 1
    return n > 0


def writes(k):
    n = 0
    while time.time() < end:
        fd, data = os.open(NAME, os.O_RDWR), b"%d:%08d" % (k, n)
        os.pwrite(fd, data, k * 100)
        if n % 3 == 0:
            os.close(os.dup(fd))
        if os.pread(fd, len(data), k * 100) != data:
            return False
        os.close(fd)
        n += 1
    with open(NAME, "rb") as f:
        f.seek(k * 100)
        return n > 0 and f.read(len(data)) == data and bool(open(f"said.{k}", "wb").write(data))


pids = []
for what in (removes, removes, lambda: writes(0), lambda: writes(1), lambda: writes(2)):
    pids.append(os.fork())
    if pids[-1] == 0:
        os._exit(0 if what() else 1)
print([os.waitpid(p, 0)[1] for p in pids])
E2
gives "refused" 0 um -m "fs.img:$HERE/mnt" -- "$PYTHON" refused.py
is "refused" "$OUT" "[0, 0, 0, 0, 0]"
debugfs -R "dump /d/f got" fs.img >log 2>&1
for k in 0 1 2; do
	is "of $k in the image" "$(tail -c +$((k * 100 + 1)) got | head -c 10)" "$(cat said.$k)"
done
