# SPDX-License-Identifier: GPL-2.0-or-later
# A squashfs image reads the same as unpacked by unsquashfs.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"
need mksquashfs unsquashfs squashfuse
manifest() { "$PYTHON" "$TOP/tests/lib/manifest.py" "$@"; }

"$PYTHON" "$TOP/tests/lib/tree.py" tree 300 3
mksquashfs tree tree.sqfs -quiet -no-progress >/dev/null
mkdir mnt
unsquashfs -q -n -d plain tree.sqfs >/dev/null
manifest plain >want.txt
um -m "tree.sqfs:$HERE/mnt" -- "$PYTHON" "$TOP/tests/lib/manifest.py" mnt >got.txt
diff want.txt got.txt >diff.txt || { head -20 diff.txt; fail "differs from what unsquashfs unpacks"; }
echo "ok: $(wc -l <want.txt) files"
gives "it cannot be written" 2 um -m "tree.sqfs:$HERE/mnt" -- sh -c 'echo x >mnt/new'
has "the reason" "$OUT" "Read-only file system"
cp /bin/echo tree/echo
mksquashfs tree two.sqfs -quiet -no-progress >/dev/null
is "a program in it runs" "$(um -m "two.sqfs:$HERE/mnt" -- mnt/echo hello)" hello
nothing_left
