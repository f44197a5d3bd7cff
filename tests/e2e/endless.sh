# SPDX-License-Identifier: GPL-2.0-or-later
# A server of files that have no end: a redirection, for which a file is read whole, takes neither all memory nor all time.
. "$TOP/tests/e2e/lib.sh"
SERVER=$BUILD/tests/server-endless
[ -x "$SERVER" ] || skip "no libfuse3-dev here"
mkdir mnt
export SERVER

cat >inside.sh <<'INSIDE'
"$SERVER" -f mnt 2>said &
until grep -q " $PWD/mnt " /proc/self/mounts; do sleep 0.05; done
head -c 5 mnt/endless; echo
head -c 5 mnt/huge | tr '\0' 0; echo
tail -c 5 mnt/huge | tr '\0' 0; echo
tr -d '\0' <mnt/short; echo
wc -c <mnt/short
bash -c ': <mnt/endless' 2>&1 | sed 's/.*: //'
timeout -s INT -k 30 1 bash -c ': <mnt/huge'
echo "interrupted: $?"
umount mnt
wait
INSIDE
gives "the view" 0 um bash inside.sh
is "what was seen" "$OUT" "xxxxx
00000
00000
xxxxxxxxxx
100000
File too large
interrupted: 124"
nothing_left
