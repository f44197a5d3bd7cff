# SPDX-License-Identifier: GPL-2.0-or-later
# Overlays: the same random changes give the same results and the same tree as on the kernel's overlayfs, each reads what the
# other wrote, and what lies below stays as it was.
# timeout: 300
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state
OPS="$TOP/tests/lib/overlayops.py"
ops() { "$PYTHON" "$OPS" "$@"; }

# kernel_overlay DIR COMMAND: in DIR/m, without capabilities, of an overlay of the kernel's
kernel_overlay() {
	unshare -Um --map-current-user --keep-caps sh -ec "cd '$1'
		mount -t overlay o -o userxattr,lowerdir=l1:l2,upperdir=u,workdir=w m
		cd m && exec setpriv --inh-caps=-all --ambient-caps=-all sh -c '$2'"
}
# our_overlay DIR COMMAND [OPTION]
our_overlay() {
	um -m "o:$1/m,type=overlay,lowerdir=$1/l1:$1/l2,upperdir=$1/u,workdir=$1/w${3:+,$3}" -- sh -ec "cd '$1/m'; $2"
}
folders() {
	ops make "$1"
	mkdir -p "$1/u" "$1/w" "$1/m"
}
sum() { (cd "$1" && ops show | sha256sum); }

# by hand: what is seen, what is changed, what it leaves in the upper folder
folders t
before=$(sum t/l1)$(sum t/l2)
mkdir -p t/l1/dir/sub t/l2/dir t/l2/lone
echo below >t/l2/dir/file
echo deep >t/l1/dir/sub/deep
echo gone >t/l2/gone
truncate -s 8M t/l2/sparse
gives "changes" 0 our_overlay t '
	cat dir/file; echo more >>dir/file; rm gone; mkdir gone; mv dir moved; cat moved/file moved/sub/deep
	test ! -e dir; echo x >>sparse; rm -r lone; chmod 700 moved/sub; ls moved/sub; umctl ls'
has "a moved folder keeps what is below" "$OUT" "below
below
more
deep
deep"
[ "$(stat -c %t:%T t/u/dir)" = 0:0 ] && [ "$(stat -c %t:%T t/u/lone)" = 0:0 ] || fail "whiteouts"
[ "$(du -k t/u/sparse | cut -f 1)" -lt 100 ] || fail "a sparse file became whole"
is "an opaque folder" "$(getfattr -n user.overlay.opaque --only-values t/u/gone)" y
is "a redirect" "$(getfattr -n user.overlay.redirect --only-values t/u/moved)" /dir
is "what it was made of" "$(cat t/l2/dir/file t/l2/gone)" "below
gone"
gives "seen again" 0 our_overlay t 'ls -d moved gone; test ! -e dir; tail -n 1 moved/file'
has "seen again" "$OUT" "more"
gives "EXDEV where redirects are off" 1 our_overlay t 'python3 -c "import os; os.rename(\"moved\", \"again\")"' redirect_dir=off
has "EXDEV" "$OUT" "Invalid cross-device link"
gives "without an upper folder" 2 um -m "o:t/m,type=overlay,lowerdir=t/u:t/l2" -- sh -c 'cat t/m/moved/file; echo >t/m/x'
has "without an upper folder" "$OUT" "Read-only file system"

# files of which an upper folder has the attributes alone (metacopy): in what is laid over, by another name, and missing
mkdir -p c/l c/v c/u c/w c/m
for name in read kept moved cut; do echo "content of $name" >c/l/$name; done
meta() { # FILE LENGTH [REDIRECT]
	truncate -s "$2" "$1"
	chmod 604 "$1"
	touch -d 2001-02-03 "$1"
	setfattr -n user.overlay.metacopy "$1"
	[ -z "${3:-}" ] || setfattr -n user.overlay.redirect -v "$3" "$1"
}
meta c/u/read 16; meta c/u/kept 16; meta c/u/cut 15; meta c/v/between 17 /moved; meta c/u/again 17 between; meta c/u/lost 5
C="o:c/m,type=overlay,upperdir=c/u,workdir=c/w,lowerdir=c/v:c/l,metacopy=on"
gives "without an upper folder" 1 um -m "o:c/m,type=overlay,lowerdir=c/u:c/v:c/l" -- sh -c 'cat c/m/read c/m/again c/m/between; stat -c "%a %s" c/m/read; cat c/m/lost'
has "without an upper folder" "$OUT" "content of read
content of moved
content of moved
604 16"
has "without an upper folder" "$OUT" "Input/output error"
gives "content below" 0 um -m "$C" -- sh -ec 'cd c/m; stat -c "%a %s %Y" kept; cat read again; stat -c "%a %s %Y" read; echo more >>between; cat between; echo x >cut; mv kept kept2; rm read; ls'
is "content below" "$OUT" "604 16 $(date -d 2001-02-03 +%s)
content of read
content of moved
604 16 $(date -d 2001-02-03 +%s)
content of moved
more
again
between
cut
kept2
lost
moved"
gives "and afterwards" 0 um -m "$C" -- sh -ec 'cd c/m; cat kept2 cut again between moved'
is "and afterwards" "$OUT" "content of kept
x
content of moved
content of moved
more
content of moved"
is "what is a whole file" "$(getfattr -R -d -m 'overlay.(metacopy|redirect)' c/u)" "$(getfattr -R -d -m 'overlay.(metacopy|redirect)' c/u/lost)"

# the folder for what is being made: what is in it goes, and nobody gets rights by an ACL that it inherited
rm -rf acl
mkdir -p acl/l acl/u acl/w/work/foo/bar acl/state acl/m
echo low >acl/l/file
ASK="cd acl/m; echo >>file; mkdir made; getfacl -cs file made ."
! command -v setfacl >/dev/null || setfacl -d -m u:1:rwx acl/w acl/state
gives "a work folder that was used" 0 um -m "o:acl/m,type=overlay,lowerdir=acl/l,upperdir=acl/u,workdir=acl/w" -- sh -c "$ASK"
[ -z "$(ls -A acl/w/work)" ] || fail "the work folder was not emptied"
if command -v setfacl >/dev/null; then
	is "no ACL is inherited of it" "$OUT" ""
	XDG_STATE_HOME=$HERE/acl/state gives "nor of the place of a layer" 0 um --cow=acls,of=acl/l -- sh -c "${ASK/m;/l;}"
	is "nor of the place of a layer" "$(grep -c ^user <<<"$OUT")" 0
fi

# what is wrong is said
mkdir other
gives "one at a time" 1 um -m "o:t/m,type=overlay,lowerdir=t/l1,upperdir=t/u,workdir=t/w" -- \
	umctl mount -o type=overlay,lowerdir=t/l2,upperdir=t/u,workdir=t/w o other
has "in use" "$OUT" "in use by another view"
gives "no lower folder" 125 um -m "o:t/m,type=overlay,upperdir=t/u,workdir=t/w" -- true
has "no lower folder" "$OUT" "overlay needs lowerdir="
gives "an option" 125 um -m "o:t/m,type=overlay,lowerdir=t/l1,nonsense" -- true
has "an option" "$OUT" "nonsense is not known"
gives "options of the kernel's that change nothing here" 0 um -m \
	"o:t/m,type=overlay,lowerdir=t/l1,default_permissions,verity=off,override_creds,index=off" -- ls t/m
gives "an index" 125 um -m "o:t/m,type=overlay,lowerdir=t/l1,index=on" -- true

# mount(8) as the view's root
if command -v findmnt >/dev/null; then
	gives "mount -t overlay" 0 um --root -- sh -ec 'cd t; mount -t overlay o -o lowerdir=l1:l2,upperdir=u,workdir=w m
		findmnt -n -o FSTYPE "$PWD/m"; chown 12:34 m/moved/file; stat -c %u:%g m/moved/file; mknod m/null c 1 3
		stat -c "%F %t %T" m/null; chmod 000 m/sparse; echo >>m/sparse; stat -c %a m/sparse; umount m'
	is "owners and devices" "$OUT" "overlay
12:34
character special file 1 3
0"
	is "as fuse-overlayfs keeps them" "$(getfattr -n user.containers.override_stat --only-values t/u/moved/file)" 12:34:0644
fi

# killed in a copy-up: the old file or the new one, and nothing in between
head -c 20M /dev/urandom >t/l2/big
for n in 1 2 3 4 5; do
	rm -f t/u/big
	our_overlay t 'touch ../started; chmod 600 big; sleep 100' 2>/dev/null &
	until_true 30 test -e t/started
	kill -9 "$(supervisor_of)" 2>/dev/null || true
	wait $! 2>/dev/null || true
	rm t/started
	[ ! -e t/u/big ] || cmp t/u/big t/l2/big || fail "half a file"
done
gives "and then" 0 our_overlay t 'cmp big ../l2/big'
is "nothing is left of it" "$(ls -A t/w/work)" ""
rm -rf t/l1/dir t/l2/dir t/l2/lone t/l2/gone t/l2/sparse t/l2/big
is "the lower folders are as they were" "$(sum t/l1)$(sum t/l2)" "$before"

# beside the kernel's
folders k
if ! kernel_overlay k true 2>/dev/null; then
	echo "no overlayfs in a user namespace here: not compared with the kernel's"
	nothing_left
	exit 0
fi
for seed in 11 12 13; do
	chmod -R u+rwX k o 2>/dev/null || true
	rm -rf k o
	folders k
	folders o
	kernel_overlay k "'$PYTHON' '$OPS' run $seed 3000 >../run; '$PYTHON' '$OPS' show >../show"
	our_overlay o "'$PYTHON' '$OPS' run $seed 3000 >../run; '$PYTHON' '$OPS' show >../show" redirect_dir=off
	diff k/run o/run >diff || fail "other results with seed $seed: $(head -n 5 diff | cut -c 1-200)"
	diff k/show o/show >diff || fail "another tree with seed $seed: $(head -n 5 diff | cut -c 1-200)"
	grep -q " None$" k/run || fail "nothing was done"
	kernel_overlay o "'$PYTHON' '$OPS' show >../again"
	cmp o/show o/again || fail "the kernel sees another tree in our upper folder"
	our_overlay k "'$PYTHON' '$OPS' show >../again"
	cmp k/show k/again || fail "we see another tree in the kernel's upper folder"
done
echo "ok: as the kernel's overlayfs"
if command -v fuse-overlayfs >/dev/null; then
	chmod -R u+rwX o/u o/w # as an ordinary user's process it needs to
	our_overlay o "'$PYTHON' '$OPS' show >../ours"
	gives "fuse-overlayfs on our upper folder" 0 um -- sh -ec "cd o
		fuse-overlayfs -o lowerdir=l1:l2,upperdir=u,workdir=w m; cd m; '$PYTHON' '$OPS' show >../again"
	diff o/ours o/again >diff || fail "fuse-overlayfs sees another tree: $(head -n 5 diff | cut -c 1-200)"
fi
chmod -R u+rwX k o
nothing_left

# an open file of the lower folder: it has the view's name, and no call on it changes the lower folder
if unshare -Urm true 2>/dev/null; then
	mkdir -p open-l/d open-u open-w open-m
	echo lower >open-l/f
	cp "$(command -v cat)" open-l/d/prog
	before=$(ls -l --time-style=+%s.%N open-l/f)
	gives "an open file below" 0 um -m "o:open-m,type=overlay,lowerdir=open-l,upperdir=open-u,workdir=open-w" -- \
		"$PYTHON" -c '
import os
fd = os.open("open-m/f", os.O_RDONLY)
print(os.readlink(f"/proc/self/fd/{fd}") == os.path.abspath("open-m/f"))
for change in (lambda: os.fchmod(fd, 0o777), lambda: os.utime(fd, (1, 1)), lambda: os.setxattr(fd, "user.a", b"b"),
               lambda: os.open(f"/proc/self/fd/{fd}", os.O_RDWR)):
    try:
        change()
    except OSError as e:
        print(e.errno == 30)
os.chmod("open-m/f", 0o600)
print(oct(os.stat("open-m/f").st_mode), flush=True)
os.execv("open-m/d/prog", ["prog", "/proc/self/maps"])'
	has "an open file below" "$OUT" "True
True
True
True
True
0o100600"
	has "a program below" "$OUT" " $HERE/open-m/d/prog"
	is "the lower file" "$(ls -l --time-style=+%s.%N open-l/f)" "$before"
fi

# folders of tmpfs and bind mounts as layers
if unshare -Urm true 2>/dev/null && command -v findmnt >/dev/null; then
	mkdir -p on-l/d on-t on-m on-b
	echo a >on-l/a
	echo f >on-l/d/f
	gives "on a tmpfs" 0 um --root -- sh -ec 'mount -t tmpfs t on-t; mkdir on-t/u on-t/w on-t/l; echo l >on-t/l/c
		mount -t overlay o -o lowerdir=on-l:on-t/l,upperdir=on-t/u,workdir=on-t/w on-m
		cd on-m; echo more >>a; cat a c; mv d dd; cat dd/f; rm c; ls; exec 5<a; readlink /proc/self/fd/5; cd ..
		umount on-m; mount --bind on-l on-b; mount -t overlay o -o lowerdir=on-b on-m; cat on-m/a; umount on-m on-b'
	is "on a tmpfs" "$OUT" "a
more
l
f
a
dd
$HERE/on-m/a
a"
	gives "its limit holds" 1 um --tmpfs on-t:size=1m --bind-ro on-l:on-b -- sh -ec 'mkdir on-t/u on-t/w
		umctl mount -o type=overlay,lowerdir=on-b,upperdir=on-t/u,workdir=on-t/w o on-m
		echo x >>on-m/a; cat on-m/a; dd if=/dev/zero of=on-m/big bs=1M count=3'
	has "its limit holds" "$OUT" "a
x"
	has "its limit holds" "$OUT" "No space left on device"
	gives "a read-only one is no upper folder" 1 um --bind-ro on-l:on-b -- \
		umctl mount -o type=overlay,lowerdir=on-t,upperdir=on-b,workdir=on-b o on-m
	has "a read-only one" "$OUT" "on a mount of the view"
	is "what lies below" "$(ls on-l; cat on-l/a)" "a
d
a"
fi

# names with what parts names, in options that are long
mkdir -p 'es/l:1' 'es/l,2' 'es/l\3' 'es/u:,\x/u' 'es/u:,\x/w' es/m es/n
for name in 'l:1' 'l,2' 'l\3'; do echo "$name" >"es/$name/$name"; done
many=$(for i in $(seq 40); do printf ':long%060d' "$i"; done)
for how in "" --cow=names; do
	# shellcheck disable=SC2086 # a word or none
	gives "odd names ${how:-alone}" 0 um --root $how -- sh -ec 'cd es; mount -t overlay o -o "lowerdir=l\:1:l\,2:l\\\\3,upperdir=u:\,\\\\x/u,workdir=u\:\,\\\\x/w" m
		ls m; echo x >m/y; ls u*/u; umount m
		for name in $(echo "$1" | tr : " "); do mkdir "$name"; echo $name >"$name/${name#long}"; done
		mount -t overlay o -o "lowerdir=${1#:}" n; ls n | wc -l; umount n; rm -r long*' sh "$many"
	is "odd names ${how:-alone}" "$(grep -v ^umview: <<<"$OUT")" "l,2
l:1
l\\3
y
40"
	rm -f es/u*/u/y
done
