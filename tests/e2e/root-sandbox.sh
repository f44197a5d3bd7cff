# SPDX-License-Identifier: GPL-2.0-or-later
# umview --root: user namespaces that its root makes are as those of a root, here one in a user namespace of the host's.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"

need unshare nsenter setpriv
unshare -Urm unshare -Urm true 2>/dev/null || skip "no user namespaces for this user here"
export XDG_STATE_HOME=$HERE/state

fresh() {
	rm -rf t
	mkdir -p t/w
	echo orig >t/f
}

# same WHAT COMMAND...: root of a view, with a layer and without, sees what root in a namespace of the host's does
same() {
	local what=$1 native status way
	shift
	fresh
	native=$(unshare -Urm "$@" 2>&1 </dev/null) && status=0 || status=$?
	for way in "--root" "--root --cow"; do
		fresh
		# shellcheck disable=SC2086
		gives "$what ($way): status" "$status" um $way -- "$@"
		is "$what ($way)" "$(grep -v '^umview: ' <<<"$OUT" || true)" "$native"
	done
}

look='id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map; cat t/f; echo x >t/new; stat -c "%u %g" t/f t/new; cat t/new
	chown 5 t/new; chown 0:0 t/new; stat -c "%u %g" t/new; grep -E "^(Uid|Gid|CapEff)" /proc/self/status; setpriv --reuid=5 true; mkdir t/m; rmdir t/m'
for flags in -r -U -Uc "-U --map-user=5 --map-group=7" -rm "-rmpf --mount-proc" "-rmnui"; do
	# shellcheck disable=SC2086
	same "unshare $flags" unshare $flags sh -c "$look"
done
same "mounts in a namespace of its root's" unshare -rm sh -c 'mount -t tmpfs x t/w && echo a >t/w/a && ls t/w; mount --bind t/w t/w; umount t/w; umount t/w; ls t/w'
same "no mounts without one" unshare -r sh -c 'mount -t tmpfs x t/w || ls t/w; mount -o remount,ro,bind / || echo no; umount /proc || echo no'
same "a map that another process writes" sh -c 'unshare -U sh -c "echo >t/ready; until test -e t/go; do sleep 0.05; done; id -u; id -g; echo x >t/n; stat -c %u t/n" & 
	until test -e t/ready; do sleep 0.05; done; cat /proc/$!/uid_map
	"$PYTHON" -c "import sys
p = \"/proc/%s/\" % sys.argv[1]
open(p + \"setgroups\", \"w\").write(\"deny\")
for name in \"uid_map\", \"gid_map\":
    with open(p + name, \"r+\") as f:
        print(repr(f.read()))
        f.write(\"7 0 1\")
        f.flush()
    print(open(p + name).read())
try: open(p + \"uid_map\", \"w\", buffering=1).write(\"1 0 1\\n\")
except OSError as e: print(e.strerror)" $!; echo >t/go; wait $!; id -u'
# the file is the namespace's, also when the process is gone
same "an open map" "$PYTHON" -c 'import ctypes, os
def attempt(what, call, *args):
    try: print(what, call(*args))
    except OSError as e: print(what, e.strerror)
ready, go = os.pipe(), os.pipe()
pid = os.fork()
if pid == 0:
    ctypes.CDLL(None).unshare(0x10000000) # CLONE_NEWUSER
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    os._exit(0)
os.read(ready[0], 1)
files = {n: [os.open("/proc/%d/%s" % (pid, n), f) for f in (os.O_RDONLY, os.O_WRONLY)] for n in ("uid_map", "gid_map")}
attempt("read-only:", os.write, files["uid_map"][0], b"3 0 1")
attempt("write-only:", os.read, files["uid_map"][1], 100)
attempt("empty:", os.read, files["uid_map"][0], 100)
attempt("empty, at its beginning:", os.pread, files["uid_map"][0], 100, 0)
os.write(go[1], b"x")
os.waitpid(pid, 0)
for name, (get, put) in files.items():
    attempt(name, os.write, put, b"3 0 1")
    attempt("again", os.write, put, b"3 0 1")
    attempt("is", os.read, get, 100)
    attempt("and", os.read, get, 100)
    attempt("from its middle", os.pread, get, 7, 8)'
same "nsenter" sh -c 'unshare -rm sh -c "mount -t tmpfs x t/w; echo in >t/w/in; echo >t/ready; exec sleep 60" & until test -e t/ready; do sleep 0.05; done
	nsenter -t $! -U -m --preserve-credentials --wdns="$PWD" sh -c "id -u; cat t/w/in; stat -c %u t/w/in t/f"; id -u; ls t/w; kill $!; wait $! 2>/dev/null; true'
# What the kernel gives to a root alone it gives within a user namespace: here one without that flag, in the view one with it.
# as_with FLAGS COMMAND...: root of a view sees with these flags of unshare(1) what root in namespaces of the host's does with -U
as_with() {
	local flags=$1
	shift
	# shellcheck disable=SC2086
	fresh && native=$(unshare -Urm unshare -Ur $flags "$@" 2>&1 </dev/null)
	for way in "--root" "--root --cow"; do
		fresh
		# shellcheck disable=SC2086
		gives "unshare $flags ($way)" 0 um $way -- unshare $flags "$@"
		is "unshare $flags ($way)" "$(grep -v '^umview: ' <<<"$OUT" || true)" "$native"
	done
}
look='[ $$ != 1 ] || echo init; id -u; cat t/f; echo x >t/new; stat -c "%u %g" t/f t/new; cat /proc/self/uid_map; grep -E "^(Uid|Gid|CapEff|SigBlk)" /proc/self/status; hostname'
for flags in "-pf" "-pf --kill-child" "-u" "-i" "-uC" "-mpf --mount-proc" "-mpfniuC --mount-proc"; do
	as_with "$flags" sh -c "$look"
done
# who is killed in the middle of it leaves no child that stands for ever, and flags for a tracer hide none
gives "killed in clone(2)" 0 um --root -- "$PYTHON" -c '
import ctypes, os, random, signal, time
clone = ctypes.CDLL(None).syscall
rng = random.Random(1)
for flags in (0, 0x802000):
    for i in range(60):
        pid = os.fork()
        if pid == 0:
            for k in range(20):
                child = clone(56, 0x20000000 | flags | signal.SIGCHLD, 0, 0, 0, 0)
                if child == 0:
                    os._exit(0)
                os.waitpid(child, 0)
            os._exit(0)
        time.sleep(rng.uniform(0.0005, 0.004))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
'
as_with "-uf" sh -c 'hostname inside; hostname'
as_with "-mpf --mount-proc" sh -c 'ls -d /proc/[0-9]* | head -n 1; mount -t tmpfs x t/w; echo a >t/w/a; ls t/w; unshare -pf sh -c "echo \$\$"; cat /proc/1/comm'
if command -v bwrap >/dev/null && bwrap --dev-bind / / true 2>/dev/null; then
	same "bwrap" sh -c 'mkdir t/new; echo in >t/new/f; bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --bind t/new /mnt sh -c "
		cat /mnt/f; echo out >/mnt/g; id -u; ls /tmp; echo x 2>/dev/null >/etc/x || echo closed; readlink /proc/self/fd/3 3</mnt; readlink /proc/self/fd/3 3</mnt/f; cd /mnt; pwd -P"
		cat t/new/g; bwrap --dev-bind / / --unshare-all --die-with-parent sh -c "ls -d /proc/1; echo \$\$; cat t/new/g; grep SigBlk /proc/self/status"'
fi
nothing_left
