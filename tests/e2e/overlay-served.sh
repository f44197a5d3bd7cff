# SPDX-License-Identifier: GPL-2.0-or-later
# Overlays of folders on served mounts, below, above or both: the same random changes give the same results and the same tree as
# on the kernel's overlayfs of folders of the host. --cow over a served mount leaves the image as it was.
# timeout: 300
. "$TOP/tests/e2e/lib.sh"
need mke2fs mksquashfs squashfuse
built umview-overlay || skip "built without libfuse3"
export XDG_STATE_HOME=$HERE/state
OPS="$TOP/tests/lib/overlayops.py"
ops() { "$PYTHON" "$OPS" "$@"; }
RUN="'$PYTHON' '$OPS' run SEED 600 >../run; '$PYTHON' '$OPS' show >../show"

folders() { # DIR: the lower folders and those of the upper
	chmod -R u+rwX "$1" 2>/dev/null || true
	rm -rf "$1"
	ops make "$1"
	mkdir -p "$1/up/u" "$1/up/w" "$1/m" "$1/mu"
}
kernel_overlay() { # DIR COMMAND
	unshare -Um --map-current-user --keep-caps sh -ec "cd '$1'
		mount -t overlay o -o userxattr,lowerdir=l1:l2,upperdir=up/u,workdir=up/w m
		cd m && exec setpriv --inh-caps=-all --ambient-caps=-all sh -c \"\$1\"" sh "$2"
}
pack() { # DIR: what is in it, in images
	(cd "$1" && for l in l1 l2; do mksquashfs $l $l.sqsh -noappend -quiet -no-progress >/dev/null && mkdir -p m$l; done
		mke2fs -q -t ext4 -I 256 -b 4096 -E "root_owner=$(id -u):$(id -g)" -d up up.img 64M 2>/dev/null)
}
# WHICH ("lower", "upper", "both"), DIR, COMMAND
our_overlay() {
	local l1=l1 l2=l2 u=up mounts=()
	[ "$1" = upper ] || { l1=ml1 l2=ml2 mounts+=(-m "$2/l1.sqsh:$2/ml1" -m "$2/l2.sqsh:$2/ml2"); }
	[ "$1" = lower ] || { u=mu mounts+=(-m "$2/up.img:$2/mu"); }
	um "${mounts[@]}" -m "o:$2/m,type=overlay,lowerdir=$2/$l1:$2/$l2,upperdir=$2/$u/u,workdir=$2/$u/w,redirect_dir=off" -- \
		sh -ec "cd '$2/m'; $3"
}

folders k
kernel_overlay k true 2>/dev/null || skip "no overlayfs in a user namespace here"
for which in lower upper both; do
	for seed in 21 22; do
		folders k
		folders o
		pack o
		kernel_overlay k "${RUN/SEED/$seed}"
		our_overlay $which o "${RUN/SEED/$seed}"
		diff k/run o/run >diff || fail "$which: other results with seed $seed: $(head -n 5 diff | cut -c 1-200)"
		diff k/show o/show >diff || fail "$which: another tree with seed $seed: $(head -n 5 diff | cut -c 1-200)"
		grep -q " None$" k/run || fail "nothing was done"
		our_overlay $which o "'$PYTHON' '$OPS' show >../again"
		diff o/show o/again >diff || fail "$which: another tree in the next view: $(head -n 6 diff | cut -c 1-400)"
	done
	[ $which = lower ] || clean_fs o/up.img
	echo "ok: $which"
done
chmod -R u+rwX k o

# ---- a copy is on disk before it takes the old file's place, but where that was said not to matter ----
mkdir -p low/d wet
seq 100 >low/d/f
seq 100 >low/g
mke2fs -q -t ext4 -E "root_owner=$(id -u):$(id -g)" wet.img 8M 2>/dev/null
mkdir om
for how in "" ,volatile; do
	gives "copies${how/,/ }" 0 um -m wet.img:wet -- sh -ec "mkdir wet/u$how wet/w$how
		umctl mount -o 'type=overlay,lowerdir=low,upperdir=wet/u$how,workdir=wet/w$how$how' o om
		umctl stat --mount wet | grep -c FSYNC || true; echo >>om/d/f; chmod 600 om/g; umctl stat --mount wet | awk '/FSYNC/ { print \$2 }'"
	is "copies${how/,/ }" "$OUT" "$([ "$how" ] && echo 0 || printf '0\n2')"
done

# ---- fuse2fs works by names, and gives the number of a file that is gone to the next: one is not taken for the other ----
mkdir -p names/l1 names/l2 names/up/u names/up/w names/m names/mu
mke2fs -q -t ext4 -I 256 -E "root_owner=$(id -u):$(id -g)" -d names/up names/up.img 8M 2>/dev/null
cat >names.py <<'NAMES'
import os
for i in range(20):
    a, b = f"{i}", f"{i}.new"
    os.mkdir(a)
    os.rename(a, b)
    os.rmdir(b)
    os.symlink("x", a)
    assert os.readlink(a) == "x"
    os.unlink(a)
    fd = os.open(a, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(fd, b"0123456789")
    assert os.fstat(fd).st_size == 10
    os.close(fd)
    os.link(a, b)
    os.unlink(a)
    with open(b, "r+b") as f:
        f.write(b"a")
    os.chmod(b, 0o600)
    with open(a, "xb") as f:
        f.write(b"other")
    os.rename(a, b)
    with open(b, "rb") as f:
        assert f.read() == b"other"
    os.unlink(b)
os.setxattr(".", "user.x", b"y")
with open("acl", "x"):
    os.removexattr("acl", "system.posix_acl_access")
NAMES
gives "names that come and go" 0 our_overlay upper "$HERE/names" "'$PYTHON' ../../names.py"

# ---- --cow over a served mount ----
mkdir -p src/d/e mnt
echo one >src/a
echo two >src/d/b
echo gone >src/gone
echo deep >src/d/e/deep
chmod 640 src/d/b
mke2fs -q -t ext4 -I 256 -E "root_owner=$(id -u):$(id -g)" -d src disk.img 8M 2>/dev/null
cp disk.img as-it-was.img
for how in "" --root --cow=all; do
	# shellcheck disable=SC2086 # a word or none
	gives "changes ${how:-alone}" 0 um $how -m disk.img:mnt --cow=x,of=mnt -- sh -ec '
		cat mnt/a mnt/d/b; echo more >>mnt/a; rm mnt/gone; mv mnt/d/e mnt/d/f; cat mnt/d/f/deep; echo new >mnt/new; chmod 600 mnt/d/b
		cat mnt/a; stat -c %a mnt/d/b; test ! -e mnt/gone'
	has "changes" "$OUT" "one
two
deep
one
more
600"
	cmp disk.img as-it-was.img || fail "the image was written to"
	# shellcheck disable=SC2086
	gives "again" 0 um $how -m disk.img:mnt --cow=x,of=mnt -- sh -c 'tail -n 1 mnt/a; ls mnt mnt/d/f'
	has "again" "$OUT" "more
mnt:
a
d
lost+found
new

mnt/d/f:
deep"
	gives "diff beside the image" 0 um -m disk.img:mnt,ro -- umctl diff x --stat
	has "diff" "$OUT" "renamed  /d/e -> /d/f/"
	has "diff" "$OUT" "removed  /gone"
	[ "$how" = --cow=all ] || gives "discard ${how:-alone}" 0 umctl discard x
done
gives "commit into the image" 0 um -m disk.img:mnt -- umctl commit x
gives "the image has it" 0 um -m disk.img:mnt,ro -- sh -c 'tail -n 1 mnt/a; cat mnt/d/f/deep mnt/new; ls mnt'
is "the image has it" "$OUT" "more
deep
new
a
d
lost+found
new"
clean_fs disk.img
gives "as the view's root, in the image" 0 um --root -m disk.img:mnt -- sh -ec 'cd mnt; mkdir l u w m; echo low >l/f; mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m
	findmnt -n -o FSTYPE "$PWD/m"; chown 12:34 m/f; stat -c %u:%g m/f l/f; mknod m/null c 1 3; echo x >m/null; stat -c %t,%T m/null; mkdir m/d n; mount -t overlay o -o lowerdir=m:d n; cat n/f
	umount n; umount m; ls u; ! grep -q "$PWD/.* overlay" /proc/self/mounts'
has "as the view's root" "$OUT" "overlay
12:34
0:0
1,3
low
d
f
null"
clean_fs disk.img
# ---- an overlay whose folders are in --cow, and in a tmpfs, of the view's root ----
mkdir -p n/l/d n/l/e n/u n/w n/m
echo 1 >n/l/f; echo 2 >n/l/d/below; echo 3 >n/l/e/kept
gives "nested" 0 um --root --cow=nest -- sh -ec 'mount -t overlay o -o lowerdir=n/l,upperdir=n/u,workdir=n/w n/m
	rm n/m/f; rm -r n/m/d; mkdir n/m/d; touch n/m/d/new; mv n/m/e n/m/moved; chown 5:6 n/m/moved/kept
	"$0" -c "import os, sys; os.close(os.open(sys.argv[1], os.O_CREAT | os.O_RDONLY, 0))" n/m/closed
	umount n/m; mount -t overlay o -o lowerdir=n/l,upperdir=n/u,workdir=n/w n/m; cd n/m
	find . | LC_ALL=C sort; stat -c "%u:%g %a" moved/kept closed' "$PYTHON"
is "nested" "$(grep -v '^umview:' <<<"$OUT")" ".
./closed
./d
./d/new
./moved
./moved/kept
5:6 644
0:0 0"
gives "its marks, as a program of the view has them" 0 um --root --cow=nest -- "$PYTHON" -c 'import os
for name in ("n/u/d", "n/u/moved"):
	print(name, *sorted((k, os.getxattr(name, k)) for k in os.listxattr(name) if "origin" not in k and "impure" not in k))'
is "its marks" "$(grep -v '^umview:' <<<"$OUT")" "n/u/d ('user.overlay.opaque', b'y')
n/u/moved ('user.overlay.redirect', b'/e')"
gives "a copy of the layer has them" 0 sh -ec 'umctl layer export nest --oci nest.tar; umctl layer import nest.tar nest2
	umctl diff nest >diff1; umctl diff nest2 >diff2; cmp diff1 diff2; umctl commit --force nest2'
gives "committed, they are an overlay's" 0 um -m "o:$HERE/n/m,type=overlay,lowerdir=$HERE/n/l,upperdir=$HERE/n/u,workdir=$HERE/n/w" -- sh -ec 'cd n/m && find . | LC_ALL=C sort'
is "committed" "$OUT" ".
./closed
./d
./d/new
./moved
./moved/kept"
gives "on a tmpfs" 0 um --root -- sh -ec 'mount -t tmpfs t n; cd n; mkdir l u w m; echo x >l/f; chown 7:8 l/f; mknod l/null c 1 3; chmod 751 l
	mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m; stat -c "%u:%g %t,%T %F" m/f m/null; echo y >>m/f; stat -c %u:%g m/f'
is "on a tmpfs" "$OUT" "7:8 0,0 regular file
0:0 1,3 character special file
7:8"
# each file that is known costs the server descriptors: as many as its hard limit allows
few_files() (
	ulimit -Sn 128
	um "$@"
)
gives "many files" 0 few_files --root --cow=many -- sh -ec 'rm -rf n k; mkdir n; cd n; mkdir l u w m; i=0; while [ $i -lt 300 ]; do : >l/$i; i=$((i + 1)); done
	mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m; touch m/*; ls m | wc -l'
is "many files" "$(grep -v '^umview:' <<<"$OUT")" 300
gives "what is wrong is said" 125 um -m disk.img:mnt -m o:k,type=overlay,lowerdir=mnt,upperdir=mnt/u,workdir=w -- true
gives "and this" 125 um -m disk.img:mnt -m o:k,type=overlay,lowerdir=mnt,upperdir=k/up,workdir=mnt/w -- true
has "and this" "$OUT" "upperdir and workdir must be on one file system"
nothing_left
