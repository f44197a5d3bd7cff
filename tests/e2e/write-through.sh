# SPDX-License-Identifier: GPL-2.0-or-later
# What is written is with its server before write(2) returns, where that did not ask for write-back.
. "$TOP/tests/e2e/lib.sh"
need bindfs
mkdir src mnt
cat >write.py <<'PYTHON'
import os
fd = os.open("mnt/file", os.O_CREAT | os.O_RDWR, 0o644)
for part in (b"one ", b"two ", b"x" * 300000):
    os.write(fd, part)
    print(open("src/file", "rb").read()[-4:], os.stat("src/file").st_size)
os.pwrite(fd, b"ONE", 0)
print(open("src/file", "rb").read(8))
PYTHON
gives "bindfs" 0 um bash -c 'bindfs src mnt && "$PYTHON" write.py && umount mnt'
is "what is behind it" "$OUT" "b'one ' 4
b'two ' 8
b'xxxx' 300008
b'ONE two '"
nothing_left
