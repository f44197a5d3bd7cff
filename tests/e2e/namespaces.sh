# SPDX-License-Identifier: GPL-2.0-or-later
# Guests that make namespaces of their own (unshare, bwrap, nsenter) find the view's mounts where the kernel
# would show them.
. "$TOP/tests/e2e/lib.sh"

need mke2fs unshare nsenter findmnt gcc
unshare -Urm true 2>/dev/null || skip "no user namespaces for this user here"
ext4_image fs.img 32M
mkdir mnt
M=$HERE/mnt
printf '#include <stdio.h>\nint main(void) { puts("it runs"); return 3; }\n' >prog.c
gcc -o prog prog.c
um -m "$HERE/fs.img:$M" -- sh -c "echo hi >'$M/f' && mkdir '$M/d' && cp prog '$M' &&
	printf '#!/bin/sh\necho script \$0\n' >'$M/s' && chmod +x '$M/s'"

inside() {
	status um -m "$HERE/fs.img:$M" -- "$@"
}

inside sh -c 'hostname >h1; unshare -Ur --uts sh -c "hostname other; hostname"; hostname | cmp - h1; unshare -Uri ipcs >/dev/null
	unshare -UrC cat /proc/self/cgroup >/dev/null && unshare -UrT --boottime 1000 cat /proc/uptime >/dev/null && unshare -Urn true && echo all'
is "namespaces that have nothing to do with files" "$OUT" "other
all"

inside unshare -Ur sh -c 'id -u; cat mnt/f; cd mnt; pwd; ./prog; ./s'
is "a user namespace" "$OUT" "0
hi
$M
it runs
script ./s"

owners='echo x >$0/new; mkdir $0/dir; ln -s a $0/link; for f in $0/new $0/dir $0/link; do stat -c "%u %g" $f; done; exec 3<$0/new 4<$0/dir
	stat -Lc "%u %g" /proc/self/fd/3 /proc/self/fd/4; chown 0:0 $0/new; chown 5 $0/new; chown -h :5 $0/link; stat -c "%u %g" $0/new $0/given; rm -r $0/new $0/dir $0/link'
for ns in "unshare -Ur" "unshare -Urm" "unshare -U --map-user=5 --map-group=7" "unshare -U"; do
	echo x >given
	# shellcheck disable=SC2086
	native=$($ns sh -c "$owners" . 2>&1) || true
	inside sh -c 'echo x >mnt/given; exec '"$ns"' sh -c "$0" mnt' "$owners"
	is "owners of files on a mount ($ns)" "${OUT//mnt/.}" "$native"
done
inside rm mnt/given

for more in "" "-pf --mount-proc"; do
	# shellcheck disable=SC2086
	inside unshare -Urm $more sh -c 'cat mnt/f; echo new >mnt/n && cat mnt/n; rm mnt/n; stat -c %s mnt/f
		findmnt -no TARGET,FSTYPE mnt; grep -c "'"$M"'" /proc/self/mounts
		cd mnt && /bin/pwd; ls; ./prog; ./s; cd d; cd ../..; /bin/pwd; readlink /proc/self/cwd; ls nothing 2>&1
		exec 7<mnt/f; readlink /proc/self/fd/7 /proc/$$/fd/7; cat /proc/self/fd/7; cat /proc/self/cwd/mnt/f'
	is "a mount namespace $more" "$OUT" "hi
new
3
$M ext4
1
$M
d
f
lost+found
prog
s
it runs
script ./s
$HERE
$HERE
ls: cannot access 'nothing': No such file or directory
$M/f
$M/f
hi
hi"
done

# What it does to the mounts is its own affair.
inside sh -c 'unshare -Urm sh -c "umount mnt 2>/dev/null || echo refused; mount -o remount,bind,ro mnt 2>/dev/null || echo refused"
		echo x >mnt/f2 && ls mnt/f2; rm mnt/f2'
is "the other tree is as it was" "$OUT" "refused
refused
mnt/f2"

inside sh -c 'mkdir -p over; unshare -Urm sh -c "mount --bind mnt/d over && echo in >over/x && cat mnt/d/x && ls over && umount over && ls over"; ls over'
is "a bind mount of its own" "$OUT" "in
x"

inside sh -c 'unshare -Urm sh -c "echo ready >ready; exec sleep 60" & until test -e ready; do :; done
	nsenter -t $! -U -m --preserve-credentials sh -c "cat '"$M"'/f; cd '"$M"' && ls f"; kill $!'
is "nsenter" "$OUT" "hi
f"

mkdir -p root/view
inside unshare -Urm sh -c 'for d in usr bin lib lib64 proc; do mkdir -p root/$d; mount --rbind /$d root/$d; done
	mount --rbind '"$HERE"' root/view; exec chroot root sh -c "cat /view/mnt/f; cd /view/mnt && /bin/pwd; ./prog; cd ../..; /bin/pwd"'
is "a root of its own" "$OUT" "hi
/view/mnt
it runs
/"

if command -v bwrap >/dev/null && bwrap --dev-bind / / true 2>/dev/null; then
	inside bwrap --dev-bind / / --unshare-all sh -c "cat mnt/f; mnt/prog; cd mnt; /bin/pwd"
	is "bwrap with all of the host's tree" "$OUT" "hi
it runs
$M"
	links=()
	for d in /bin /lib /lib64; do
		links+=(--ro-bind "$d" "$d")
	done
	inside bwrap --ro-bind /usr /usr "${links[@]}" --proc /proc --dev /dev --bind "$M" /m --bind "$M/f" /file \
		--unshare-all sh -c 'cat /m/f /file; grep -c " /m ext4" /proc/self/mounts; cd /m; /bin/pwd; ls; ./prog; ./s; echo n >n; cat n; rm n'
	is "bwrap with a bind of a mount" "$OUT" "hi
hi
1
/m
d
f
lost+found
prog
s
it runs
script ./s
n"
fi
gives "with the whole tree over-written" 0 um --cow -- unshare -Urmpf --mount-proc sh -ec '
	id -u; readlink /proc/self >/dev/null; ps -o comm= -p 1 >/dev/null; echo new >n1; cat n1; cd /proc/self; cat uid_map >/dev/null; ls -d /dev/null'
has "with the whole tree over-written" "$OUT" "0
new
/dev/null"
mkdir -p tree/sub bound
echo orig >tree/sub/f
gives "nothing of it gets past the layer" 0 um --cow -- unshare -Urm sh -ec '
	cd tree; echo new >sub/f; cat sub/f; cd sub; echo z >g; ls | tr "\n" " "; cat ../sub/f; mkdir nd; mv g nd; ls nd; rm f; ! cat f 2>/dev/null
	"$0" -c "
import ctypes, os
d = os.open(\".\", os.O_RDONLY)
os.close(os.open(\"by-fd\", os.O_CREAT | os.O_WRONLY, dir_fd=d))
how = (ctypes.c_uint64 * 3)(os.O_CREAT | os.O_WRONLY, 0o644, 8)
print(ctypes.CDLL(None).syscall(437, d, b\"beneath\", how, 24) >= 0)"
	cd ../..; mount --bind tree bound; echo w >bound/w; cat tree/w; ls tree/sub | tr "\n" " "' "$PYTHON"
has "nothing of it gets past the layer" "$OUT" "new
f g new
g
True
w
beneath by-fd nd "
[ "$(find tree bound n1 2>/dev/null | sort | tr '\n' ' ')" = "bound tree tree/sub tree/sub/f " ] && [ "$(cat tree/sub/f)" = orig ] ||
	fail "the host's files have changed: $(find tree bound n1)"
clean_fs fs.img
nothing_left
