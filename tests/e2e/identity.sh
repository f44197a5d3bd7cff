# SPDX-License-Identifier: GPL-2.0-or-later
# --root: the virtual identity and the kernel's rules for changing it.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"
need setpriv su

is "root" "$(um --root -- id -u)" 0
is "status" "$(um --root -- grep -c '^\(Uid\|Gid\):.0.0.0.0$' /proc/self/status)" 2
is "all capabilities" "$(um --root -- grep CapEff /proc/self/status | tr -d '0\t')" "CapEff:1ffffffffff"
is "setpriv" "$(um --root -- setpriv --reuid=1234 --regid=1235 --clear-groups id -u -r)" 1234
is "exec takes capabilities from others" \
	"$(um --root -- setpriv --reuid=1234 --clear-groups grep CapPrm /proc/self/status | tr -d '0\t')" \
	"CapPrm:"
is "but not ambient ones" \
	"$(um --root -- setpriv --reuid=1234 --clear-groups --inh-caps=+net_raw --ambient-caps=+net_raw \
		grep CapEff /proc/self/status)" "CapEff:	0000000000002000"
is "groups" "$(um --root -- setpriv --groups=7,3 sh -c 'grep Groups /proc/self/status')" "Groups:	3 7 "
is "su" "$(um --root -- su nobody -s /bin/sh -c 'id -un')" nobody
is "a limit that nobody has set" "$(um --root -- bash -c 'ulimit -x')" unlimited

# What the view knows of a process rides on this limit: a guest can neither read nor write it.
cat >forge.py <<'PYTHON'
import os, resource
os.setresuid(1000, 1000, 1000)
for mark in (0, 1, 2, 1 << 32, 3 << 32, 1 << 40, 1 << 47):
    value = 0x7576000000000000 | mark
    resource.prlimit(0, 10, (value, 0x7fffffffffffffff))
    assert resource.getrlimit(10) == (-1, -1)
    assert os.getresuid() == (1000, 1000, 1000), mark
try:
    resource.prlimit(1 << 22, 10)
except ProcessLookupError:
    print("well")
PYTHON
is "a forged identity" "$(um --root -- python3 forge.py 2>&1)" well

cat >ids.py <<'PYTHON'
import os
def refused(f, *args):
    try:
        f(*args)
    except PermissionError:
        return True
os.setresuid(1000, 1001, 1002)
assert os.getresuid() == (1000, 1001, 1002)
assert refused(os.setresuid, 5, 5, 5)
assert refused(os.setgroups, [1])
assert refused(os.setgid, 7)
os.seteuid(1002)
assert os.getresuid() == (1000, 1002, 1002)
os.setreuid(1002, 1000)
assert os.getresuid() == (1002, 1000, 1000)
os.setuid(1002)
assert refused(os.setuid, 0)
if os.fork() == 0:
    assert os.getuid() == 1002 and os.geteuid() == 1002
    os._exit(0)
assert os.wait()[1] == 0
PYTHON
gives "setresuid(2) and its like" 0 um --root -- python3 ids.py

cat >peer.py <<'PYTHON'
import os, socket, struct, sys, time
def ucred(s):
    return struct.unpack('iii', s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
a, b = socket.socketpair()
assert ucred(a) == (os.getpid(), 0, 0), ucred(a)
server = socket.socket(socket.AF_UNIX)
server.bind('s')
os.chmod('s', 0o666)
server.listen()
r, w = os.pipe()
child = os.fork()
if child == 0:
    os.setgroups([7, 9])
    os.setresgid(5, 6, 6)
    os.setresuid(3, 4, 4)
    s = socket.socket(socket.AF_UNIX)
    s.connect('s')
    assert ucred(s) == (os.getppid(), 0, 0), ucred(s)
    for cred in (os.getpid(), 3, 5), (os.getpid(), 4, 6), (os.getpid(), 0, 5), (os.getpid(), 3, 0):
        try:
            s.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack('iii', *cred))])
            print('sent as', *cred[1:])
        except OSError as e:
            print('not as', *cred[1:], e.strerror)
    sys.stdout.flush()
    os.write(w, b'x')
    s.recv(1)
    os._exit(0)
c = server.accept()[0]
os.read(r, 1)
assert ucred(c) == (child, 4, 6), ucred(c)
assert c.getsockopt(socket.SOL_SOCKET, 59, 64) == struct.pack('ii', 7, 9)
try:
    c.getsockopt(socket.SOL_SOCKET, 59, 4)
except OSError as e:
    print(e.strerror)
c.send(b'x')
os.waitpid(child, 0)
assert ucred(c) == (child, 0, 0), ucred(c)
PYTHON
is "who is at the other end of a socket" "$(um --root -- python3 peer.py 2>&1 | tr '\n' ',')" \
	"sent as 3 5,sent as 4 6,not as 0 5 Operation not permitted,not as 3 0 Operation not permitted,Numerical result out of range,"
# it asks who asks
is "ssh-agent" "$(um --root -- ssh-agent ssh-add -l 2>&1)" "The agent has no identities."
touch own
gives "one's own file given to root" 0 um --root -- chown 0:0 own
gives "to nobody" 1 um --root -- chown nobody own
is "it is the user's still" "$(stat -c %u own)" "$(id -u)"

gives "the programs of administration are found" 0 env PATH=/usr/bin:/sbin:/bin timeout 20 "$BUILD/umview" --root -- sh -c 'echo "$PATH"'
is "after all others" "$OUT" "/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/sbin"
gives "by root alone" 0 env PATH=/usr/bin:/bin timeout 20 "$BUILD/umview" sh -c 'echo "$PATH"'
is "by root alone" "$OUT" /usr/bin:/bin
