# SPDX-License-Identifier: GPL-2.0-or-later
# sanitize: asan
# umctl commit: into the tree below, into another folder, in parts; conflicts; what is refused.
. "$TOP/tests/e2e/lib-layers.sh"

# what a view sees, to be found again below; the number of links of a file that was copied up alone is
# what it was, in overlayfs
seen() {
	overlay "$1" low "'$PYTHON' '$TOP/tests/lib/manifest.py' --no-owner ." | sed "/^'hard'/s/links=.//"
}
below() {
	unshare -Ur "$PYTHON" "$TOP/tests/lib/manifest.py" --no-owner "${1:-low}" | sed "/^'hard'/s/links=.//"
}
fresh() {
	chmod -R u+rwx low 2>/dev/null || true
	rm -rf low
	mkdir -p low/d/e low/gone/deep low/opq/sub low/ro
	for f in a b c d/f d/g d/e/h gone/x gone/deep/y opq/o opq/sub/p ro/r old; do echo "$f" >low/$f; done
	ln -s a low/link
	ln low/a low/hard
	find low -exec touch -h -d "2020-01-01 00:00:00" {} +
	chmod 555 low/ro
	if umctl layers | grep -q "^$1 "; then umctl discard "$1"; fi
	umctl layer create "$1" --of low
}
job='echo more >>a; chmod 600 b; touch -d "2021-02-03" c; rm d/g; rm -r gone opq; mkdir -m 750 opq; echo new >opq/o
	mkdir -p new/deep; echo n >new/deep/n; ln new/deep/n new/deep/n2; mv old renamed; ln -sfn b link; rm d/e/h
	mkdir d/e/h; echo x >d/e/h/i; chmod 755 ro; echo s >ro/s; chmod 555 ro; mkfifo fifo; echo >"two
lines"; setfattr -n user.k -v v d/f; echo >"$(printf "\377")"; truncate -s 100000000 sparse
	chmod 0 new/deep/n; chmod 700 d; touch -d "2022-02-02" d d/e .; ln -s /etc/passwd out; cp -p c cc; rm c; mkdir c'

fresh t
overlay t low "$job"
seen t >wanted
gives "dry run" 0 umctl commit t --dry-run
has "dry run" "$OUT" "remove   /gone"
below >before
gives "commit" 0 umctl commit t
below >got
diff -u wanted got || fail "the tree below is not what the view showed"
is "the layer is empty" "$(ls -A "$LAYERS/t/upper")" ""
is "nothing else is left" "$(find low -name '.umview*')" ""
is "sparse stays so" "$(($(stat -c %b low/sparse) < 100))" "1"
is "nothing differs any more" "$(umctl diff t)" ""
gives "again: nothing to do" 0 umctl commit t

# into another folder: the layer stays
fresh t
cp -a low copy
overlay t low "$job"
seen t >wanted
below >before
gives "commit to another folder" 0 umctl commit t --to copy
below copy >got
diff -u wanted got || fail "the copy is not what the view showed"
below >after
diff -u before after || fail "the tree below was changed"
gives "an empty folder" 0 sh -c 'mkdir empty; umctl commit t --to empty'
is "an empty folder has what is new" "$(stat -c %h empty/new/deep/n2; cat empty/a)" "2
a
more"
echo other >copy/d/f
gives "conflict there" 1 umctl commit t --to copy
has "conflict there" "$OUT" "/d/f is another file there"

# folders on the way that are another's below are made as this user's
if [ "$(stat -c %u /usr/share)" != "$(id -u)" ]; then
	umctl layer create way --of /usr
	mkdir -p "$LAYERS/way/upper/share" way
	setfattr -n user.containers.override_stat -v 0:0:755 "$LAYERS/way/upper" "$LAYERS/way/upper/share"
	echo mine >"$LAYERS/way/upper/share/mine"
	for again in 1 2; do
		gives "to a folder without those of the way ($again)" 0 umctl commit way --to way
		is "they are this user's" "$(stat -c "%U %n" way way/share way/share/mine)" "$(id -un) way
$(id -un) way/share
$(id -un) way/share/mine"
		echo more >"$LAYERS/way/upper/share/mine"
		rm way/share/mine
	done
	setfattr -n user.containers.override_stat -v 0:4:755 "$LAYERS/way/upper/share"
	gives "but an owner that the layer gave" 1 umctl commit way --to way
	umctl discard way
fi

# in parts
fresh t
overlay t low "$job"
seen t >wanted
gives "parts" 0 umctl commit t a gone "$HERE/low/d/e" new/deep
is "parts" "$(tail -n 1 low/a; cat low/d/e/h/i; stat -c %h low/new/deep/n2; ls low)" "more
x
2
$(printf '%s\n' a b c d hard link new old opq ro)"
has "the rest stays" "$(umctl diff t)" "renamed  /old -> /renamed"
gives "then the rest" 0 umctl commit t
below >got
diff -u wanted got || fail "the tree below is not what the view showed, in two parts"

# the tree below was changed meanwhile
clash() {
	fresh t
	overlay t low "$job"
	# file systems stamp by ticks: until one has passed
	until [ "$(stat -c %z "$LAYERS/t/upper")" != "$(touch tick; stat -c %z tick)" ]; do :; done
	echo theirs >low/a
	echo >low/gone/deep/z
	echo mine >low/new
}
clash
below >before
gives "conflicts" 1 umctl commit t
has "changed" "$OUT" "/a was changed below"
has "in a folder" "$OUT" "/gone something in it was changed below"
has "appeared" "$OUT" "/new was changed below"
has "none else" "$OUT" "3 conflicts"
below >got
diff -u before got || fail "a refused commit changed something"
gives "theirs" 0 umctl commit t --theirs
is "theirs" "$(cat low/a low/new; ls low/gone/deep)" "theirs
mine
y
z"
is "what is no conflict" "$(test -e low/d/g || echo gone)" "gone"
clash
gives "ours" 0 umctl commit t --ours
is "ours" "$(cat low/a; stat -c %h low/new/deep/n2)" "a
more
2"
is "ours" "$(test -e low/gone || echo gone)" "gone"

# owners that this user cannot give
fresh t
echo o >"$LAYERS/t/upper/owned"
setfattr -n user.containers.override_stat -v 0:0:4755 "$LAYERS/t/upper/owned"
echo >"$LAYERS/t/upper/dev"
setfattr -n user.containers.override_stat -v 0:0:600:char-1-3 "$LAYERS/t/upper/dev"
gives "owners" 1 umctl commit t
has "owners" "$OUT" "2 entries"
gives "without them" 0 umctl commit t --force
is "without them" "$(stat -c '%a %n' low/owned low/dev 2>/dev/null)" "4755 low/owned"

# a layer that means harm
fresh t
mkdir outside
echo safe >outside/file
ln -s "$HERE/outside" low/way
U=$LAYERS/t/upper
mkdir "$U/way" "$U/r1" "$U/r2" "$U/r3"
echo evil >"$U/way/file"
gives "a folder over a link that leads out" 0 umctl commit t
is "it is a folder now" "$(cat low/way/file outside/file)" "evil
safe"
for bad in ../../outside /../outside /way/../../outside; do
	fresh t
	mkdir "$U/r1"
	setfattr -n user.overlay.redirect -v "$bad" "$U/r1"
	gives "redirect $bad" 1 umctl commit t
	has "redirect $bad" "$OUT" "not in overlayfs's format"
	gives "diff of it" 1 umctl diff t
done
fresh t
ln -s ../outside low/out
mkdir "$U/r1"
setfattr -n user.overlay.redirect -v /out "$U/r1"
gives "redirect over a link" 1 umctl commit t
is "nothing came in" "$(ls low)" "$(printf '%s\n' a b c d gone hard link old opq out ro)"

# what the kernel does not follow, but others do: a renamed folder
fresh t
mkdir -p "$U/moved/e"
setfattr -n user.overlay.redirect -v /d "$U/moved"
mknod "$U/d" c 0 0
mknod "$U/moved/g" c 0 0
echo more >"$U/moved/e/new"
is "renamed folder" "$(umctl diff t)" "renamed  /d -> /moved/
added    /moved/e/new
removed  /moved/g"
ino=$(stat -c %i low/d/e/h)
gives "renamed folder" 0 umctl commit t
is "renamed folder" "$(cd low && find moved d 2>/dev/null | sort | xargs)" "moved moved/e moved/e/h moved/e/new moved/f"
is "its files are the same ones" "$(stat -c %i low/moved/e/h)" "$ino"

# what the layer was made over is recorded
fresh t
"$PYTHON" - "$LAYERS/t" low <<'PYTHON'
import os, sys, time
layer, low = sys.argv[1:]
def stamp(ns): return f"{ns // 10**9}.{ns % 10**9:09d}"
with open(f"{layer}/base", "wb") as f:
    f.write(b"umview-base 1\0")
    for name in ("a", "b", "c"):
        st = os.lstat(f"{low}/{name}")
        now = time.clock_gettime_ns(time.CLOCK_REALTIME)
        f.write(f"{stamp(now)} {stamp(st.st_ctime_ns)} {stamp(st.st_mtime_ns)} {st.st_size} {st.st_ino} "
                f"{st.st_mode:o} {st.st_uid} {st.st_gid} {name}".encode() + b"\0")
        with open(f"{layer}/upper/{name}", "w") as u: u.write("mine")
    f.write(b"1.0 torn")
PYTHON
echo mine >"$LAYERS/t/upper/n"
rm low/b
touch low/c
echo >low/n
gives "by what is recorded" 1 umctl commit t
has "recorded: removed" "$OUT" "/b was removed below"
has "recorded: changed" "$OUT" "/c was changed below"
has "recorded: appeared" "$OUT" "/n appeared below"
has "recorded: as it was" "$OUT" "3 conflicts"
chmod -R u+rwx .
