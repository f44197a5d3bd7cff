# SPDX-License-Identifier: GPL-2.0-or-later
# The examples of README.md, as they stand.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"
need busybox genisoimage mksquashfs fusermount findmnt

"$PYTHON" "$TOP/tests/lib/examples.py" "$TOP/README.md" >examples.sh
gives "the examples" 0 bash examples.sh
echo "$OUT"
has "a file on the ext4 image" "$OUT" hello
has "the trace" "$(cat trace.txt)" /mnt/file
nothing_left
