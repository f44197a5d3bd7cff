# SPDX-License-Identifier: GPL-2.0-or-later
# sanitize: asan
# umctl layer copy, flatten and squash: the kernel's overlayfs shows the same of what they make.
. "$TOP/tests/e2e/lib-layers.sh"

seen() {
	overlay "$1" "${2:-low}" "'$PYTHON' '$TOP/tests/lib/manifest.py' --no-owner --no-links ."
}
mkdir -p low/d/e low/gone low/opq low/keep
for f in a b d/f d/g d/e/h gone/x opq/o opq/p keep/k; do echo "$f" >low/$f; done
umctl layer create t --of low
overlay t low 'echo more >>a; chmod 600 b; rm d/g; rm -r gone opq; mkdir opq; echo new >opq/o; ln -s b link
	mkdir -p new/deep; echo n >new/deep/n; chmod 0 new/deep/n; mkfifo fifo; setfattr -n user.k -v v d/f
	truncate -s 100000000 sparse; touch -d "2022-02-02" d d/e .'
seen t >wanted
umctl diff t >diff
gives "copy" 0 umctl layer copy t c
seen c >got
diff -u wanted got || fail "the copy is another tree"
umctl diff c >got
diff -u diff got || fail "the copy has another diff"
is "sparse stays so" "$(($(stat -c %b "$LAYERS/c/upper/sparse") < 100))" "1"
gives "copy: the name is taken" 1 umctl layer copy t c

# renamed folders: the kernel does not follow them for users, plain ones it shows
U=$LAYERS/t/upper
umctl layer copy t r
R=$LAYERS/r/upper
mkdir -p "$R/moved/e" "$R/sub/inner"
setfattr -n user.overlay.redirect -v /keep "$R/moved"
setfattr -n user.overlay.redirect -v /d/e "$R/sub/inner"
mknod "$R/keep" c 0 0
mknod "$R/sub/inner/h" c 0 0
echo added >"$R/moved/e/file"
gives "flatten" 0 umctl layer flatten r
is "no redirect is left" "$(getfattr -R -d -m redirect --absolute-names "$R" 2>/dev/null)" ""
is "all is there" "$(overlay r low 'cat moved/k moved/e/file; ls sub/inner; test -e keep || echo gone')" "keep/k
added
gone"
gives "what else was in it" 0 umctl layer flatten t
seen t >got
diff -u wanted got || fail "the flat one is another tree"
is "no draft is left" "$(ls -A "$LAYERS")" "$(printf '%s\n' LAST c r t)"

# two that lie on each other
umctl layer create top --of low
mkdir merged
overlay top "$U:low" 'echo again >>a; rm -r new opq; mkdir -p opq/x gone/again; mv b bb; rm link; echo "now a file" >link
	touch d/fresh keep/more; chmod 700 keep; rm -r d/e; mkdir d/e; echo other >d/e/other; rm fifo'
seen top "$U:low" >wanted
gives "squash" 0 umctl layer squash both t top
seen both >got
diff -u wanted got || fail "the squashed one is another tree"
is "those that it was made of stay" "$(ls "$LAYERS")" "$(printf '%s\n' LAST both c r t top)"
# as a view of two layers has it: the upper one lies on the lower one's folder
sed -i "s|^lower=.*|lower=$U\nlower=$HERE/low|" "$LAYERS/top/layer"
has "of the upper one alone" "$(umctl diff top)" "removed  /fifo"
gives "commit of it" 1 umctl commit top
has "commit of it" "$OUT" "layer squash"
gives "squash again" 0 umctl layer squash both2 t top
seen both2 >got
diff -u wanted got || fail "squashed with its lower ones known it is another tree"
gives "commit to a copy" 0 sh -c 'cp -a low copy; umctl commit both --to copy'
"$PYTHON" "$TOP/tests/lib/manifest.py" --no-owner --no-links copy >got
diff -u wanted got || fail "committed it is another tree"
chmod -R u+rwx .
