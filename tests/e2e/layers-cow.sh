# SPDX-License-Identifier: GPL-2.0-or-later
# The whole way: umview --cow, then umctl diff, commit, discard of what it kept.
. "$TOP/tests/e2e/lib.sh"
[[ $(umview --help) == *--cow* ]] || skip "this umview has no --cow"
export XDG_STATE_HOME=$HERE/state

mkdir -p low/d low/gone low/moved
for f in a b d/f d/g gone/x moved/m; do echo "$f" >low/$f; done
cp -a low before
gives "a view" 0 um --cow=x,of=low -- sh -ec 'cd low; echo more >>a; chmod 600 b; rm -r gone d/g; mkdir new; echo n >new/n
	mv moved there; ln -s a link; ln new/n hard; touch -d 2020-01-01 d/f; "$0" "$1" --no-owner --no-links . >../wanted' \
	"$PYTHON" "$TOP/tests/lib/manifest.py"
is "diff" "$(umctl diff x)" "changed  /a
metadata /b
metadata /d/f
removed  /d/g
removed  /gone/
added    /hard
added    /link
added    /new/
added    /new/n
renamed  /moved -> /there/"
is "LAST" "$(umctl diff LAST)" "$(umctl diff x)"
gives "copy" 0 umctl layer copy x y
gives "flatten" 0 umctl layer flatten y
gives "a view of the flat one" 0 um --cow=y,of=low -- sh -c 'cat low/there/m low/a; ls low'
has "a view of the flat one" "$OUT" "moved/m
a
more
a
b
d
hard
link
new
there"
gives "commit to a copy" 0 sh -c 'cp -a before copy; umctl commit x --to copy'
gives "commit" 0 umctl commit x
for tree in low copy; do
	"$PYTHON" "$TOP/tests/lib/manifest.py" --no-owner --no-links $tree >got
	diff -u wanted got || fail "$tree is not what the view showed"
done
gives "nothing is left of it" 0 umctl diff x
is "nothing is left of it" "$OUT" ""
gives "again" 0 um --cow=x,of=low -- sh -c 'echo again >low/a'
echo theirs >low/a
gives "changed on both sides" 1 umctl commit x
has "changed on both sides" "$OUT" "/a was changed below"
gives "discard" 0 umctl discard x
is "discard" "$(cat low/a)" "theirs"

# Of the whole tree, most of whose folders are another's
mkdir whole
echo old >whole/old
gives "a view of all" 0 um --cow=all -- sh -c 'echo new >whole/new; rm whole/old; mkdir -p whole/d/e; echo x >whole/d/e/f; echo top >atop'
has "what it says" "$OUT" "umctl commit all"
is "not yet" "$(ls whole)" old
gives "commit" 0 umctl commit LAST
is "all is there" "$(find whole atop | sort | tr '\n' ' ')" "atop whole whole/d whole/d/e whole/d/e/f whole/new "
is "nothing is left of it" "$(umctl diff all)" ""
gives "rename, copy and squash by themselves" 0 sh -c \
	'umctl rename all all2 && umctl copy all2 all3 && umctl squash all4 all2 all3 && umctl layers | grep -c all'
is "there are" "$OUT" 3
for l in all2 all3 all4; do umctl discard $l; done
mkfifo hold
um --cow=z,of=low -- sh -c 'echo >low/n; echo >started; read -r x' <hold 2>/dev/null &
exec 9>hold
until_true 30 test -e started
for what in "discard z" "commit z" "layer rename z w" "layer flatten z"; do
	# shellcheck disable=SC2086 # words
	gives "in use: $what" 1 umctl $what
done
has "in use" "$(umctl layers)" " yes "
exec 9>&-
wait $! || true
gives "no longer" 0 umctl discard z

# what the view's root made is the same in a copy, in what is squashed, and after export and import
mkdir rooted
echo x >rooted/cap
SEE='cd rooted; stat -c "%n %F %u:%g %a %h %t,%T" *; getfattr -dm - --absolute-names . cap; ls -i | sort >../names; cmp hard f'
gives "what root makes" 0 um --root --cow=r,of=rooted -- sh -ec 'cd rooted; mkfifo ff; chown 3:4 ff; chmod 400 ff; ln -s x sl; chown -h 5:6 sl
	mknod dev c 1 3; chown 7:8 dev; echo f >f; ln f hard; ln f third; chown 9:10 f; chmod 4755 f; ln ff ff2
	setfattr -n trusted.t -v one cap; setfattr -n security.s -v two cap; setfattr -n trusted.d -v three .
	setcap cap_net_raw+ep cap; setfattr -n user.overlay.opaque -v z cap; setfattr -n user.u -v four f'
gives "what root made" 0 um --root --cow=r,of=rooted -- sh -ec "$SEE"
wanted=$OUT
has "what root made" "$wanted" "ff fifo 3:4 400 2 0,0"
has "what root made" "$wanted" "security.capability="
umctl diff r --stat >wanted.diff
gives "copies of it" 0 sh -ec 'umctl copy r r.copy; umctl copy r r.low; umctl squash r.squash r.low r.copy
	umctl layer flatten r.low; umctl layer export r --oci r.tar; umctl layer import r.tar r.oci --of rooted'
for l in copy low squash oci; do
	gives "seen in r.$l" 0 um --root --cow=r.$l,of=rooted -- sh -ec "$SEE"
	[ $l != oci ] || wanted=$(grep -v security.s= <<<"$wanted") # labels of the system's are no part of an image
	is "seen in r.$l" "${OUT//r.$l/r}" "$wanted"
	umctl diff r.$l --stat >got
	diff -u wanted.diff got || fail "the diff of r.$l is another"
done

tar -xOf r.tar --wildcards 'blobs/*' >blobs
is "what goes out" "$(grep -ao 'SCHILY.xattr.[a-z]*.[a-z]=' blobs | sort -u | tr '\n' ' ')" "SCHILY.xattr.trusted.d= SCHILY.xattr.trusted.t= SCHILY.xattr.user.u= "
# nor does a commit set them
mkdir labelled
gives "a label" 0 um --root --cow=label,of=labelled -- sh -c 'echo x >labelled/f; setfattr -n user.u -v four labelled/f'
setfattr -n user.containers.system.label -v five "$XDG_STATE_HOME/umview/layers/label/upper/f"
gives "is not committed" 0 umctl commit label --force
is "what is" "$(getfattr --only-values -n user.u labelled/f)" four

# folders whose names are kept from their owner: the layer is whole in each way, and the folders stay so
mkdir -p shut/a
gives "folders that are shut" 0 um --cow=shut,of=shut -- sh -ec 'cd shut; mkdir list none; for d in a list none; do echo $d >$d/f; done
	chmod 600 a; chmod 400 list; chmod 0 none'
has "how many" "$OUT" "6 files changed (5 added, 1 metadata)"
shut="metadata /a/
added    /a/f
added    /list/
added    /list/f
added    /none/
added    /none/f"
cp -a shut shut.to
gives "copies of them" 0 sh -ec 'umctl copy shut shut.copy; umctl layer export shut --oci shut.tar
	umctl layer import shut.tar shut.oci --of shut; umctl commit shut --to shut.to'
is "the diff of what came back" "$(umctl diff shut.oci)" "$shut"
for l in shut shut.copy; do
	is "the diff of $l" "$(umctl diff $l)" "$shut"
	is "the modes in $l" "$(stat -c "%a %n" "$XDG_STATE_HOME/umview/layers/$l/upper/"* | sed 's,/[^ ]*/,,')" "600 a
400 list
0 none"
done
if command -v git >/dev/null; then
	is "a patch of them" "$(umctl diff shut --patch | grep "^+[^+]")" "+a
+list
+none"
fi
gives "commit of them" 0 umctl commit shut
for top in shut shut.to; do
	is "in $top" "$(stat -c "%a %n" $top/*)" "600 $top/a
400 $top/list
0 $top/none"
done
gives "discard of them" 0 sh -ec 'umctl discard shut; umctl discard shut.copy; umctl discard shut.oci'
is "nothing is left of them" "$(ls -A "$XDG_STATE_HOME/umview/layers" | grep -e shut -e gone)" ""

# a patch of a layer on another one, and of what is in a folder that was renamed
if command -v git >/dev/null; then
	mkdir -p pile/p
	for f in f p/g p/h; do seq 5 >pile/$f; done
	gives "a layer" 0 um --cow=under,of=pile -- sed -i s/2/two/ pile/p/g
	gives "and one on it" 0 um --cow=under,of=pile,ro --cow=over,of=pile -- sh -ec 'cd pile; chmod 755 f; mv p pp; rm pp/h
		sed -i s/3/three/ pp/g; sed -i s/1/one/ f; ln -s f l'
	is "its patch" "$(umctl diff over --patch | grep -v -e ^index -e "^ [1-5]$" -e ^@@)" "diff --git a/f b/f
old mode 100644
new mode 100755
--- a/f
+++ b/f
-1
+one
diff --git b/l b/l
new file mode 120000
--- /dev/null
+++ b/l
+f
\\ No newline at end of file
diff --git a/p/g b/pp/g
--- a/p/g
+++ b/pp/g
 two
-3
+three
diff --git a/p/h a/p/h
deleted file mode 100644
--- a/p/h
+++ /dev/null
-1
-2
-3
-4
-5"
fi

# a folder that its user may not read is changed by the view's root
if [ ! -r /root ] && [ -d /root ]; then
	gives "changes in a closed folder" 0 um --root --cow=closed -- sh -ec 'chmod 751 /root; echo x >/root/made'
	gives "told" 0 umctl diff closed
	is "told" "$OUT" "metadata /root/
added    /root/made"
	gives "a copy of it" 0 sh -ec 'umctl layer export closed --oci closed.tar; umctl layer import closed.tar closed2; umctl diff closed2'
	is "a copy of it" "$OUT" "metadata /root/
added    /root/made"
	gives "not committed" 1 umctl commit closed
	[ ! -e /root/made ] || fail "it was committed"
fi

# ---- what goes wrong at the beginning is said, and nothing else ----
export XDG_STATE_HOME=$HERE/shut
LAYERS=$XDG_STATE_HOME/umview/layers
mkdir shut-low
gives "a layer to look at" 0 um --cow=kept,of="$HERE/shut-low" -- sh -c 'echo a >shut-low/f'
chmod 500 "$LAYERS"
gives "no room for a new one" 125 um --cow=other -- true
is "no room for a new one" "$OUT" "umview: a layer cannot be made in $LAYERS: Permission denied; \$XDG_STATE_HOME/umview/layers is where they are kept"
gives "nor without a name" 125 um --cow -- true
is "nor without a name" "$OUT" "umview: a layer cannot be made in $LAYERS: Permission denied; \$XDG_STATE_HOME/umview/layers is where they are kept"
gives "one that is there is used" 0 um --cow=kept,of="$HERE/shut-low" -- cat shut-low/f
has "one that is there is used" "$OUT" "umctl diff kept,"
chmod 700 "$LAYERS"
gives "one of another folder" 125 um --cow=kept -- true
is "one of another folder" "$OUT" "umview: the layer kept is one of $HERE/shut-low, not of /"
rmdir shut-low
gives "its folder is gone" 125 um --cow=kept,of="$HERE/shut-low" -- true
is "its folder is gone" "$OUT" "umview: --cow: $HERE/shut-low: No such file or directory"
nothing_left
