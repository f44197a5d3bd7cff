# SPDX-License-Identifier: GPL-2.0-or-later
# umview --cow: guests that make mount namespaces and sandboxes of their own find in them what they would natively, over the
# layer, and whatever way they come to the host's files, they never change one.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

need unshare nsenter findmnt gcc mke2fs
unshare -Urm true 2>/dev/null || skip "no user namespaces for this user here"
export XDG_STATE_HOME=$HERE/state

fresh() {
	rm -rf t
	mkdir -p t/d t/w
	echo orig >t/f
	echo orig >t/d/g
	chmod -R u=rwX,go=rX t
}
state() {
	find t -printf '%p %m %s %l\n' | sort
	cat t/f t/d/g
	lsattr t/f t/d/g 2>/dev/null || true
}
fresh
state >before

# untouched WHAT: the host's tree is as it was
untouched() {
	state >after 2>&1 || true
	cmp -s before after || fail "$1: the host's files have changed: $(diff before after)"
}

# same WHAT COMMAND...: in the view it does what it does natively, and leaves the host's tree alone
same() {
	local what=$1 native status
	shift
	fresh
	native=$("$@" 2>&1 </dev/null) && status=0 || status=$?
	fresh
	gives "$what: status" "$status" um --cow -- "$@"
	is "$what" "$(grep -v '^umview: ' <<<"$OUT" || true)" "$native"
	untouched "$what"
}

# only WHAT WANTED COMMAND...: in the view it prints so
only() {
	local what=$1 wanted=$2
	shift 2
	status um --cow -- "$@"
	is "$what" "$(grep -v '^umview: ' <<<"$OUT" || true)" "$wanted"
	untouched "$what"
}

same "mounts of a guest's own" unshare -Urm sh -c '
	mount -t tmpfs x t/d; ls t/d; echo a >t/d/a; mkdir t/d/s; mount --bind t/w t/d/s; echo b >t/d/s/b; ls t/w t/d t/d/s
	cd t/d/s; ls ..; /bin/pwd; cd ../../..; umount t/d/s; ls t/d/s; umount t/d; ls t/d; cat t/w/b'
# by clone3(2), which is not caught
gcc -D_GNU_SOURCE -O2 -o clone3 "$TOP/tests/e2e/clone3.c"
same "namespaces by clone3(2)" ./clone3 sh -c '
	id -u; stat -c %u:%g t t/f; mount -t tmpfs x t/d; echo a >t/d/a; stat -c %u t/d/a; mount --bind t t/w; echo new >t/w/f; cat t/f
	chmod 600 t/w/f; stat -c %a:%u t/f; umount t/d; ls t/d'
gives "what is hidden, by clone3(2)" 0 um --hide "$PWD/t/f" -- ./clone3 sh -c '
	mount --bind t t/w; cat t/w/f; echo no >t/w/f; ls t/w | tr "\n" " "'
has "what is hidden, by clone3(2)" "$OUT" "cat: t/w/f: No such file"
is "it is not listed, nor written" "$(echo "$OUT" | tail -n 1) $(cat t/f)" "d w  orig"
ext4_image fs.img 8M
mkdir mnt
gives "its ids on a served mount" 0 um -m fs.img:mnt -- ./clone3 sh -c 'touch mnt/new; stat -c %u:%g mnt mnt/new'
is "its ids on a served mount" "$OUT" "0:0
0:0"
same "a file on a file" unshare -Urm sh -c '
	mount --bind t/f t/d/g; cat t/d/g; echo new >t/d/g; cat t/f; umount t/d/g; cat t/d/g t/f'
same "a root of a guest's own" unshare -Urm sh -c '
	chroot / ls t/d; mount --rbind / t/w; chroot t/w sh -c "cd $PWD/t; /bin/pwd; ls; echo q>q; cat q; ls -d ../t; rm d/g; ls d; cd /; ls -d ../usr"'
same "a root without mounts" unshare -Ur sh -c 'chroot / sh -c "cd $0; echo x >t/f; cat t/f; ls t" "$PWD"; cat t/f'
same "namespaces in a namespace" unshare -Urm sh -c '
	mount -t tmpfs t t/w; echo 1 >t/w/1; unshare -m sh -c "mount -t tmpfs q t/w; ls t/w; echo 2 >t/w/2; ls t/w; cd t/w; cat ../f"; ls t/w
	mkdir t/w/mv; mount --move t/w t/d; ls t/d t/w; echo x >t/d/1; cat t/d/1'
same "user namespaces in a namespace" unshare -Urm sh -c '
	mount -t tmpfs t t/w; echo 1 >t/w/1; for f in -r -rm "-U --map-user=5" "-rmpf --mount-proc"; do
		unshare $f sh -c "id -u; cat /proc/self/uid_map; cat t/w/1; ls t; echo x >t/x; stat -c %u t/x t/f t/w/1; mount -t tmpfs q t/d && ls t/d; umount t/w"; ls t/d; done'
same "mounts of others" unshare -Ur sh -c 'mount -t tmpfs x t/w || ls t/w; mount --bind t t/w || ls t/w; mount -o remount,ro,bind / || echo no; umount t/w; umount /proc'
same "a mount by another name" unshare -Urm sh -c '
	mount --bind t t/w; echo y >t/w/y; ls t; mount --bind t/w/d t/w/w; rm t/w/w/g; ls t/d; mkdir t/w/w/n; cd t/w/w/n; ls .. ../..; /bin/pwd'
readonly_try='
	for c in "echo x >\$D/f" "echo x >\$D/new" "mkdir \$D/m" "rm -f \$D/f" "rmdir \$D/w" "mv \$D/f \$D/g" "ln \$D/f \$D/g" "ln -s a \$D/g" \
		"chmod 600 \$D/f" "chown 0 \$D/f" "touch \$D/f" "touch \$D/d" "truncate -s 1 \$D/f" "mkfifo \$D/q" "setfattr -n user.a -v b \$D/f" "test -w \$D/f" \
		"cp -T \$D/f \$D/f2" "echo x >\$D/d/g" "echo y >\$D/d/n" "mv t/f \$D/f2" "ln t/f \$D/f2"; do
		sh -c "$c" 2>&1; echo "$? $c"
	done
	(cd $D/d && echo x >rel; rm g; touch .)
	exec 3<$D/d; chmod 700 /proc/self/fd/3; chmod 600 $D/f; cat $D/f
	"$PYTHON" -c "import os; print(os.statvfs(os.environ[\"D\"] + \"/d\").f_flag & 1)"'
export D
D=t/w same "a read-only bind" unshare -Urm sh -c "mount --bind t t/w; mount -o remount,bind,ro t/w; $readonly_try; echo y >t/f; cat t/w/f; echo z >t/n; cat t/w/n"
D=t/d same "a read-only bind on itself" unshare -Urm sh -c "mkdir t/d/d t/d/w; echo f >t/d/f; echo g >t/d/d/g
	mount --bind t/d t/d; mount -o remount,bind,ro t/d; $readonly_try; ls t/d; mount -o remount,bind,rw t/d; echo z >t/d/n; cat t/d/n
	rm -r t/d/*; rmdir t/d; mv t/d t/q; ls t; umount t/d; rmdir t/d; ls t; mount --bind t/f t/f; rm t/f; mv t/w t/f; mv t/f t/q"
D=t same "all that there is read-only" unshare -Urm sh -c "echo later >t/d/later; mkdir t/d/new; mount -o remount,bind,ro /; mount -t tmpfs x /mnt; echo a >/mnt/a
	echo b >t/d/later; echo c >t/d/new/c; cat t/d/later; $readonly_try; cat /mnt/a"
same "unshare with a /proc" unshare -Urmpf --mount-proc sh -c '
	id -u; cat /proc/self/uid_map /proc/1/comm; readlink /proc/self /proc/1/exe; mount -t tmpfs x /mnt; touch /mnt/z; ls /mnt; findmnt -no FSTYPE /mnt'
same "namespaces by their names" unshare -Urmn sh -c '
	mount -t tmpfs r /run; touch /run/net; mount --bind /proc/self/ns/net /run/net; nsenter --net=/run/net true && echo entered
	nsenter --net=/proc/self/ns/net true && echo entered; readlink /proc/self/ns/net | cut -c1-5; stat -Lc %s /proc/self/ns/mnt'
same "nsenter" sh -c '
	unshare -Urm sh -c "mount -t tmpfs x t/w; echo in >t/w/in; echo >t/ready; exec sleep 60" & until test -e t/ready; do :; done
	nsenter -t $! -U -m --preserve-credentials --wdns="$PWD" sh -c "cat t/w/in; cd t/w; /bin/pwd; ls ..; echo o >o; ls"; ls t/w
	kill $!; wait $! 2>/dev/null; rm t/ready'
same "an overlay of a guest's own" unshare -Urm sh -c '
	mkdir t/lo t/up t/wk; echo lo >t/lo/a; mount -t overlay o -o lowerdir=t/lo,upperdir=t/up,workdir=t/wk t/w && echo x >t/w/x
	cat t/w/a; ls t/up t/w'
if command -v bwrap >/dev/null && bwrap --dev-bind / / true 2>/dev/null; then
	same "bwrap with all of the host's tree" bwrap --dev-bind / / --unshare-all sh -c '
		id -u; pwd; echo hi >t/new; cat t/new; rm t/f; ls t; cd t; ls ..; /bin/pwd; cat f; cd d; echo n>n; ls; cd ../w; mkdir x; cd x; ls ..
		ls ../..; /bin/pwd'
	D=t same "bwrap with all read-only" bwrap --ro-bind / / --dev /dev --tmpfs /tmp --unshare-all sh -c "$readonly_try"
	D=t same "bwrap with one folder to write to" bwrap --ro-bind / / --dev /dev --bind "$HERE/t/d" "$HERE/t/d" sh -c "$readonly_try; echo in >t/d/in; cat t/d/in; ls t/d"
	same "bwrap with a /tmp and a /proc" bwrap --dev-bind / / --tmpfs /tmp --dev /dev --proc /proc sh -c '
		echo hi >/tmp/a; cat /tmp/a; ls /tmp /dev; cat /proc/1/comm; cd /tmp; /bin/pwd; ls -d ../usr'
	tree=()
	for d in bin lib lib64; do
		[ ! -L "/$d" ] || tree+=(--symlink "usr/$d" "/$d")
	done
	same "bwrap with a tree of its own" bwrap --ro-bind /usr /usr "${tree[@]}" --proc /proc --dev /dev --tmpfs /tmp --bind "$HERE/t" /data \
		--ro-bind /etc/passwd /etc/passwd --dir /run --chdir /data --unshare-all --die-with-parent --new-session sh -c '
		pwd; ls / /data; echo k >k; cat k; mkdir m; cd m; ls ..; cd ../..; ls; pwd; wc -l </etc/passwd; ls -l /data/f | cut -c1-10; cd /data/d
		mv g h; ls; readlink /proc/self/cwd /proc/self/exe; findmnt -no TARGET /usr; mktemp -p /tmp >/dev/null; ls /tmp | wc -l'
fi

cat >ids.py <<'EOF2'
import os

def tried(f, *a, **k):
    try:
        return f(*a, **k)
    except OSError as e:
        return e.strerror

print(os.getuid(), os.getgid(), os.stat("/").st_uid)
for name in "t/new", "t/f", "t/m", "t/l", "t/acl", "t/d/g":
    st = os.lstat(name)
    print(name, st.st_uid, st.st_gid, oct(st.st_mode))
    for ids in (0, 0), (5, -1), (-1, 5), (1001, -1), (65534, -1), (-1, -1):
        print(ids, tried(os.chown, name, *ids), tried(os.lchown, name, *ids))
    if name == "t/l":
        continue
    fd = os.open(name, os.O_RDONLY)
    print(os.fstat(fd).st_uid, os.stat("/proc/self/fd/%d" % fd).st_gid)
    for ids in (0, 0), (5, -1), (-1, 5):
        print(ids, tried(os.fchown, fd, *ids))
    for acl in "u:0:r", "u:5:r", "g:65534:r", "u:1:r,g:2:w":
        print(acl, os.system("setfacl -m %s %s 2>&1" % (acl, name)))
    fd = os.open(name, os.O_RDONLY)
    print(tried(os.getxattr, name, "system.posix_acl_access"), tried(os.getxattr, fd, "system.posix_acl_access"))
EOF2
if command -v setfacl >/dev/null; then
	for ns in "unshare -Ur" "unshare -U" "unshare -Urm" "unshare -U --map-user=5 --map-group=7"; do
		same "ids of files ($ns)" sh -c "echo c >t/acl; mkdir t/m; ln -s a t/l; setfacl -m u:1234:r,g:$(id -g):rw,u:$(id -u):w t/acl t/d/g; echo >t/new
			exec $ns \"$PYTHON\" ids.py"
	done
fi
same "flags of a file of the layer's" sh -c 'echo x >t/n; chattr +d t/n; lsattr t/n'
status um --cow -- chattr +d t/f
untouched "flags of the host's file"

# Ways to a file of the host that is no longer named.
only "by a descriptor's name" "x
700 x" unshare -Urm sh -c 'exec 3<t/f; echo x >/proc/self/fd/3; cat t/f; chmod 700 /proc/self/fd/3
	ln -L /proc/self/fd/3 t/h; stat -c %a t/h | tr "\n" " "; cat t/h; truncate -s 0 /proc/self/fd/3'
cat >ways.py <<'EOF2'
import ctypes
import fcntl
import os
import struct
import sys

def call(nr, *a):
    libc = ctypes.CDLL(None, use_errno=True)
    r = libc.syscall(nr, *a)
    return r if r >= 0 else -ctypes.get_errno()

def tried(f, *a, **kw):
    try:
        return f(*a, **kw)
    except OSError as e:
        return e.strerror

O_NEW = os.O_CREAT | os.O_WRONLY
top = os.getcwd()
if sys.argv[1] == "open":
    file, folder = os.open("t/f", os.O_RDONLY), os.open("t/d", os.O_RDONLY)
    print(call(165, b"x", b"/proc", b"tmpfs", 0, None)) # nothing is named by /proc any more
    os.fchmod(file, 0o600)
    os.fchmod(folder, 0o700)
    os.utime(file, (1, 1))
    tried(os.setxattr, file, "user.x", b"1")
    os.close(os.open("new", O_NEW, dir_fd=folder))
    os.fchdir(folder)
    os.close(os.open("new2", O_NEW))
    os.unlink("g")
    os.rename("new2", "../new3")
    print(oct(os.stat(top + "/t/f").st_mode), oct(os.stat(top + "/t/d").st_mode), sorted(os.listdir(".")), sorted(os.listdir("..")))
elif sys.argv[1] == "gone": # opened before another was there by its name, or none
    files = os.open("t/f", os.O_RDONLY), os.open("t/d/g", os.O_RDONLY)
    os.close(os.open("t/new", O_NEW, 0o600))
    os.truncate("t/f", 0)
    print(tried(os.fchmod, files[0], 0o640), oct(os.stat("t/f").st_mode))
    os.unlink("t/f")
    os.rename("t/new", "t/d/g")
    for file in files:
        print(tried(fcntl.ioctl, file, 0x40086602, struct.pack("l", 0x40))) # FS_IOC_SETFLAGS: nodump
        print(tried(os.fchmod, file, 0o640), tried(os.utime, file, (1, 1)), tried(os.setxattr, file, "user.x", b"1"), sep=", ")
    print(oct(os.stat("t/d/g").st_mode), os.stat("t/d/g").st_mtime > 1, os.path.exists("t/f"))
elif sys.argv[1] == "tree": # open_tree(2), move_mount(2)
    tree = call(428, -100, os.fsencode(top + "/t"), 1 | 0x80000)
    tried(os.open, "leaked", O_NEW, dir_fd=tree)
    tried(os.open, "f", os.O_TRUNC | os.O_WRONLY, dir_fd=tree)
    print(call(429, tree, b"", -100, os.fsencode(top + "/t/w"), 4))
    print(tried(os.open, "t/w/made", O_NEW) > 0, os.path.exists("t/made"))
elif sys.argv[1] == "own": # the same of a tree of the guest's that has the host's files in it
    os.system("mount -t tmpfs x t/w; mkdir t/w/b; mount --bind t/d t/w/b")
    tree = call(428, -100, b"t/w", 1 | 0x8000)
    for how in O_NEW, os.O_TRUNC | os.O_WRONLY:
        tried(os.open, "b/g", how, dir_fd=tree)
    tried(os.mkdir, "b/leaked", dir_fd=tree)
    tried(os.rename, "b/g", "b/h", src_dir_fd=tree, dst_dir_fd=tree)
    tried(os.chmod, "b/g", 0, dir_fd=tree)
    folder, file = os.open("b", os.O_RDONLY, dir_fd=tree), os.open("b/g", os.O_RDONLY, dir_fd=tree)
    print(tried(os.fchmod, folder, 0o700), tried(os.fchmod, file, 0o600), tried(os.mkdir, "leaked", dir_fd=folder), sep=", ")
    print(open("t/w/b/g").read().strip() in ("orig", ""))
elif sys.argv[1] == "overlay": # fsopen(2) of one with the host's folders
    os.system("mkdir t/up t/wk; mount -t tmpfs x /mnt; mkdir /mnt/m /mnt/l")
    t = top + "/t"
    for lower, upper, work in (t + "/d", t + "/up", t + "/wk"), ("/mnt/l", t + "/d", t + "/w"):
        fs = call(430, b"overlay", 0)
        call(431, fs, 0, b"userxattr", None, 0)
        for key, value in ("lowerdir", lower), ("upperdir", upper), ("workdir", work):
            call(431, fs, 1, key.encode(), os.fsencode(value), 0)
        call(431, fs, 6, None, None, 0)
        mnt = call(432, fs, 0, 0)
        if mnt >= 0:
            tried(os.open, "leaked", O_NEW, dir_fd=mnt)
            call(429, mnt, b"", -100, b"/mnt/m", 4)
            tried(os.open, "/mnt/m/leaked", O_NEW)
    print("done")
EOF2
only "by what is open" "0
0o100600 0o40700 ['new'] ['d', 'f', 'new3', 'w']" unshare -Urm "$PYTHON" ways.py open
only "by a copy of a tree" "0
True True" unshare -Urm "$PYTHON" ways.py tree
for ns in "env" "unshare -Urm"; do
	only "by what was open ($ns)" "None 0o100640
Operation not supported
Read-only file system, Read-only file system, Read-only file system
Operation not supported
Read-only file system, Read-only file system, Read-only file system
0o100600 True False" $ns "$PYTHON" ways.py gone
done
only "by a copy of a guest's tree" "Read-only file system, Read-only file system, Read-only file system
True" unshare -Urm "$PYTHON" ways.py own
only "by an overlay made of the host's folders" "done" unshare -Urm "$PYTHON" ways.py overlay
status um --cow -- unshare -Urm sh -c 'mkdir t/up t/wk; mount -t tmpfs x t/w; mkdir t/w/m
	mount -t overlay o -o lowerdir=t/d,upperdir=t/up,workdir=t/wk t/w/m && echo x >t/w/m/g'
untouched "by mount of such an overlay"
status um --cow -- unshare -Urm sh -c 'mount -t tmpfs x /mnt; mkdir /mnt/l /mnt/m
	mount -t overlay o -o userxattr,lowerdir=/mnt/l,upperdir=t/d,workdir=t/w /mnt/m && echo x >/mnt/m/g'
untouched "by mount of one on a file system of the guest's"

# The kernel writes a core file where it finds the working directory.
dumps() {
	rm -f t/core*
	gives "$1" 134 "${@:2}" sh -c 'cd t && ulimit -c unlimited 2>/dev/null; kill -ABRT $$'
	ls -A t
}
if [ "$(cut -c1 /proc/sys/kernel/core_pattern)" != "|" ] && (ulimit -c unlimited) 2>/dev/null; then
	fresh
	(ulimit -c unlimited; dumps "a core file" um --cow --)
	untouched "a core file"
	(ulimit -c unlimited; dumps "nor where it may not be written" um --ro . --)
	untouched "nor where it may not be written"
fi

# ---- names that the guest has mounted something on ----
cat >busy.py <<'PYTHON'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def rename2(a, b, flags):
    if libc.renameat2(-100, a.encode(), -100, b.encode(), flags):
        raise OSError(ctypes.get_errno(), a)
def tell(what, call, *args):
    try:
        call(*args)
        print(what, "done")
    except OSError as e:
        print(what, os.strerror(e.errno))
tell("over it", os.rename, "a", "b")
tell("itself", os.rename, "b", "c")
tell("exchanged", rename2, "a", "b", 2)
tell("not over it", rename2, "a", "b", 1)
tell("removed", os.rmdir, "b")
tell("over a file", os.rename, "f", "g")
tell("a file", os.rename, "g", "h")
tell("a file removed", os.unlink, "g")
tell("into it", os.rename, "f", "b/f")
PYTHON
mkdir -p busy/a busy/b
touch busy/f busy/g
BUSY="cd busy; mount -t tmpfs t b; mount --bind f g; '$PYTHON' ../busy.py"
gives "natively" 0 unshare -Urm sh -ec "$BUSY"
wanted=$OUT
has "natively" "$wanted" "over it Device or resource busy"
gives "the same with --cow" 0 um --cow -- unshare -Urm sh -ec "$BUSY"
is "the same with --cow" "$OUT" "$wanted"
gives "what the layer alone has is moved there" 0 um --cow -- unshare -Urm sh -ec \
	'echo new >busy/new; mount -t tmpfs t busy/b; mv busy/new busy/b/new; cat busy/b/new'
has "what the layer alone has is moved there" "$OUT" new
nothing_left
