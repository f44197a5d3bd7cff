# SPDX-License-Identifier: GPL-2.0-or-later
# No room under the image, no room where large files are kept, an image that is cut short or removed: errors are told
# where they come up, what was fsynced before is there, and nothing hangs.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"
mkdir mnt small cache

# ---- the disk under the image is full ----
cat >full.sh <<'SH'
set -e
truncate -s 64M small/fs.img
mke2fs -q -F -t ext4 -E "root_owner=$(id -u):$(id -g)" small/fs.img
umctl mount small/fs.img mnt
"$PYTHON" full.py
umctl umount mnt || echo "told at umount"
cp --sparse=always small/fs.img roomy.img # to mend it takes room, too
e2fsck -fy roomy.img >fsck 2>&1 || [ $? -lt 4 ] || { cat fsck; exit 1; }
umctl mount -o ro roomy.img mnt
echo "synced: $(cat mnt/synced)"
umctl umount mnt
SH
cat >full.py <<'PYTHON'
import os
with open("mnt/synced", "w") as f:
    f.write("safe")
    f.flush()
    os.fsync(f.fileno())
fd = os.open("mnt/big", os.O_CREAT | os.O_WRONLY)
try:
    for _ in range(50):
        os.write(fd, os.urandom(1 << 20))
    os.fsync(fd)
    print("50 MiB in 8")
except OSError:
    print("an error is told")
try:
    os.close(fd)
except OSError:
    pass
PYTHON
gives "no room under the image" 0 um --tmpfs "$HERE/small:size=8M" -- bash full.sh
# without a user namespace the limit of --tmpfs is not exact
! unshare -Urm true 2>/dev/null || has "no room under the image" "$OUT" "an error is told"
has "no room under the image" "$OUT" "synced: safe"
nothing_left

# by a redirection, whose errors come after the command's end
cat >late.sh <<'SH'
truncate -s 64M small/fs.img
mke2fs -q -F -t ext4 -E "root_owner=$(id -u):$(id -g)" small/fs.img
umctl mount small/fs.img mnt
exec 3>mnt/big
head -c 50M /dev/urandom >&3
$2
exit "$1"
SH
if unshare -Urm true 2>/dev/null; then
	gives "nobody was told" 125 um --tmpfs "$HERE/small:size=8M" -- sh late.sh 0
	has "nobody was told" "$OUT" "mnt: not all could be written back"
	gives "nor by umount -l" 125 um --tmpfs "$HERE/small:size=8M" -- sh late.sh 0 "umctl umount --lazy mnt"
	has "nor by umount -l" "$OUT" "mnt: not all could be written back"
	gives "the command's own status" 3 um --tmpfs "$HERE/small:size=8M" -- sh late.sh 3
	nothing_left
fi

# ---- the image is cut short, or removed ----
ext4_image fs.img 32M
gives "an image to be spoilt" 0 um -m "fs.img:$HERE/mnt" -- sh -c 'seq 300000 >mnt/a; seq 5 >mnt/b'
cp --sparse=always fs.img gone.img
cat >cut.py <<'PYTHON'
import os
os.truncate("fs.img", 300000)
for name in ("a", "b", "none"):
    try:
        open(f"mnt/{name}", "rb").read()
    except OSError:
        pass
try:
    with open("mnt/new", "w") as f:
        f.write("x" * 100000)
        os.fsync(f.fileno())
    print(os.listdir("mnt"))
except OSError:
    pass
print("goes on")
PYTHON
status um -m "fs.img:$HERE/mnt" -- "$PYTHON" cut.py
has "an image that is cut short" "$OUT" "goes on"
[ "$STATUS" -lt 124 ] || fail "an image that is cut short: status $STATUS"
nothing_left
gives "an image that is removed" 0 um -m "gone.img:$HERE/mnt" -- \
	sh -c 'rm gone.img; seq 300000 | cmp - mnt/a && echo more >mnt/c && sync && cat mnt/c && echo good'
is "it" "$OUT" "more
good"
nothing_left

# ---- no room where large files are kept: their content is the server's, each time ----
unshare -Urm true 2>/dev/null || skip "the rest needs a user namespace"
ext4_image large.img 250M
gives "a large file" 0 um -m "large.img:$HERE/mnt" -- sh -c 'seq 12000000 >mnt/large'
cat >large.py <<'PYTHON'
import hashlib, json, mmap, os, subprocess
want = hashlib.md5()
for i in range(0, 12000001 - 1, 100000):
    want.update("".join(f"{n}\n" for n in range(i + 1, i + 100001)).encode())
def content(path, change=None):
    h = hashlib.md5()
    with open(path, "rb", buffering=0) as f:
        while data := f.read(1 << 20):
            h.update(data)
    return h.hexdigest()
def received():
    said = json.loads(subprocess.run(["umctl", "--json", "stat"], stdout=subprocess.PIPE, check=True).stdout)
    return said["mounts"][0]["bytes_received"]
before = received()
assert content("mnt/large") == want.hexdigest(), "read"
got = received() - before
fd = os.open("mnt/large", os.O_RDWR)
size = os.fstat(fd).st_size
assert got < size * 5 // 4, f"{got} bytes were asked for of {size}"
assert size > 80 << 20 and os.statvfs("cache").f_bavail * 4096 < 20 << 20
block = os.urandom(30 << 20)
assert os.pwrite(fd, block, 20 << 20) > 0
for at in range(0, len(block), 1 << 20):
    assert os.pwrite(fd, block[at:at + (1 << 20)], (20 << 20) + at) == 1 << 20
assert os.pread(fd, len(block), 20 << 20) == block, "read again"
os.lseek(fd, 0, os.SEEK_END)
assert os.write(fd, block[:1 << 20]) == 1 << 20
assert os.fstat(fd).st_size == size + (1 << 20) == os.lseek(fd, 0, os.SEEK_CUR)
out = os.open("out", os.O_CREAT | os.O_RDWR)
at = 20 << 20
while at < 50 << 20:
    at += os.sendfile(out, fd, at, (50 << 20) - at)
assert os.pread(out, len(block), 0) == block, "sendfile"
try:
    mmap.mmap(fd, size, prot=mmap.PROT_READ)
    print("mapped")
except OSError as e:
    print(os.strerror(e.errno))
os.fsync(fd)
os.close(fd)
with open("want", "wb") as f:
    f.write(block)
PYTHON
export UMVIEW=$(command -v umview)
status unshare -Urm sh -c 'mount -t tmpfs -o size=16M none cache && XDG_CACHE_HOME=$PWD/cache exec timeout -k 5 100 "$UMVIEW" \
	--log "$0" -m "large.img:$PWD/mnt" -- "$PYTHON" large.py' "$LOG"
is "no room where large files are kept" "$STATUS $OUT" "0 Cannot allocate memory"
nothing_left
gives "what was written so" 0 um -m "large.img:$HERE/mnt,ro" -- \
	sh -c 'tail -c +$(((20 << 20) + 1)) mnt/large | head -c $((30 << 20)) | cmp - want; tail -c $((1 << 20)) mnt/large | cmp -n $((1 << 20)) - want'
clean_fs large.img
