# SPDX-License-Identifier: GPL-2.0-or-later
# What goes wrong with a layer: it is full, keeps no attributes, cannot be written, is of a newer version, or what it lies on is gone; the
# view is killed while it copies. There is a message, and nothing is lost.
# timeout: 300
# soak: 1800
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state
KILLS=20
[ -z "${UMVIEW_SOAK:-}" ] || KILLS=200
fresh() {
	rm -rf low
	mkdir -p low/d
	head -c 3000000 /dev/urandom >low/big
	echo a >low/a
	echo f >low/d/f
	cp -a low before
}
unchanged() {
	diff -r before low >/dev/null || fail "$1: the folder below was changed"
	rm -rf before
	echo "ok: $1 changed nothing below"
}
# on TYPE OPTIONS SCRIPT: with layers on a file system of its own
on() {
	mkdir -p fs
	unshare -Urm sh -ec 'mount -t "$1" -o "$2" layers fs; export XDG_STATE_HOME="$PWD/fs"; shift 2; eval "$1"' sh "$@" 2>&1
}
UM="umview --log log"
export UM

# the view is killed while it copies up: the old file, or the whole new one
fresh
head -c 20000000 /dev/urandom >low/big
cp -p low/big before/big
for n in $(seq "$KILLS"); do
	rm -rf state started
	um --cow=k,of=low -- sh -c 'echo >started; chmod 600 low/big; echo >>low/a; mv low/d low/e; rm low/a' 2>/dev/null &
	until_true 30 test -e started
	sleep "0.0$((n * 7 % 10))$((RANDOM % 10))"
	kill -9 "$(supervisor_of 2>/dev/null)" 2>/dev/null || true
	wait $! 2>/dev/null || true
	upper=state/umview/layers/k/upper
	[ ! -e $upper/big ] || cmp -s $upper/big low/big || fail "half a file"
	[ ! -f $upper/a ] || [ "$(head -n 1 $upper/a)" = a ] || fail "half of a"
	umctl diff k >diff || fail "the layer cannot be read"
	um --cow=k,of=low -- sh -c 'cmp -s low/big before/big && { test ! -e low/e || test ! -e low/d; }' 2>said || fail "in the next view: $(cat said)"
	is "nothing is left of it" "$(ls -A state/umview/layers/k/work/work)" "" >/dev/null
done
unchanged "a view that was killed"

unshare -Urm true 2>/dev/null || {
	echo "no user namespaces here: not tried on other file systems"
	nothing_left
	exit 0
}
fresh
gives "a full disk" 0 on tmpfs size=2m '$UM --cow=x,of=low -- sh -c "cd low; echo >>big; cmp big ../before/big && echo same
	echo more >>a; cat a; dd if=/dev/zero of=fill bs=64k; echo x >b; rm d/f; rm fill; echo y >b; cat b"; umctl diff x'
has "a full disk" "$OUT" "No space left on device"
has "a full disk: it is the old file" "$OUT" "same
a
more"
has "a full disk: what was done holds" "$OUT" "changed  /a
added    /b
removed  /d/f"
unchanged "a full disk"

fresh
gives "no attributes" 0 on ramfs mode=755 '$UM --cow=x,of=low -- sh -ec "cd low; echo more >>a; mv d dd; cat dd/f; rm -r dd; mkdir d; ls d; echo q >d/q"
	umctl diff x
	$UM --root --cow=x,of=low -- sh -ec "cd low; chown 3:4 a d; chmod 0 a; ln -s a l; chown -h 5:6 l; ! mknod n c 1 3; test ! -e n"
	$UM --root --cow=x,of=low -- sh -ec "cd low; stat -c \"%n %u:%g %a\" a d l; ls d"'
is "no attributes: said once a view" "$(echo "$OUT" | grep -c "without extended attributes")" 3
has "no attributes" "$OUT" "changed  /a
removed  /d/f
added    /d/q"
has "no attributes: owners" "$OUT" "a 3:4 0
d 3:4 755
l 5:6 777
q"
unchanged "no attributes"

fresh
gives "a layer that cannot be written" 125 on tmpfs size=20m '$UM --cow=x,of=low -- sh -c "echo more >>low/a"; mount -o remount,bind,ro fs
	$UM --cow=x,of=low,ro -- cat low/a; umctl diff x; umctl commit x || echo "status $?"; $UM --cow=x,of=low -- true'
has "only read it can be used" "$OUT" "a
more"
has "it is not committed" "$OUT" "status 1"
has "said" "$OUT" "umview/layers: Read-only file system"
has "which one" "$OUT" "the layer x in "
unchanged "a layer that cannot be written"

fresh
um --cow=v,of=low -- sh -c 'echo more >>low/a' 2>/dev/null
sed -i s/format=1/format=2/ state/umview/layers/v/layer
gives "a newer version" 125 um --cow=v,of=low -- true
has "a newer version" "$OUT" "the layer v was made by a newer umview"
sed -i s/format=2/format=1/ state/umview/layers/v/layer
mv low gone
gives "the folder is gone" 125 um --cow=v,of=low -- true
has "the folder is gone" "$OUT" "No such file or directory"
gives "and by umctl" 1 umctl diff v
has "and by umctl" "$OUT" "The layer is left as it is"
mv gone low
is "nothing is lost" "$(um --cow=v,of=low -- cat low/a 2>/dev/null)" "a
more"
unchanged "a layer that is found again"
nothing_left
