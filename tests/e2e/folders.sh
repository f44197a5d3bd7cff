# SPDX-License-Identifier: GPL-2.0-or-later
# Large folders and deep ones, on a server that works by names: 200,000 names are all told, 100,000 files are removed by
# rm -rf, and folders 1,000 deep are made, found and removed.
# timeout: 300
. "$TOP/tests/e2e/lib.sh"
need bindfs
export UM_TIMEOUT=280
mkdir -p store/many mnt
"$PYTHON" -c '
import os
for i in range(200000):
    os.close(os.open(f"store/many/name-{i}", os.O_CREAT | os.O_WRONLY))'
cat >deep.py <<'DEEP'
import os, subprocess
at = os.open("mnt", os.O_RDONLY)
for i in range(1000):
    os.mkdir("d", dir_fd=at)
    below = os.open("d", os.O_RDONLY, dir_fd=at)
    os.close(at)
    at = below
os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=at))
os.close(at)
print(subprocess.check_output(["find", "mnt/d", "-name", "bottom", "-printf", "%d"], text=True))
DEEP
cat >inside.sh <<'INSIDE'
set -e
bindfs --no-allow-other store mnt
ls -f mnt/many | sort -u | wc -l
mkdir mnt/half
(cd store/many && ls -f | sed 1,2d | head -n 100000 | xargs mv -t ../half)
ls -f mnt/half | wc -l
rm -rf mnt/half
ls -f mnt/many | wc -l
"$PYTHON" deep.py
rm -rf mnt/d
ls mnt
umount mnt
INSIDE
gives "large folders and deep ones" 0 um bash inside.sh
is "what was there" "$OUT" "200002
100002
100002
1000
many"
is "and is on the host" "$(ls store; ls -f store/many | wc -l)" "many
100002"
nothing_left
