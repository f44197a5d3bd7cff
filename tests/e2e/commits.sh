# SPDX-License-Identifier: GPL-2.0-or-later
# Many commits by git on a served ext4 (500 in `make soak`), packed now and then: git fsck finds nothing, in the next mount neither.
# timeout: 300
# soak: 900
. "$TOP/tests/e2e/lib.sh"
need git
UM_TIMEOUT=250 n=40
if [ -n "${UMVIEW_SOAK:-}" ]; then
	UM_TIMEOUT=800 n=500
fi
mkdir mnt
ext4_image fs.img 128M
cat >work.sh <<'WORK'
set -e
git init -q -b main mnt/repo
cd mnt/repo
git config user.name me
git config user.email me@example.org
for i in $(seq "$1"); do
	mkdir -p "d$((i % 7))"
	seq "$i" $((i * 3)) >"d$((i % 7))/f$((i % 13))"
	git add -A
	[ $((i % 10)) != 5 ] || git mv "d$((i % 7))/f$((i % 13))" "moved$i"
	git commit -q -m "commit $i"
	[ $((i % 20)) != 0 ] || { git gc -q; git branch "b$i"; }
done
WORK
cat >check.sh <<'CHECK'
cd mnt/repo && git fsck --full --strict 2>&1 && git status --porcelain && git rev-list --count main && git log --format=%s | tail -n 1
CHECK
gives "commits" 0 um -m "fs.img:$HERE/mnt" -- sh work.sh $n
gives "git fsck in the next mount" 0 um -m "fs.img:$HERE/mnt" -- sh check.sh
is "it" "$OUT" "$n
commit 1"
clean_fs fs.img
nothing_left
