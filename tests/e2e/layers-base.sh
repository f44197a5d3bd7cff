# SPDX-License-Identifier: GPL-2.0-or-later
# What a view records of the tree below, and what a commit makes of it: changes on both sides are found, by what was there when the
# layer got something for it, not by when. What layers lie on is kept with them. Owners of links and fifos.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state
LAYERS=$XDG_STATE_HOME/umview/layers
mkfifo go

# A view that has done SCRIPT in low, and waits.
begin() { # LAYER SCRIPT
	rm -f done
	um --cow="$1",of=low -- sh -ec "cd low; $2
		echo >../done; read -r x <../go" 2>/dev/null &
	until_true 30 test -e done
}
finish() {
	echo >go
	wait $! || fail "the view failed"
}
fresh() {
	rm -rf low
	mkdir -p low/d low/gone
	for f in a b c d/f e gone/x same mode; do echo "$f" >low/$f; done
}
conflicts() { # LAYER WHAT...
	status umctl commit "$1" --dry-run
	shift
	is "conflicts" "$(echo "$OUT" | grep -a "^umctl: /" | sort)" "$(for what; do echo "umctl: $what"; done | sort)"
}

# after it was copied up, removed, or made
fresh
begin after 'echo mine >>a; rm b; mv c cc; echo mine >>e; rm -r gone; echo mine >new; chmod 600 d/f; mv d dd; echo same >>same; chmod 600 mode'
echo theirs >low/a
echo theirs >low/b
rm low/c low/e
echo theirs >low/gone/y
echo theirs >low/new
echo same >>low/same
chmod 640 low/mode
finish
conflicts after "/a was changed below" "/b was changed below" "/e was removed below" \
	"/gone something in it was changed below" "/new appeared below" "/mode was changed below"
is "nothing was done" "$(cat low/b low/c 2>/dev/null || true)" theirs
gives "discard" 0 umctl discard after

# before it was copied up, while the view ran
fresh
begin before 'cat a b c >/dev/null; echo mine >>d/f'
echo theirs >low/a
echo theirs >low/b
finish
gives "the same layer again" 0 um --cow=before,of=low -- sh -ec 'cd low; cat a; echo mine >>a; rm b; chmod 600 c'
has "what lies below" "$OUT" "theirs"
conflicts before
cp -a low kept
gives "commit" 0 umctl commit before
is "commit" "$(cat low/a low/d/f)" "theirs
mine
d/f
mine"
[ ! -e low/b ] || fail "b is still there"
rm -rf kept
gives "discard" 0 umctl discard before

# the kernel's overlayfs has no such records: what was there already is judged by times
fresh
umctl layer create old --of low >/dev/null
cp -p low/a "$LAYERS/old/upper/a"
echo kernel >>"$LAYERS/old/upper/a"
gives "a layer with no records" 0 um --cow=old,of=low -- sh -ec 'echo x >>low/b'
[ ! -e "$LAYERS/old/base" ] || fail "records that begin too late"
echo theirs >low/b
conflicts old "/b was changed below"
gives "discard" 0 umctl discard old

# layers on each other
fresh
gives "a layer" 0 um --cow=one,of=low -- sh -ec 'echo one >low/one; rm low/a; mv low/d low/dd; chmod 600 low/b'
gives "on it" 0 um --cow=one,of=low,ro --cow=two,of=low -- sh -ec 'cat low/one; echo two >>low/one; echo two >>low/dd/f; rm low/b'
is "what it lies on" "$(grep -a ^lower= "$LAYERS/two/layer")" "lower=$LAYERS/one/upper
lower=$HERE/low"
has "recorded: what both showed" "$(tr '\0' '\n' <"$LAYERS/two/base" | cut -d ' ' -f 9)" "one
dd
dd/f
b"
is "diff" "$(umctl diff two)" "removed  /b
changed  /dd/f
changed  /one"
gives "again, without saying so" 0 um --cow=two,of=low -- sh -ec 'cat low/one low/dd/f; test ! -e low/a; test ! -e low/b'
is "again" "$(echo "$OUT" | head -n 4)" "one
two
d/f
two"
begin two true
gives "it is not written to meanwhile" 125 um --cow=one,of=low -- true
has "it is not written to meanwhile" "$OUT" "in use"
gives "and not renamed" 1 umctl layer rename one other
finish
mv "$LAYERS/one" "$LAYERS/three"
gives "the lower layer is gone" 125 um --cow=two,of=low -- true
has "the lower layer is gone" "$OUT" "the layer two lies on the layer one, which is gone"
is "nothing is lost" "$(cat "$LAYERS/two/upper/one")" "one
two"
mv "$LAYERS/three" "$LAYERS/one"

# what cannot carry an attribute
fresh
ln -s a low/link
mkfifo low/fifo
gives "owners" 0 um --root --cow=own,of=low -- sh -ec 'cd low; chown -h 3:4 link; chown 5:6 fifo; chmod 123 fifo; mkfifo new; ln -s a l2
	chown -h 7:8 l2; mv l2 l3; ln -s x l2; stat -c "%n %u:%g %a" link fifo new l2 l3'
owners="link 3:4 777
fifo 5:6 123
new 0:0 644
l2 0:0 777
l3 7:8 777"
has "owners" "$OUT" "$owners"
gives "owners, again" 0 um --root --cow=own,of=low -- sh -ec 'cd low; stat -c "%n %u:%g %a" link fifo new l2 l3'
has "owners, again" "$OUT" "$owners"
gives "of a layer below" 0 um --root --cow=own,of=low,ro --cow=over,of=low -- sh -ec 'cd low; stat -c "%n %u:%g %a" link fifo new l2 l3; mv link l4
	stat -c "%u:%g" l4'
has "of a layer below" "$OUT" "$owners
3:4"
is "the host's" "$(stat -c %u:%g low/link)" "$(id -u):$(id -g)"
nothing_left
