# SPDX-License-Identifier: GPL-2.0-or-later
# Several processes that change one tree by turns, keep files open and stand in folders that others rename and remove: what each is
# told, and the tree that is left, are those of the kernel's overlayfs, and with --cow those of the folder itself.
# timeout: 300
# soak: 3600
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state
OPS="$TOP/tests/lib/overlayops.py"
COUNT=3000
if [ -n "${UMVIEW_SOAK:-}" ]; then
	COUNT=100000
	export UM_TIMEOUT=900
fi
WORK="'$PYTHON' '$OPS' together"
clean() {
	chmod -R u+rwX "$@" 2>/dev/null || true
	rm -rf "$@"
}
same() { # WHAT A B
	diff "$2/run" "$3/run" >diff || fail "$1: other results: $(head -n 5 diff | cut -c 1-200)"
	diff "$2/show" "$3/show" >diff || fail "$1: another tree: $(head -n 5 diff | cut -c 1-200)"
	[ "$(grep -c " kept$" "$2/run")" -gt 20 ] || fail "$1: hardly anything was done"
	echo "ok: $1"
}

for seed in 1 2; do
	clean n c
	"$PYTHON" "$OPS" make n
	"$PYTHON" "$OPS" make c
	(cd n/l1 && eval "$WORK $seed $COUNT 4" >../run && "$PYTHON" "$OPS" show >../show)
	um --cow="s$seed,of=c/l1" -- sh -ec "cd c/l1; $WORK $seed $COUNT 4; echo =====; '$PYTHON' '$OPS' show" >c/all 2>c/said ||
		fail "with --cow: $(tail -n 5 c/said)"
	sed '/^=====$/,$d' c/all >c/run
	sed '1,/^=====$/d' c/all >c/show
	same "with --cow, seed $seed" n c
	um --cow="s$seed,of=c/l1" -- sh -ec "cd c/l1; '$PYTHON' '$OPS' show" >c/show 2>/dev/null
	same "in the next view, seed $seed" n c
	clean n/l1
	"$PYTHON" "$OPS" make c/again
	(cd c/l1 && "$PYTHON" "$OPS" show >../show)
	(cd c/again/l1 && "$PYTHON" "$OPS" show) | cmp - c/show || fail "the folder below was changed"
done
# in a user namespace, without capabilities
kernel_overlay() {
	unshare -Um --map-current-user --keep-caps sh -ec "cd '$1'
		mount -t overlay o -o userxattr,lowerdir=l1:l2,upperdir=u,workdir=w m
		cd m && exec setpriv --inh-caps=-all --ambient-caps=-all sh -c '$2'"
}
for seed in 3 4; do
	clean k o
	for tree in k o; do
		"$PYTHON" "$OPS" make $tree
		mkdir $tree/u $tree/w $tree/m
	done
	if ! kernel_overlay k true 2>/dev/null; then
		echo "no overlayfs in a user namespace here: not compared with the kernel's"
		break
	fi
	kernel_overlay k "$PYTHON $OPS together $seed $COUNT 4 >../run; $PYTHON $OPS show >../show"
	um -m "o:o/m,type=overlay,lowerdir=o/l1:o/l2,upperdir=o/u,workdir=o/w,redirect_dir=off" -- sh -ec "cd o/m
		$WORK $seed $COUNT 4 >../run; '$PYTHON' '$OPS' show >../show"
	same "as the kernel's overlayfs, seed $seed" k o
done
clean k o n c
nothing_left
