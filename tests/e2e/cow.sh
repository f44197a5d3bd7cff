# SPDX-License-Identifier: GPL-2.0-or-later
# umview --cow: what is changed goes to a layer; files, modes, owners, times and attributes of the host stay as they were, whatever
# is done in the view.
# timeout: 300
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state
LAYERS=$XDG_STATE_HOME/umview/layers

# all of a folder: names, types, modes, owners, times, attributes, contents
sum() {
	(cd "$1" && find . -printf '%P %y %m %U %G %s %T@ %n %l\n' | LC_ALL=C sort
		find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2
		getfattr -R -d -m - . 2>/dev/null || true) | sha256sum
}
"$PYTHON" "$TOP/tests/lib/tree.py" tree 200 1
mkdir tree/plain
for name in a b c; do echo $name >tree/plain/$name; done
setfattr -n user.test -v kept tree/plain/a
mkfifo tree/plain/fifo
before=$(sum tree)
unchanged() {
	[ "$(sum tree)" = "$before" ] || fail "$1: the host's files have changed"
	echo "ok: $1 changed nothing of the host"
}

# what is seen in the view, and what of it is kept
gives "changes" 0 um --cow=first -- sh -ec 'cd tree/plain; pwd; echo more >>a; rm b; mv c d; cat a d; ls; chmod 600 d; cd ..; pwd
	mv plain moved; cat moved/a; getfattr -n user.test --only-values moved/a'
has "changes" "$OUT" "$HERE/tree/plain
a
more
c
a
d
fifo
$HERE/tree
a
more
kept"
has "what is said" "$OUT" "umctl diff first, umctl commit first or umctl discard first"
unchanged "a shell"
gives "the same layer again" 0 um --cow=first -- sh -ec 'cat tree/moved/a; test ! -e tree/plain'
gives "the exit status is the command's" 7 um --cow=first -- sh -c 'exit 7'
gives "nothing else sees it" 1 cat tree/moved/a

# by open files, links of /proc and working directories
gives "other ways to a file" 0 um --cow -- "$PYTHON" -c '
import os, socket
os.chdir("tree/plain")
fd = os.open("a", os.O_RDONLY)
os.fchmod(fd, 0o700)
os.setxattr(fd, "user.x", b"1")
os.utime(fd, (1, 2))
open("/proc/self/fd/%d" % fd, "a").write("more")
open("/proc/self/cwd/b", "w").write("b")
os.truncate("/proc/self/root" + os.getcwd() + "/c", 1)
d = os.open(".", os.O_PATH)
os.unlink("c", dir_fd=d)
os.link("a", "hard")
s = socket.socket(socket.AF_UNIX)
s.bind("socket")
os.mkfifo("pipe")
t = os.open(".", os.O_TMPFILE | os.O_RDWR)
os.replace("hard", "fifo")
os.chdir("..")
os.rename("plain", "other")
print(sorted(os.listdir("other")))'
has "other ways" "$OUT" "['a', 'b', 'fifo', 'pipe', 'socket']"
unchanged "descriptors"

# jobs that take everything apart
for job in 'rm -rf tree' 'chmod -R 700 tree; chmod -R a-w tree' 'find tree -type f -exec sh -c "for f; do echo x >\"\$f\"; done" - {} +' \
	'find tree -depth -name "*1*" -exec mv {} {}.x \;' 'tar cf x.tar tree; rm -rf tree; tar xf x.tar; rm x.tar' \
	'cp -a tree tree2; rm -rf tree; mv tree2 tree' 'find tree -exec touch -h -d @1 {} +' \
	'find tree -type f -exec truncate -s 3 {} +' 'find tree -type f -exec ln {} {}.hard \;' \
	'find tree -type f -exec sed -i s/a/b/ {} +' 'mv tree other; mkdir tree; mv other tree/other' \
	'cd tree && git init -q . && git add -A . && git -c user.email=a@b -c user.name=c commit -q -m x && git clean -fdxq && git gc -q' \
	'find tree -type f -exec setfattr -n user.y -v 1 {} + ; find tree -type f -exec setfattr -x user.y {} +'; do
	status um --cow -- sh -c "($job) >/dev/null 2>&1; sync"
	[ "$STATUS" = 0 ] || fail "$job: $OUT"
	unchanged "$job"
done
um --cow -- sh -c 'touch started; exec >/dev/null; for n in $(seq 1000); do cp -a tree "copy$n"; rm -rf "copy$n"; done' 2>/dev/null &
until_true 30 sh -c "find '$LAYERS'/LAST/upper/ -name started | grep ."
kill -9 "$(supervisor_of)"
wait $! 2>/dev/null || true
unchanged "a view that was killed"

# a layer that nobody named is kept for what was changed
layers() { umctl layers | wc -l; }
n=$(layers)
gives "nothing changed" 0 um --cow -- sh -c 'touch tree/plain/k; rm tree/plain/k; ls tree'
gives "opened to be written, and closed" 0 um --cow -- sh -c 'for f in tree/plain/*; do [ ! -f $f ] || : >>$f; done'
is "opened to be written, and closed: nothing is said" "$OUT" ""
gives "nothing changed, with a name" 0 um --cow=untouched -- true
is "layers in which nothing was changed" "$(layers)" $((n + 1))
# LAST is said where it leads to that layer, and not when another view has begun meanwhile
gives "one alone" 0 um --cow -- sh -c 'echo x >alone'
has "one alone" "$OUT" "umctl commit LAST or"
gives "discard" 0 umctl discard LAST
mkfifo go
um --cow -- sh -c 'echo x >alone; echo begun; read -r line' <go >begun 2>told &
exec 3>go
until grep -q begun begun; do sleep 0.1; done
gives "a second" 0 um --cow -- sh -c 'echo x >second'
has "a second" "$OUT" "umctl commit LAST or"
exec 3>&-
wait $! || true
first=$(sed -n 's/.*umctl commit \([^ ]*\) or.*/\1/p' told)
[ "$first" != LAST ] || fail "the first is told to commit the second's"
is "the first" "$(umctl diff "$first" "$HERE/alone")" "added    $HERE/alone"
gives "discard" 0 umctl discard "$first"
gives "discard the last" 0 umctl discard LAST

mkdir -p counted/on/the/way
for i in 1 2 3 4 5 6; do echo $i >counted/on/$i; done
gives "what is changed is counted" 0 um --cow=counted,of=counted -- sh -ec 'cd counted/on
	for f in [1-6]; do : >>$f; done; echo x >1; rm 2; chmod 600 3; mv 4 the/way/4; echo n >the/way/new'
is "what is changed is counted" "$OUT" \
	"umview: 5 files changed (1 added, 1 changed, 1 removed, 1 metadata, 1 renamed); umctl diff counted, umctl commit counted or umctl discard counted"
is "and in the list" "$(umctl layers --json | "$PYTHON" -c 'import json, sys
print([l["changes"] for l in json.load(sys.stdin)["layers"] if l["name"] == "counted"])')" "[5]"
umctl discard counted
: >counted/locked
chmod 000 counted/locked
gives "what may not be read below is opened only" 0 um --root --cow=counted,of=counted -- sh -c ': >>counted/locked; echo >counted/new'
gives "what may not be read below" 0 umctl diff counted
is "what may not be read below" "$OUT" "added    /new"
umctl discard counted
# its size and time tell nothing of what is in it
chmod 600 counted/locked
echo old >counted/locked
touch -d @1000 counted/locked
chmod 000 counted/locked
gives "in its place one of its size and time" 0 um --cow=counted,of=counted -- sh -c 'cd counted; rm locked; echo new >locked; touch -d @1000 locked; chmod 000 locked'
gives "in its place one of its size and time" 0 umctl diff counted
is "in its place one of its size and time" "$OUT" "changed  /locked"
gives "in its place one of its size and time: committed" 0 umctl commit counted --ours
chmod 600 counted/locked
is "in its place one of its size and time: committed" "$(cat counted/locked)" new
umctl discard counted

gives "a folder made" 0 um --cow -- mkdir tree/plain/made
gives "a folder made" 0 umctl diff LAST
has "a folder made" "$OUT" "added    $HERE/tree/plain/made/"
gives "a mode" 0 um --cow=,of=tree/plain -- chmod 700 tree/plain
gives "a mode" 0 umctl diff LAST
has "a mode" "$OUT" "metadata /"
is "layers in which something was" "$(layers)" $((n + 3))

# one folder; layers on each other; what is outside
gives "of one folder" 0 um --cow=part,of=tree/plain -- sh -ec 'echo 1 >tree/plain/new; echo 2 >outside; cat tree/plain/new'
is "of one folder: the rest is the host's" "$(cat outside)" 2
rm outside
unchanged "of one folder"
gives "below another layer" 0 um --cow=part,of=tree/plain,ro --cow=top,of=tree/plain -- sh -ec \
	'cat tree/plain/new; echo 3 >tree/plain/new; rm tree/plain/a; ls tree/plain'
gives "a layer that is only read" 0 um --cow=part,of=tree/plain,ro -- sh -c 'cat tree/plain/new tree/plain/a; ! echo 4 2>/dev/null >tree/plain/new'
is "a layer that is only read" "$OUT" "1
a"
gives "in use" 0 um --cow=part,of=tree/plain -- sh -c 'umctl discard part; test $? != 0'
gives "/dev, /proc and the run directory stay" 0 um --cow -- sh -ec 'echo x >/dev/null; echo y >"$XDG_RUNTIME_DIR/left"; cat /proc/self/comm'
is "the run directory" "$(cat "$XDG_RUNTIME_DIR/left")" y
rm "$XDG_RUNTIME_DIR/left"
gives "the plan" 0 um --dry-run --cow=first -- true
has "the plan" "$OUT" "/proc stays as it is"
has "the plan" "$OUT" "changes of / go to $LAYERS/first"
gives "an option that is none" 125 um --cow=a,b -- true
gives "a layer of something else" 125 um --cow=part -- true
has "a layer of something else" "$OUT" "the layer part is one of $HERE/tree/plain"

# root of the view: owners and modes as they were asked for
gives "owners" 0 um --root --cow -- sh -ec 'cd tree/plain; touch new; stat -c "%u:%g %a" new; chown 12:34 a; chmod 0 b; echo x >>b
	mknod null c 1 3; stat -c "%u:%g %a" a b; stat -c %F null; "$PYTHON" -c "import os; print(os.fstat(os.open(\"a\", 0)).st_uid)"
	chown -R 5:6 ..; stat -c %u:%g c ../names; tar cf ../x.tar a; tar tvf ../x.tar | cut -d " " -f 2'
has "owners" "$OUT" "0:0 644
12:34 644
" # a, and b that is the user's
unchanged "a virtual root"
# a folder whose name has what parts options
mkdir 'odd,of=x\y'
echo old >'odd,of=x\y/f'
gives "a comma in the name" 0 um '--cow=odd,of=odd\,of=x\\y' -- sh -c 'echo new >odd,of=x\\y/f; cat odd,of=x\\y/f'
has "a comma in the name" "$OUT" "new"
is "it is as it was" "$(cat odd*/f)" old
gives "its layer again" 0 um '--cow=odd,of=odd\,of=x\\y' -- grep -r new odd,of=x\\y
gives "commit" 0 umctl commit odd
is "commit" "$(cat odd*/f)" new
nothing_left
