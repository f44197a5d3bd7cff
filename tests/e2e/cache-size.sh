# SPDX-License-Identifier: GPL-2.0-or-later
# What is kept of closed files stays within --cache-size, in memory and on disk, and what was dropped is read again.
. "$TOP/tests/e2e/lib.sh"
ext4_image fs.img 300M
mkdir mnt
cat >make.py <<'PYTHON'
import os
for i in range(60):
    with open(f"mnt/{i}", "wb") as f:
        f.write(bytes([i + 1]) * 300000)
with open("mnt/large", "wb") as f:
    for i in range(80):
        f.write(os.urandom(1 << 20))
PYTHON
cat >read.py <<'PYTHON'
import hashlib, json, subprocess, sys, time
least, most = int(sys.argv[1]), int(sys.argv[2])
def kept():
    m = json.loads(subprocess.check_output(["umctl", "-n", "cache", "--json", "cache"]))["mounts"][0]
    return m["bytes"]
def digest(name):
    with open(f"mnt/{name}", "rb") as f:
        return hashlib.md5(f.read()).hexdigest()
for turn in range(2):
    for i in range(60):
        if digest(i) != hashlib.md5(bytes([i + 1]) * 300000).hexdigest():
            print("wrong content", i)
    if turn == 0:
        large = digest("large")
    elif digest("large") != large:
        print("wrong content of the large one")
end = time.monotonic() + 30
while not least <= kept() <= most and time.monotonic() < end:
    time.sleep(0.1) # a close is noticed a moment later
print("kept as it should be" if least <= kept() <= most else f"kept: {kept()}")
PYTHON
gives "files" 0 um -m "fs.img:$HERE/mnt" -- "$PYTHON" make.py
for way in "4M 500000 4200000" "0 0 0" "1G 98000000 110000000"; do
	# shellcheck disable=SC2086
	set -- $way
	gives "--cache-size $1" 0 um --name cache --cache-size "$1" -m "fs.img:$HERE/mnt" -- "$PYTHON" read.py "$2" "$3"
	is "--cache-size $1" "$OUT" "kept as it should be"
done
gives "no size" 125 umview --cache-size=many true
has "no size" "$OUT" "--cache-size 'many'"
nothing_left
