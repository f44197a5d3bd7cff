# SPDX-License-Identifier: GPL-2.0-or-later
# The main job: a tree is copied into an ext4 image, changed there by ordinary programs and
# unmounted; outside, e2fsck finds nothing and debugfs gives the same tree.
# timeout: 400
# soak: 1200
. "$TOP/tests/e2e/lib.sh"
need git sqlite3 debugfs

FILES=3000 BIG=48
[ -z "${UMVIEW_SOAK:-}" ] || BIG=300
export UM_TIMEOUT=380
manifest() { "$PYTHON" "$TOP/tests/lib/manifest.py" "$@"; }

"$PYTHON" "$TOP/tests/lib/tree.py" tree "$FILES" "$BIG"
manifest tree >tree.txt
echo "$(wc -l <tree.txt) files"
ext4_image fs.img $((BIG + 200))M
mkdir mnt

# Copied in, and read back through the same mount and through a new one
um -m "fs.img:$HERE/mnt" -- sh -ec '
	cp -a tree mnt/
	"$PYTHON" "$TOP/tests/lib/manifest.py" mnt/tree >inside.txt'
diff tree.txt inside.txt || fail "the copy differs inside"
is "nothing below the mount point" "$(ls -A mnt)" ""
clean_fs fs.img
um -m "fs.img:$HERE/mnt,ro" -- "$PYTHON" "$TOP/tests/lib/manifest.py" mnt/tree >again.txt
diff tree.txt again.txt || fail "the copy differs in a new view"
echo "ok: $FILES files copied in"

# The same changes natively and in the view
cat >change.sh <<'CHANGE'
set -e
cd "$1"
first=$(find . -name 'file1*' -type f -size +0 | LC_ALL=C sort | head -40)
for f in $first; do mv "$f" "$f.moved"; done
find . -name 'file2*' -type f | LC_ALL=C sort | head -50 | xargs rm -f
find . -name 'file30*' -type f | LC_ALL=C sort | xargs chmod 640
find . -name 'file40*' -type f | LC_ALL=C sort | while read -r f; do chmod u+w "$f"; echo text >>"$f"; done
find . -name 'file50*' -type f | LC_ALL=C sort | while read -r f; do chmod u+w "$f"; truncate -s 777 "$f"; done
mkdir -p work/sub
seq 1 5000 >work/numbers
sed -i 's/7/seven/g' work/numbers
cp work/numbers work/sub/copy
dd if=/dev/zero of=work/numbers bs=1 seek=100 count=50 conv=notrunc status=none
mv work/sub/copy work/renamed
ln work/renamed work/hard
ln -s renamed work/soft
rm -rf names
tar cf work/t.tar --sort=name --mtime=@0 --owner=0 --group=0 work/renamed work/hard
mkdir work/x
tar xf work/t.tar -C work/x
sqlite3 work/db.sqlite 'create table t(a,b); begin; with recursive n(i) as (select 1 union all select i+1 from n where i<2000) insert into t select i, hex(i*i) from n; commit; delete from t where a%3=0; vacuum;'
sqlite3 work/db.sqlite 'pragma integrity_check; select count(*), sum(a) from t' >work/db.txt
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
git init -q -b main work/repo
cd work/repo
cp ../numbers ../db.txt .
git add .
git commit -qm one
seq 1 99 >more
git add more
git commit -qm two
git mv more less
git commit -qam three
git fsck --strict
git status --porcelain >../status.txt
git log --format=%H >../log.txt
rm -f .git/index
git reset -q --hard
CHANGE
sh change.sh tree
um -m "fs.img:$HERE/mnt" -- sh change.sh mnt/tree
clean_fs fs.img
um -m "fs.img:$HERE/mnt,ro" -- "$PYTHON" "$TOP/tests/lib/manifest.py" --no-mtime mnt/tree >view.txt
manifest --no-mtime tree >native.txt
# .git keeps times and inode numbers in its index, and sqlite's file a random salt-free header
grep -v "repo/.git/index" native.txt >a.txt
grep -v "repo/.git/index" view.txt >b.txt
diff a.txt b.txt || fail "after the changes the trees differ"
echo "ok: changed alike"

# From outside: without umview
mkdir dump
debugfs -R "rdump tree dump" fs.img >/dev/null 2>dump.err || fail "rdump: $(cat dump.err)"
manifest --no-owner --no-mtime --no-links --no-xattr --no-fifo dump/tree | grep -v "repo/.git/index" >dump.txt
manifest --no-owner --no-mtime --no-links --no-xattr --no-fifo tree | grep -v "repo/.git/index" >want.txt
diff want.txt dump.txt || fail "debugfs rdump differs"
echo "ok: debugfs rdump"
owners=$(debugfs -R "ls -l -p tree/work" fs.img 2>/dev/null | awk -F/ 'NF > 5 && $6 != ".." { print $4 ":" $5 }' | sort -u)
is "owners" "$owners" "$(id -u):$(id -g)"

# This server keeps whole seconds: what is shown of a write does not change when it has it
cat >times.py <<'PYTHON'
import os
fd = os.open("mnt/timed", os.O_RDWR | os.O_CREAT)
shown = []
for i in range(20):
    os.write(fd, b"x" * 5000)
    shown.append(os.fstat(fd).st_mtime_ns)
    if i % 5 == 4:
        os.fsync(fd)
        shown[-1] = shown[-1] == os.fstat(fd).st_mtime_ns or shown
print(shown[4::5])
PYTHON
gives "times of writes" 0 um -m "fs.img:$HERE/mnt" -- "$PYTHON" times.py
is "they stay" "$OUT" "[True, True, True, True]"

# What lseek(2) leaves out behind the end is a hole of the image's, also where dd(1) writes natively: to its standard output
gives "a hole behind the end" 0 um -m "fs.img:$HERE/mnt" -- sh -ec 'cd mnt; yes | head -c 4096 >holes
	for at in 300 700; do yes | dd of=holes bs=4k count=1 iflag=fullblock seek=$at conv=notrunc,fsync 2>/dev/null; done
	stat -c %s holes; tail -c 4 holes | tr "\n" .; [ $(stat -c %b holes) -lt 100 ] || stat -c "%b blocks" holes'
is "a hole behind the end" "$OUT" "2871296
y.y."

# A file that is somebody else's gets no other name where the host's own do not (fs.protected_hardlinks)
echo other >other
debugfs -w -R "write other foreign" fs.img >/dev/null 2>&1
wanted="ln: failed to create hard link 'mnt/tree/name' => 'mnt/foreign': Operation not permitted"
[ "$(id -u)" != 0 ] && [ "$(cat /proc/sys/fs/protected_hardlinks)" = 1 ] || wanted=
gives "a link to what another owns" 0 um -m "fs.img:$HERE/mnt" -- sh -c 'cat mnt/foreign; ln mnt/foreign mnt/tree/name; :'
is "it is the host's rule" "$OUT" "other${wanted:+
$wanted}"
clean_fs fs.img
nothing_left
