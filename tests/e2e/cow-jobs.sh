# SPDX-License-Identifier: GPL-2.0-or-later
# Thirty-odd jobs that take a tree apart, each in --cow, by an ordinary user and by root of the view: names, types, modes, owners, times,
# attributes and contents of the host's files stay as they were, and the job saw what it did.
# timeout: 600
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state
# root of the view is not who the repository belongs to
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
need git rsync make gcc cpio gzip

# all of a folder
sum() {
	(cd "$1" && find . -printf '%P %y %m %U %G %s %T@ %n %l\n' | LC_ALL=C sort
		find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2
		getfattr -R -d -m - . 2>/dev/null || true) | sha256sum
}
"$PYTHON" "$TOP/tests/lib/tree.py" tree 60 1
mkdir tree/plain tree/src
for name in a b c; do seq 500 >tree/plain/$name; done
setfattr -n user.test -v kept tree/plain/a
mkfifo tree/plain/fifo
ln -s a tree/plain/link
ln tree/plain/b tree/plain/hard
chmod 400 tree/plain/c
truncate -s 3M tree/plain/sparse
printf 'int main(void)\n{\n\treturn 0;\n}\n' >tree/src/a.c
printf 'all: prog\nprog: a.c\n\tgcc -g -o prog a.c\ninstall: prog\n\tinstall -D prog $(HOME)/.local/bin/prog\nclean:\n\trm -f prog\n' >tree/src/Makefile
(cd tree/src && make -s && git init -q . && git add -A && git -c user.email=a@b -c user.name=c commit -qm one)
cp -a tree other
before=$(sum tree)

cat >maps.py <<'P'
import mmap, os
with open("plain/a", "r+b") as f:
	m = mmap.mmap(f.fileno(), 0)
	m[:4] = b"none"
	m.flush()
fd = os.open("plain", os.O_TMPFILE | os.O_RDWR)
os.write(fd, b"x")
os.unlink("plain/b")
os.link(f"/proc/self/fd/{fd}", "plain/b", follow_symlinks=True)
src = os.open("plain/sparse", os.O_RDWR)
os.copy_file_range(src, fd, 1000)
os.posix_fallocate(src, 0, 5000000)
os.ftruncate(src, 7)
os.replace("plain/hard", "plain/link")
P
cat >random.sh <<'S'
# renames, links and removes by a sequence that is the same each time
n=1
next() { n=$(((n * 1103515245 + 12345) % 2147483648)); r=$((n / 65536 % $1)); }
set -- $(find . -type f | LC_ALL=C sort)
all="$*"
for i in $(seq 150); do
	next $#; eval "from=\${$((r + 1))}"; next $#; eval "to=\${$((r + 1))}"
	next 5
	case $r in
	0) mv -f "$from" "$to" ;;
	1) ln -f "$from" "$to.$i" ;;
	2) rm -f "$from"; mkdir -p "$from/d" ;;
	3) mv -f "$(dirname "$from")" "$(dirname "$to")/moved$i" ;;
	4) echo $i >>"$to" ;;
	esac 2>/dev/null
done
true
S

# how it is known to have done something ^ the job, in the tree
while IFS='^' read -r check job; do
	[ -n "$job" ] || continue
	for root in "" --root; do
		status um $root --cow -- sh -c "cd tree && { $job; } >/dev/null 2>&1; $check"
		[ "$STATUS" = 0 ] || fail "$root $job: status $STATUS: $OUT"
	done
	[ "$(sum tree)" = "$before" ] || fail "$job: the host's files have changed"
	echo "ok: $job"
done <<JOBS
test ! -e plain^rm -rf ./* .git
test ! -e $HERE/tree^rm -rf $HERE
test -x ~/.local/bin/prog^make -C src clean install
test -z "\$(ls)"^find . -mindepth 1 -delete
test ! -e plain && test -e new^mkdir ../empty; touch ../empty/new; rsync -a --delete ../empty/ .
grep -q 1X plain/b^sed -i 's/\$/X/' plain/[abc]
test -e plain/a.gz^gzip -rf .
test "\$(stat -c %s plain/b)" = 5^find . -type f -exec truncate -s 5 {} +
test "\$(stat -c %a plain/a)" = 0^chmod -R u-w .; find . -type f -exec chmod 0 {} +
test "\$(stat -c %Y plain/a)" = 86400^find . -exec touch -h -d 1970-01-02UTC {} +
test -e src/.git/packed-refs^cd src; git pack-refs --all; git gc -q --prune=now --aggressive; cd ..
git -C src log | grep -q two^cd src; echo x >>a.c; git -c user.email=a@b -c user.name=c commit -qam two; git checkout -q -b other; git reset -q --hard HEAD~1; git clean -fdxq; git checkout -q -; cd ..
test ! -e src/a.c^cd src; git rm -rqf .; cd ..
dumpe2fs -h plain/sparse 2>/dev/null | grep -q clean^PATH=/sbin:/usr/sbin:\$PATH mkfs.ext4 -qF plain/sparse
test "\$(head -c 4 plain/a)" = none^"$PYTHON" ../maps.py
test -e plain.x^for f in *; do mv "\$f" "\$f.x"; done
test -d tree2/plain^cp -a . ../tree2; mv ../tree2 .; rm -rf plain src
test -e plain/b^(find . | cpio -pdm --quiet ../copy); rm -rf ./*; cp -a ../copy/. .
test -e plain/b^tar cf ../x.tar .; rm -rf ./*; tar xf ../x.tar
test ! -s plain/b^for f in plain/[ab]; do : >"\$f"; done
test "\$(stat -c %h plain/b)" -gt 3^for i in 1 2 3; do for f in plain/*; do ln "\$f" "\$f.\$i"; done; done
test -L plain/b^for f in plain/*; do ln -sf /dev/null "\$f"; done
test "\$(tail -n 1 plain/b)" = 1^sort -rn -o plain/b plain/b
test ! -e plain/b^shred -u plain/b plain/a
dd if=plain/b bs=1 count=3 2>/dev/null | cmp - plain/zero^head -c 3 /dev/zero >plain/zero; dd if=/dev/zero of=plain/b bs=1 count=3 conv=notrunc
test ! -x src/prog -o "\$(stat -c %s src/prog)" -lt "\$(stat -c %s ../other/src/prog)"^strip src/prog
test -e src/libx.a^cd src; gcc -c a.c; ar rc libx.a a.o; ranlib libx.a; cd ..
getfattr -n user.new plain/b >/dev/null 2>&1 || ! command -v setfattr^setfattr -x user.test plain/a; setfattr -n user.new -v 1 plain/b plain/a plain
test ! -s plain/a^"$PYTHON" -c 'import os; [os.truncate(os.path.join(d, f), 0) for d, _, n in os.walk(".") for f in n if os.path.isfile(os.path.join(d, f)) and os.access(os.path.join(d, f), 2)]'
test ! -e plain^"$PYTHON" -c 'import shutil; shutil.rmtree("plain"); shutil.move("src", "moved")'
true^sh ../random.sh
test -d plain/b^rm plain/b; mkdir plain/b; touch plain/b/x; rm -r src; touch src
test -e plain/c -a ! -e plain/a^perl -e 'rename "plain/a", "plain/a2"; unlink glob("plain/b*"); open(F, ">plain/c") or chmod 0600, "plain/c"; print F 1'
JOBS
[ "$(sum other)" = "$before" ] || [ -d other ] || fail "the copy"

# ended in the middle, by whoever
for signal in KILL TERM; do
	um --cow -- sh -c 'touch started; exec >/dev/null 2>&1; cd tree; while :; do cp -a plain copy; mv src src2; mv src2 src; rm -rf copy; done' 2>/dev/null &
	until_true 30 sh -c "find '$XDG_STATE_HOME'/umview/layers/LAST/upper/ -name started | grep ."
	kill -$signal "$(supervisor_of)"
	wait $! 2>/dev/null || true
	is "ended by $signal" "$(sum tree)" "$before"
	umctl discard LAST # by whose upper folder the next one is known to have started
done
nothing_left
