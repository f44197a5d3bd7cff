# SPDX-License-Identifier: GPL-2.0-or-later
# Six processes at one file by four names: calls, mappings, descriptors of low numbers. Where the server makes a node of each name
# (libfuse's high level), all show the same at the end, and nothing is lost or stands still; also where three of the names go and come back
# meanwhile ("go"): whoever writes then has open what its server would not find again.
# soak: 300
. "$TOP/tests/e2e/lib.sh"
need bindfs
mkdir mnt src
cat >names.py <<'PYTHON'
import mmap, os, random, sys, time
names = [f"mnt/n{i}" for i in range(4)]
with open(names[0], "wb") as f:
    f.write(bytes(50000))
for n in names[1:]:
    os.link(names[0], n)
go = sys.argv[1:] == ["go"]
end = time.time() + (60 if "UMVIEW_SOAK" in os.environ else 3)


def rename(n):
    for f in lambda: os.unlink(n), lambda: os.link(names[0], n):
        try:
            f()
        except (FileNotFoundError, FileExistsError):
            pass


def step(r, k, fd, low):
    what, off = r.randrange(9), r.randrange(60000)
    if what < 2:
        os.pwrite(fd, bytes([k]) * r.randrange(1, 3000), off)
    elif what == 2:
        os.pwrite(low, b"low", off)
    elif what < 5:
        os.pread(fd, 5000, off)
    elif what == 5:
        os.ftruncate(fd, off + 1)
    elif what == 6:
        with mmap.mmap(fd, max(os.fstat(fd).st_size, 1)) as m:
            m[0] = k
            if off % 2:
                m.flush()
    elif what == 7:
        os.fsync(fd)
    elif off % 3 == 0 and go:
        rename(r.choice(names[1:]))


def work(k):
    r = random.Random(k)
    steps = 0
    while steps < 50 or time.time() < end:
        try:
            fd = os.open(r.choice(names), os.O_RDWR)
        except FileNotFoundError:
            continue
        low = os.dup2(fd, 20 + k) if r.random() < 0.3 else fd
        for _ in range(r.randrange(1, 15)):
            try:
                step(r, k, fd, low)
            except ValueError:  # it was cut off before it could be mapped
                pass
            steps += 1
        os.close(fd)
        if low != fd:
            os.close(low)


pids = []
for k in range(1, 7):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work(k)
            status = 0
        finally:
            os._exit(status)
    pids.append(pid)
bad = sum(os.waitpid(pid, 0)[1] != 0 for pid in pids)
content = [open(n, "rb").read() for n in names if os.path.exists(n)]
print(bad, "failed,", "the same" if all(c == content[0] for c in content) else "others")
open("content", "wb").write(content[0])
PYTHON
ext4_image fs.img 16M
for go in "" go; do
	gives "an ext4 image $go" 0 um -m "fs.img:$HERE/mnt" -- "$PYTHON" names.py $go
	is "at the end" "$OUT" "0 failed, the same"
	gives "the image has it" 0 um -m "fs.img:$HERE/mnt" -- sh -c 'cmp mnt/n0 content && rm mnt/n*'
done
# Two processes by two names: what one writes by a call the other sees, and a call reads what the other writes in whatever way.
gives "two processes" 0 um -m "fs.img:$HERE/mnt" -- sh -c 'head -c 300000 /dev/zero >mnt/a && ln mnt/a mnt/b &&
	"$PYTHON" "$TOP/tests/lib/coherent.py" mnt/a mnt/b'
is "what is not seen where a call is" "$(echo "$OUT" | grep call)" ""
# A file without a name that is open shows what it was, though its number is soon that of another, with two names.
cat >number.py <<'PYTHON'
import os
gone = os.open("mnt/gone", os.O_RDWR | os.O_CREAT)
os.write(gone, b"A" * 20000)
number = os.fstat(gone).st_ino
os.unlink("mnt/gone")
again = False
for i in range(20):
    with open(f"mnt/x{i}", "wb", buffering=0) as f:
        os.link(f"mnt/x{i}", f"mnt/y{i}")
        f.write(b"B" * 9000)
        os.fsync(f)
        again |= os.fstat(f.fileno()).st_ino == number
print("the number is given again," if again else "no file has the number,",
      "the same" if os.pread(gone, 30000, 0) == b"A" * 20000 else "others")
PYTHON
gives "a number given again" 0 um -m "fs.img:$HERE/mnt" -- "$PYTHON" number.py
is "what the file without a name shows" "$OUT" "the number is given again, the same"
clean_fs fs.img
gives "bindfs" 0 um bash -c 'bindfs src mnt && "$PYTHON" names.py go && umount mnt'
is "at the end" "$OUT" "0 failed, the same"
gives "its source has it" 0 cmp src/n0 content
nothing_left
