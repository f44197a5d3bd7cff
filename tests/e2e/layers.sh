# SPDX-License-Identifier: GPL-2.0-or-later
# sanitize: asan
# umctl layers, layer create and rename, diff and discard, on uppers of the kernel's overlayfs.
. "$TOP/tests/e2e/lib-layers.sh"

mkdir -p low/d low/gone low/opq low/secret
for f in a b d/f d/g gone/x opq/o opq/p old; do echo "$f" >low/$f; done
ln -s a low/link
gives "no layers yet" 0 umctl layers
is "no layers yet" "$OUT" ""
gives "no such layer" 1 umctl diff nobody
gives "no last one" 1 umctl diff LAST
gives "no name" 1 umctl layer create 12
gives "a bad name" 1 umctl layer create ../x
gives "no folder" 1 umctl layer create t --of nothing
gives "create" 0 umctl layer create t --of low
gives "twice" 1 umctl layer create t --of low
overlay t low 'echo more >>a; chmod 600 b; rm d/g; rm -r gone opq; mkdir opq; echo opq/o >opq/o
	mkdir -p new/deep; echo n >new/deep/n; mv old renamed; touch -h link; chmod 0 new/deep/n new/deep
	mkfifo fifo; echo >"two
lines"; setfattr -n user.k -v v d/f; echo >"$(printf "\377")"'
cat >wanted <<'WANTED'
changed  /a
metadata /b
metadata /d/f
removed  /d/g
added    /fifo
removed  /gone/
metadata /link
added    /new/
added    /new/deep/
added    /new/deep/n
metadata /opq/o
removed  /opq/p
renamed  /old -> /renamed
added    /two\012lines
WANTED
printf 'added    /\377\n' >>wanted
umctl diff t >got || fail "umctl diff"
diff -u wanted got || fail "another diff"
is "what is unreadable stays so" "$(stat -c %a "$LAYERS/t/upper/new/deep")" "0"
is "below a folder" "$(umctl diff t opq)" "$(grep opq wanted)"
is "by its whole path" "$(umctl diff LAST "$HERE/low/opq/o")" "metadata /opq/o"
gives "not in the layer" 125 umctl diff t /etc
has "sums" "$(umctl diff t --stat)" "6 added, 1 changed, 3 removed, 4 metadata, 1 renamed;"
is "JSON" "$(umctl --json diff t | "$PYTHON" -c 'import json, sys
d = json.load(sys.stdin)
print(d["ok"], len(d["changes"]), [c["from"] for c in d["changes"] if c["kind"] == "renamed"])')" "True 15 ['old']"
is "no colours in a pipe" "$(umctl diff t | tr -dc '\033')" ""
has "colours when asked for" "$(umctl diff t --color)" "$(printf '\033[31m')"
has "patch" "$(umctl diff t a --patch)" "+more"
has "patch of what is gone" "$(umctl diff t d/g --patch)" "--- a/d/g"
# what may not be read below is said, and the rest is shown
chmod 0 low/a
gives "a patch of what may not be read" 1 umctl diff t --patch
has "what may not be read" "$OUT" "umctl: patch of layer t: /a: Permission denied, it is left out"
has "the rest" "$OUT" "--- a/d/g"
chmod 644 low/a
has "layers" "$(umctl layers)" "no     $HERE/low"
is "layers as JSON" "$(umctl layers --json | "$PYTHON" -c 'import json, sys
l = json.load(sys.stdin)["layers"][0]
print(l["name"], l["of"], l["changes"], l["bytes"] > 0, l["in_use"])')" "t $HERE/low 15 True no"

gives "rename" 0 umctl layer rename t u
gives "the old name" 1 umctl diff t
gives "LAST follows" 0 umctl diff LAST
gives "another" 0 umctl layer create v --of low
gives "a name that is taken" 1 umctl layer rename u v

cat >hold.py <<'PYTHON'
import fcntl, struct, sys
f = open(sys.argv[1], "r+b")
fcntl.lockf(f, fcntl.LOCK_EX)
open("held", "w").close()
sys.stdin.read()
PYTHON
mkfifo hold
"$PYTHON" hold.py "$LAYERS/u/layer" <hold &
exec 9>hold
until_true 30 test -e held
gives "in use" 1 umctl discard u
has "in use" "$OUT" "in use"
gives "in use: rename" 1 umctl layer rename u w
has "in use: layers" "$(umctl layers)" " yes "
gives "in use: diff only looks" 0 umctl diff u
exec 9>&-
wait

sed 's/format=1/format=7/' "$LAYERS/u/layer" >newer
cp newer "$LAYERS/u/layer"
gives "of a newer umview" 1 umctl diff u
has "of a newer umview" "$OUT" "format 7"
gives "of a newer umview: discard" 1 umctl discard u
sed 's/format=7/format=1/' newer >"$LAYERS/u/layer"
mv low elsewhere
gives "what it is of is missing" 1 umctl diff u
has "what it is of is missing" "$OUT" "$HERE/low"
has "layers says so" "$(umctl layers)" "its folder is missing"
mv elsewhere low
echo nonsense >"$LAYERS/v/layer"
gives "damaged" 1 umctl discard v
gives "what cannot be understood goes by force alone" 0 umctl discard v --force

umctl layer create deep --of low
(cd "$LAYERS/deep/upper" && for _ in $(seq 300); do mkdir d0123456789 && cd d0123456789; done)
chmod 0 "$LAYERS/deep/upper/d0123456789/d0123456789"
gives "deep, and without permission bits" 0 umctl discard deep
gives "discard" 0 umctl discard u
is "LAST is gone with what it led to" "$(ls -A "$LAYERS")" ""
is "the tree below is as it was" "$(cat low/a low/d/g low/gone/x)" "$(printf 'a\nd/g\ngone/x')"
