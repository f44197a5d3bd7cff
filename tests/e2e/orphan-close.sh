# SPDX-License-Identifier: GPL-2.0-or-later
# A file of an image is closed for the last time while its last name is removed and its attributes go to its placeholder, which ends with the close.
. "$TOP/tests/e2e/lib.sh"
ext4_image fs.img 16M -b 4096
mkdir mnt
cat >closing.py <<'EOF2'
import os, random, threading

os.chdir("mnt")
for i in range(150):
    with open("f", "wb") as f:
        for k in range(40):
            os.setxattr(f.fileno(), "user.%d" % k, b"value")
    fd = os.open("f", os.O_RDONLY)
    begun = threading.Event()
    closer = threading.Thread(target=lambda: (begun.wait(random.random() * 0.004), os.close(fd)))
    closer.start()
    os.unlink("f")
    closer.join()
print("all closed")
EOF2
gives "closes" 0 um --cache-size 0 -m "fs.img:$HERE/mnt" -- "$PYTHON" closing.py
is "closes" "$OUT" "all closed"
