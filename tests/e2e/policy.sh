# SPDX-License-Identifier: GPL-2.0-or-later
# What is hidden, shown empty, read-only, writable again: by every path, and while links are swapped.
# timeout: 200
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
cd "$(mkdir -p h && cd h && pwd)"
mkdir -p .ssh project docs other/deep
echo key >.ssh/id
echo doc >docs/d
echo secret >secret
ln secret hard
ln -s .ssh lead
cp /bin/true docs/true
SECRETS='.ssh/id|^secret|^key'

# no <path>...: none of them can be opened
NONE='none() { for p in "$@"; do if cat "$p" 2>/dev/null; then echo "LEAK: $p"; fi; done; }'

# ---- hidden ----
gives "what is hidden is not there" 2 um --hide .ssh --hide secret -- ls -d .ssh secret lead/ docs
is "what is hidden is not there" "$(echo "$OUT" | grep -c 'No such file')" 3
gives "nor listed, nor by any way" 0 um --hide .ssh --hide secret -- bash -c "$NONE"'
	ls -A | tr "\n" " "; none .ssh/id ./.ssh/id lead/id "$PWD/.ssh/id" docs/../.ssh/id secret hard /proc/self/cwd/secret \
		"/proc/self/root$PWD/.ssh/id" "/proc/$$/cwd/.ssh/id"
	exec 5<.; none /proc/self/fd/5/secret /proc/self/fd/5/.ssh/id; ln secret x; ln hard y; mv .ssh away; mkdir .ssh; echo x >secret; true'
has "not listed" "$OUT" "docs hard lead other project"
[[ "$OUT" != *LEAK* && ! -e x && ! -e y && ! -e away ]] || fail "something of it is there: $OUT"
gives "what is not there does not come to be there" 0 um --hide other/none --hide absent/er/x -- bash -c '
	! touch other/none 2>/dev/null; ! mkdir other/none 2>/dev/null; ! mv docs other/none 2>/dev/null; touch other/some
	mkdir -p absent/er && ! touch absent/er/x 2>/dev/null && touch absent/er/y; ls other absent/er | tr "\n" " "; rm -r other/some absent'
is "the rest does" "$OUT" "absent/er: y  other: deep some "
gives "nor over the host's files" 0 um --cow --hide other/none --hide absent/er/x -- bash -c '
	! touch other/none 2>/dev/null; ! mkdir other/none 2>/dev/null; ! mv docs other/none 2>/dev/null; touch other/some
	mkdir -p absent/er && ! touch absent/er/x 2>/dev/null && touch absent/er/y; cd absent/er; ! touch x 2>/dev/null; ls . | tr "\n" " "
	cd ../..; rm -r absent; mkdir -p absent/er; ! touch absent/er/x 2>/dev/null; ls other absent/er | tr "\n" " "'
has "the rest does" "$OUT" "y absent/er:  other: deep some "
[ ! -e absent ] || fail "absent was made on the host"
gives "though the run directory is covered" 0 um --tmpfs "$XDG_RUNTIME_DIR" --hide other/none --hide docs/d,empty -- sh -c \
	'! touch other/none 2>/dev/null; ls docs/d; cat docs/d'
is "though it is covered" "$OUT" docs/d
gives "by a descriptor and a working directory from before" 0 bash -c '
	exec 6<.ssh; cd .ssh; umview --hide "$OLDPWD/.ssh" -- bash -c "cat id 2>/dev/null; cat /proc/self/fd/6/id 2>/dev/null; \
		'"$PYTHON"' -c \"import os; os.open(\\\"id\\\", 0, dir_fd=6)\" 2>&1 | tail -n 1"'
has "from before" "$OUT" "No such file"
[[ "$OUT" != *key* ]] || fail "read: $OUT"
gives "by sockets, programs, handles" 0 um --hide "$HERE/h/docs" --hide .ssh -- "$PYTHON" -c '
import os, socket
for f in (lambda: os.execv("docs/true", ["true"]), lambda: socket.socket(socket.AF_UNIX).bind("docs/s"),
          lambda: socket.socket(socket.AF_UNIX).connect("docs/s"), lambda: os.rename("docs/d", "d"),
          lambda: os.link("docs/d", "d"), lambda: os.symlink("x", "docs/s"), lambda: os.chdir("docs"),
          lambda: os.stat("docs/d"), lambda: os.listdir("docs"), lambda: os.truncate("docs/d", 0)):
    try:
        f()
        print("done")
    except FileNotFoundError:
        pass'
is "all of them" "$OUT" ""
HANDLE='import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.open_by_handle_at(9999, b"\x08" + bytes(15), 0)
print(os.strerror(ctypes.get_errno()))'
gives "a handle is not looked at" 0 um --hide .ssh -- "$PYTHON" -c "$HANDLE"
is "nor where it is to be looked for" "$OUT" "Operation not permitted"
gives "nor in --cow" 0 um --cow -- "$PYTHON" -c "$HANDLE" 2>/dev/null
is "nor in --cow" "$OUT" "Operation not permitted"
gives "but without rules" 0 um --bind docs:project -- "$PYTHON" -c "$HANDLE"
is "without rules" "$OUT" "Bad file descriptor"
gives "by binds" 0 um --bind .:project --hide .ssh --hide secret -- bash -c "$NONE"'
	none project/.ssh/id project/secret project/hard project/lead/id; ls -A project | tr "\n" " "'
has "by binds" "$OUT" "docs hard lead other project"
[[ "$OUT" != *LEAK* ]] || fail "by a bind: $OUT"
gives "by mounts of its root" 0 um --root --hide .ssh --hide docs/d -- bash -c "$NONE"'
	mount --bind . project; none project/.ssh/id project/docs/d; mount --bind docs other; none other/d; umount .ssh && echo taken
	mount --move docs/d other/deep && echo moved; mv docs elsewhere 2>/dev/null && echo renamed
	mv project/docs project/away 2>/dev/null && echo renamed; none docs/d away/d elsewhere/d; rm -rf docs/d
	mount -t tmpfs none docs; umount docs; none docs/d; :' 2>/dev/null
[[ "$OUT" != *LEAK* && "$OUT" != *taken* && "$OUT" != *moved* && "$OUT" != *renamed* ]] || fail "by mounts: $OUT"
is "it is still there" "$(cat docs/d)" doc
if unshare -Urm true 2>/dev/null; then
	gives "by an overlay of the kernel's" 0 um --hide .ssh --ro docs --ro other -- unshare -Urm sh -c "
		mount -t tmpfs x /mnt; mkdir /mnt/l /mnt/m
		mount -t overlay o -o 'lowerdir=.:/mnt/l' /mnt/m; cat /mnt/m/.ssh/id; umount /mnt/m
		mount -t overlay o -o userxattr,lowerdir=/mnt/l,upperdir=docs,workdir=other/deep /mnt/m; echo x >/mnt/m/d; :" 2>/dev/null
	[[ "$OUT" != *key* ]] || fail "read by an overlay: $OUT"
	is "nothing is written by it" "$(cat docs/d; ls other/deep)" doc
fi
gives "shown empty" 0 um --hide .ssh,empty --hide secret,empty -- sh -c '
	ls -A .ssh; cat secret; ls -d .ssh secret; touch .ssh/x 2>/dev/null || echo refused; echo x 2>/dev/null >secret || echo refused'
is "shown empty" "$OUT" ".ssh
secret
refused
refused"

# ---- read-only, and writable again ----
gives "read-only" 0 um --ro . --rw project -- sh -c '
	cat docs/d; for c in "touch docs/n" "rm docs/d" "chmod 600 docs/d" "mkdir n" "ln docs/d n" "mv docs/d n" "ln -s a n" \
		"truncate -s 0 docs/d" "touch -d @1 docs/d" "cp docs/d docs/e"; do $c 2>/dev/null && echo "done: $c"; done
	docs/true; echo new >project/n; cd project; echo more >>n; cat n; ls -d ..; pwd -P; cd ..; pwd -P; touch n2 2>/dev/null || echo refused'
is "read-only" "$OUT" "doc
new
more
..
$HERE/h/project
$HERE/h
refused"
if python3 -c 'import ctypes, os; os._exit(ctypes.CDLL(None).unshare(0x10000000) != 0)'; then
	# the kernel refuses itself what is done to an open file
	gives "by an open file" 0 um --ro . -- "$PYTHON" -c '
import os
fd = os.open("docs/d", os.O_RDONLY)
for f in (lambda: os.fchmod(fd, 0), lambda: os.utime(fd), lambda: os.open(f"/proc/self/fd/{fd}", os.O_WRONLY),
          lambda: os.setxattr(fd, "user.a", b""), lambda: os.link("docs/d", "project/x")):
    try:
        f()
        print("done")
    except OSError as e:
        print(e.strerror)'
	is "by an open file" "$(echo "$OUT" | sort -u)" "Read-only file system"
fi
gives "--rw and --hide in any order" 0 um --rw other/deep --hide other --ro . -- sh -c '
	ls other 2>/dev/null; echo x >other/deep/x; cat other/deep/x; touch y 2>/dev/null || echo refused'
is "in any order" "$OUT" "x
refused"
gives "among other mounts" 0 um --tmpfs other --bind docs:project --ro . --hide docs/d -- sh -c '
	echo x >other/x && ls other project; touch project/y; touch docs/y 2>/dev/null || echo refused'
is "among other mounts" "$OUT" "other:
x

project:
true
refused"
gives "the whole tree" 0 um --ro / --rw project -- sh -c '
	cat docs/d; touch docs/z 2>/dev/null || echo refused; touch /tmp/umview-z 2>/dev/null || echo refused; echo ok >project/z
	cat project/z; head -n 1 /proc/self/status; echo x >/dev/null; readlink /proc/self/cwd; ls /proc/self/fd >/dev/null; ls -d /sys/kernel'
is "the whole tree" "$OUT" "doc
refused
refused
ok
Name:	head
$HERE/h
/sys/kernel"
gives "the last on one path" 0 um --ro docs --rw docs -- touch docs/last
gives "remount" 0 um --root --ro docs -- sh -c 'mount -o remount,bind,rw docs 2>/dev/null; touch docs/no 2>/dev/null || echo refused'
is "remount" "$OUT" refused
gives "--bind-ro" 0 um --bind-ro docs:other -- sh -c 'cat other/d; touch other/x 2>/dev/null || echo refused'
is "--bind-ro" "$OUT" "doc
refused"

# ---- on what is served, from a table, in the plan ----
ext4_image ../fs.img 8M
gives "on a mount" 0 um -m "$HERE/fs.img:other" -- sh -c 'mkdir other/a other/b; echo 1 >other/a/f; echo 2 >other/b/f; echo 3 >other/c'
gives "rules on a mount" 0 um -m "$HERE/fs.img:other" --hide other/a --ro other/b --hide other/c,empty -- sh -c '
	ls other | grep -v lost; cat other/a/f 2>/dev/null; cat other/b/f other/c; touch other/b/x 2>/dev/null || echo refused; touch other/ok'
is "rules on a mount" "$OUT" "b
c
2
refused"
printf 'none .ssh none policy=hide\nnone . none policy=ro\nnone project none policy=rw\n' >"$HERE/project.view"
gives "in a table" 0 um -F "$HERE/project.view" -- sh -c 'cat .ssh/id 2>/dev/null; touch a 2>/dev/null; touch project/b'
[ ! -e a ] && [ -e project/b ] || fail "the rules of a table"
gives "the plan" 0 um --dry-run --hide .ssh --ro . -- true
is "the plan" "$(echo "$OUT" | head -n 2)" "$HERE/h/.ssh is hidden
$HERE/h is read-only"
gives "what is not there" 125 um --ro nothing -- true
has "what is not there" "$OUT" "nothing: No such file or directory"
gives "a word that is none" 125 um -m none:docs,policy=what -- true
has "a word that is none" "$OUT" "policy=what: it is hide, empty, ro, rw or host"

# ---- while links are swapped ----
mkdir ../race
cd ../race
mkdir open shut
for d in open shut; do
	echo "$d" >$d/file
	printf '#!/bin/sh\nexit %s\n' "$([ $d = open ] && echo 3 || echo 7)" >$d/prog
	chmod +x $d/prog
done
chmod 600 open/file
chmod 640 shut/file
echo only >shut/only
ln -s only shut/lead
gcc -D_GNU_SOURCE -O2 -pthread -o policy "$TOP/tests/e2e/policy.c"
RACE=$PWD/policy
is "natively both are come to" "$("$RACE" 0 both)" "opened some, shut some; wrote none; ran some, shut some"
is "a hidden one never" "$(um --hide shut -- "$RACE" 3)" "opened some, shut none; wrote none; ran some, shut none"
is "a read-only one is not written" "$(um --ro shut -- "$RACE" 3 write)" "opened none, shut none; wrote some; ran none, shut none"
is "it is as it was" "$(cat shut/file)" shut
cd ..
nothing_left
