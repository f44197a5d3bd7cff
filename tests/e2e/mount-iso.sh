# SPDX-License-Identifier: GPL-2.0-or-later
# An ISO image, Rock Ridge and Joliet, reads the same as unpacked by xorriso.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"
need genisoimage xorriso fuseiso
manifest() { "$PYTHON" "$TOP/tests/lib/manifest.py" "$@"; }

"$PYTHON" "$TOP/tests/lib/tree.py" tree 300 3
# What ISO 9660 cannot hold, and fuseiso does not read, is not its business here.
rm -rf tree/names/fifo tree/names/new* tree/names/a* tree/names/back*
genisoimage -quiet -R -o rock.iso tree 2>mkiso.err || fail "$(cat mkiso.err)"
genisoimage -quiet -J -joliet-long -o joliet.iso tree 2>mkiso.err || fail "$(cat mkiso.err)"
mkdir mnt

for kind in rock joliet; do
	mkdir "$kind"
	xorriso -osirrox on -indev "$kind.iso" -extract / "$kind" >xorriso.log 2>&1 || fail "$(cat xorriso.log)"
	manifest --content-only "$kind" >want.txt
	um -m "$kind.iso:$HERE/mnt" -- "$PYTHON" "$TOP/tests/lib/manifest.py" --content-only mnt >got.txt
	diff want.txt got.txt >diff.txt || { head -20 diff.txt; fail "$kind: differs from what xorriso unpacks"; }
	echo "ok: $kind.iso: $(wc -l <want.txt) files"
done
gives "it cannot be written" 2 um -m "rock.iso:$HERE/mnt" -- sh -c 'echo x >mnt/new'
has "the reason" "$OUT" "Read-only file system"
chmod -R u+w rock joliet tree
nothing_left
