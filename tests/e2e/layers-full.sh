# SPDX-License-Identifier: GPL-2.0-or-later
# Layers where something is wrong below them: a full disk, what may not be read or written.
. "$TOP/tests/e2e/lib-layers.sh"

mkdir low
umctl layer create t --of low
U=$LAYERS/t/upper
truncate -s 3M zeros
cp --sparse=never zeros "$U/big"
echo small >"$U/small"
cat >full.sh <<'FULL'
set -eu
mount -t tmpfs -o size=1M,mode=755 none low
echo old >low/small
touch -d "2020-01-01" low low/small
! umctl commit t --ours 2>err
cat err
cat low/small
ls -A low
stat -c %y low
test ! -e "$1/journal"
FULL
gives "commit to a full disk" 0 unshare -Urm sh full.sh "$LAYERS/t"
is "commit to a full disk" "$OUT" "umctl: commit of layer t: /big: No space left on device. Nothing was changed
old
small
2020-01-01 00:00:00.000000000 $(date -d 2020-01-01 +%z)"
is "the layer is whole" "$(cmp "$U/big" zeros && cat "$U/small")" "small"
gives "with room" 0 umctl commit t --ours
is "with room" "$(cmp low/big zeros && cat low/small)" "small"

umctl layer create x --of low
cat >full-import.sh <<'FULL'
set -eu
umctl layer export t --oci image.tar
mkdir small
mount -t tmpfs -o size=1M,mode=755 none small
export XDG_STATE_HOME=$PWD/small
! umctl layer import image.tar full 2>err
cat err
find small -name "*full*"
! umctl layer export t --oci small/image.tar 2>>/dev/null
ls -A small
FULL
cp --sparse=never zeros "$U/big"
gives "import to a full disk" 0 unshare -Urm sh full-import.sh
has "import to a full disk" "$OUT" "No space left on device. Nothing was kept"
is "nothing is left of it" "$(echo "$OUT" | tail -n +2)" "umview"

# what is not ours to change: it is told before anything is done, and all is as it was
chmod 444 low/small
echo new >"$U/small"
chmod 500 low
gives "a folder that its owner made read-only, and which the layer does not open" 0 umctl commit t
is "its mode is that of the layer's" "$(stat -c %a low) $(cat low/small)" "755 new"
umctl layer create r --of /usr
mkdir -p "$LAYERS/r/upper/bin"
echo evil >"$LAYERS/r/upper/bin/true"
gives "a tree that is not ours" 1 umctl commit r
has "a tree that is not ours" "$OUT" "Nothing was changed"
gives "no journal is left" 0 umctl discard r
