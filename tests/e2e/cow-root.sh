# SPDX-License-Identifier: GPL-2.0-or-later
# --root --cow: the programs that only root can run, packages, users, owners and devices, end with status 0, are seen as they were
# asked for, and leave the host as it was.
# timeout: 600
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state
need dpkg-deb apt-get useradd adduser install ldconfig update-alternatives su setpriv gcc make

# as FILE: what a script prints as root of a view
as_root() {
	local what=$1
	shift
	UM_TIMEOUT=280 gives "$what" 0 um --root --cow "$@"
}
root_sh() {
	as_root "$1" -- bash -ec "export PATH=/usr/local/sbin:/usr/sbin:/sbin:\$PATH; cd '$HERE'; $2"
	OUT=$(printf '%s\n' "$OUT" | grep -v '^umview: ' || true)
}

# ---- what the user cannot read ----
mkdir closed open
echo secret >closed/secret
echo secret >open/secret
chmod 0 closed open/secret
chmod 400 closed
root_sh "a folder that cannot be searched" 'ls -A closed; echo x >closed/new; ls closed; chmod 0 open/secret'
is "it is empty, too" "$OUT" new
shut=$(stat -c "%a %z" closed open/secret)
gives "it can be told" 0 umctl diff LAST
has "it can be told" "$OUT" "closed/new"
is "the host's folder is as it was" "$(stat -c "%a %z" closed open/secret)" "$shut"
chmod 0 closed
root_sh "a folder that cannot be read" 'ls -A closed; stat -c %a closed; touch closed/new; ls closed; cd closed; pwd; ls -d . ../closed ../../..
	chmod 755 .; cat new; cd ..; rmdir closed 2>/dev/null || rm -r closed; test ! -e closed; ls -d /root/. /root/.. ../../../../../proc >/dev/null'
is "it is empty" "$OUT" "0
new
$HERE/closed
.
../../..
../closed"
root_sh "a file that cannot be read" 'cat open/secret 2>/dev/null || echo closed; echo more >>open/secret; cat open/secret'
is "it is empty once it is changed" "$OUT" "closed
more"
is "the host's" "$(stat -c %a closed open/secret; ls open)" "0
0
secret"
gives "it is not replaced by what could not be read" 1 umctl commit LAST
has "it is said" "$OUT" "could not read /${HERE#/}/open/secret"
chmod 600 open/secret # as root of the host, who may read all
gives "nor by who can read it" 1 umctl commit LAST --force
has "it is said" "$OUT" "made without that content"
gives "but for that" 0 umctl commit LAST --theirs
is "but for that" "$(cat open/secret)" secret
chmod 0 open/secret
root_sh "it is moved, and replaced" 'mv open/secret open/old; cat open/old; echo other >open/secret; mkdir open/d; rm -r closed'
chmod 600 open/secret
chmod 700 closed
for how in --force --ours; do
	gives "neither then $how" 1 umctl commit LAST $how
	has "neither then $how" "$OUT" "(2 such in all)"
done
gives "what else there is" 0 umctl commit LAST --force "$HERE/open/d"
is "what else there is" "$(cat open/secret closed/secret; ls open)" "secret
secret
d
secret"
chmod 0 closed open/secret
gives "who is not root" 7 um --cow -- sh -c "ls closed || cat open/secret || echo more >>open/secret || exit 7"
chmod 700 closed
rm -r closed open

# ---- users ----
root_sh "users and groups" '
	useradd -m -s /bin/sh -c "A user" bob; groupadd crew; usermod -aG crew bob; passwd -d bob >/dev/null; id -nG bob
	stat -c %U:%G:%a ~bob; su bob -c "id -un; touch ~/mine; test ! -w /etc/passwd"; stat -c %U ~bob/mine; su - bob -c pwd
	usermod -aG crew daemon; id -nG daemon; su -s /bin/sh daemon -c "id -un"; echo "bob:secret" | chpasswd; grep -c "^bob:.y" /etc/shadow
	chage -l daemon >/dev/null; userdel -r bob 2>/dev/null; ! id bob 2>/dev/null; test ! -e /home/bob; groupdel crew'
is "users and groups" "$OUT" "bob crew
bob:bob:$(stat -c %a /etc/skel | sed 's/.*/755/')
bob
bob
/home/bob
daemon crew
daemon
1"
root_sh "adduser" 'adduser --quiet --disabled-password --gecos "" carl >/dev/null; id -un carl; adduser --quiet carl audio; id -nG carl
	adduser --quiet --system --group svc; id -gn svc; deluser --quiet --remove-home carl 2>/dev/null; ! id carl 2>/dev/null'
has "adduser" "$OUT" "carl
carl audio users
svc"
root_sh "another id and back" 'setpriv --reuid 33 --regid 33 --clear-groups sh -c "id -u; ! touch /etc/x 2>/dev/null; touch $HERE/../x 2>/dev/null || true
	touch /tmp/setpriv; stat -c %u:%g /tmp/setpriv"; id -u; chown root /tmp/setpriv; stat -c %u /tmp/setpriv'
is "another id and back" "$OUT" "33
33:33
0
0"

# ---- owners, modes, devices, attributes ----
root_sh "an open file" 'touch o; chown 5:6 o; "$PYTHON" -c "import os; f = os.open(\"o\", os.O_RDWR); os.fchown(f, 0, 0); print(os.fstat(f).st_uid); os.fchown(f, 7, -1)"; stat -c %u:%g o; rm o'
is "an open file" "$OUT" "0
7:0"
root_sh "tar, cp, chown, install" '
	mkdir s; cd s; echo a >a; chown 1:2 a; chmod 4755 a; mkdir d; chown 7:8 d; chmod 2770 d; mknod n c 1 5; chown 3:4 n; mknod b b 8 1; mkfifo f
	echo closed >z; chown 4 z; chmod 0 z; ln -s a l; list() { find . -printf "%P %y %m %U:%G\n" | LC_ALL=C sort; }
	list | tee ../list1; tar -cpf ../x.tar .; mkdir ../t; tar -xpf ../x.tar --same-owner -C ../t; (cd ../t && list) | diff ../list1 -
	cp -a ../s ../c; (cd ../c && list) | diff ../list1 -; cat ../c/z; test -b b -a -c n; stat -c %t,%T n; test -u a
	chown -R 12:34 ../c; find ../c -not -type l -not -type p -printf "%U:%G\n" | sort -u
	install -o www-data -g adm -m 640 z /usr/local/lib/zz; stat -c %U:%G:%a /usr/local/lib/zz; install -d -o 5 /opt/newdir; stat -c %u /opt/newdir'
has "owners" "$OUT" "a f 4755 1:2
b b 644 0:0
d d 2770 7:8
f p 644 "
has "owners" "$OUT" "n c 644 3:4
z f 0 4:0
closed
1,5
12:34
www-data:adm:640
5"
root_sh "devices that are made" 'mknod n c 1 3; echo x >n; cat n; mknod z c 1 5; chmod 666 z; su -s /bin/sh daemon -c "head -c 2 z" | od -An -tx1
	su -s /bin/sh daemon -c "echo >n" 2>/dev/null || echo closed; mknod none c 99 99; cat none 2>&1 | sed "s/.*: //"; cp -a z zz; head -c 1 zz | od -An -tx1; rm n z zz none'
is "devices that are made" "$OUT" " 00 00
closed
No such device or address
 00"
if command -v setcap >/dev/null && command -v setfattr >/dev/null; then
	root_sh "attributes that are root's" 'cp /bin/true p; setcap cap_net_raw+ep p; getcap p; setfattr -n trusted.one -v 1 p; cp -a p q; getcap q
		getfattr --only-values -n trusted.one q; echo; getfattr -d -m - q | grep -c ^user || true; su -s /bin/sh daemon -c "getfattr -m - p" | grep -c trusted || true
		setfattr -x trusted.one p; ! getfattr -n trusted.one p 2>/dev/null; "$PYTHON" -c "import os; print(os.listxattr(os.open(\"p\", 0)))"; rm p q'
	is "attributes that are root's" "$OUT" "p cap_net_raw=ep
q cap_net_raw=ep
1
0
0
['security.capability']"
	# as the kernel has it: to change what a file has in it, or whose it is, takes its capabilities away
	root_sh "capabilities of what is changed" 'for change in "echo >>p" "truncate -s 9 p" ": >p" "chown 3 p" "chgrp 3 p" "chmod 700 p" "ln p q"; do
		cp /bin/true p; setcap cap_net_raw+ep p; sh -c "$change"; getcap p | grep -q net_raw && echo "$change"; done; rm p q'
	is "capabilities of what is changed" "$OUT" "chmod 700 p
ln p q"
	if unshare -Ur true 2>/dev/null; then
		root_sh "attributes in a user namespace" 'touch p; for name in trusted.one security.one user.one; do unshare -r setfattr -n $name -v 1 p 2>/dev/null && echo $name; done
			setfattr -n trusted.two -v 1 p; unshare -r getfattr -m - p 2>/dev/null | grep -c trusted || true; unshare -r setcap cap_chown+p p; getcap p; rm p'
		is "attributes in a user namespace" "$OUT" "user.one
0
p cap_chown=p"
	fi
fi
if command -v setfacl >/dev/null; then
	root_sh "ACLs" 'mkdir acl; cd acl; echo text >f; chmod 600 f; su -s /bin/sh daemon -c "cat f" 2>/dev/null || echo closed; setfacl -m u:daemon:r f; chown 3:3 f
		su -s /bin/sh daemon -c "cat f"; stat -c %a:%u f; cp -a f g; getfacl -cn g | grep user:; setfacl -b f; stat -c %a f; rm f g'
	is "ACLs" "$OUT" "closed
text
640:3
user::rw-
user:1:r--
600"
fi
if command -v systemd-tmpfiles >/dev/null; then
	root_sh "systemd-tmpfiles" 'printf "d /run/um 0750 root adm -\nf /run/um/f 0600 root root - text\nL /run/um/l - - - - /etc\nc /run/um/null 0666 root root - 1:3\np /run/um/p\nz /run/um/f 0644 daemon\n" >t.conf
		systemd-tmpfiles --create "$PWD/t.conf"; cd /run/um; stat -c "%n %A %U:%G" . f null; cat f; readlink l'
	is "systemd-tmpfiles" "$OUT" ". drwxr-x--- root:adm
f -rw-r--r-- daemon:root
null crw-rw-rw- root:root
text/etc"
fi

# ---- installed by hand ----
cat >a.c <<'C'
#include <stdio.h>
int main(void)
{
	return puts("a tool") < 0;
}
C
printf 'all: a\na: a.c\n\tgcc -o a a.c\ninstall: a\n\tinstall -D -o root -g root a $(DESTDIR)/usr/local/bin/atool\n' >Makefile
root_sh "make install" 'make -s install; atool; make -s install DESTDIR=$PWD/dest; dest/usr/local/bin/atool; stat -c %U /usr/local/bin/atool
	update-alternatives --quiet --install /usr/bin/zz zz /usr/local/bin/atool 10; zz; update-alternatives --quiet --remove zz /usr/local/bin/atool; test ! -e /usr/bin/zz
	echo "int f(void) { return 1; }" | gcc -shared -x c -o /usr/local/lib/libumtest.so.1 -; ldconfig; ldconfig -p | grep -c libumtest'
is "make install" "$OUT" "a tool
a tool
root
a tool
1"
if command -v ssh-keygen >/dev/null; then
	root_sh "ssh-keygen -A" 'rm -f /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; stat -c %U:%a /etc/ssh/ssh_host_rsa_key'
	is "ssh-keygen -A" "$OUT" root:600
fi
if "$PYTHON" -c 'import setuptools, pip' 2>/dev/null; then
	mkdir -p w/umpk
	printf '[project]\nname="umpk"\nversion="1"\n[build-system]\nrequires=["setuptools"]\nbuild-backend="setuptools.build_meta"\n' >w/pyproject.toml
	echo 'print("a module")' >w/umpk/__init__.py
	root_sh "pip" "$PYTHON"' -m pip -q install --break-system-packages --no-index --no-build-isolation ./w 2>/dev/null; '"$PYTHON"' -c "import umpk"
		'"$PYTHON"' -m pip -q uninstall -y --break-system-packages umpk 2>/dev/null; ! '"$PYTHON"' -c "import umpk" 2>/dev/null'
	is "pip" "$OUT" "a module"
fi
if command -v npm >/dev/null; then
	mkdir np
	echo '{"name":"umnp","version":"1.0.0","bin":{"umnp":"i.js"}}' >np/package.json
	printf '#!/usr/bin/env node\nconsole.log("a script")\n' >np/i.js
	root_sh "npm -g" 'cd np; npm pack --silent >/dev/null; npm install --silent -g --offline ./umnp-1.0.0.tgz >/dev/null; umnp'
	is "npm -g" "$OUT" "a script"
fi

# ---- what the kernel does of owners, where the owner is ours to tell ----
cat >owners.py <<'PYTHON'
import os, socket, time
def as_other(f):
    pid = os.fork()
    if pid == 0:
        os.setgroups([]); os.setgid(65534); os.setuid(65534); f()
        os._exit(0)
    os.waitpid(pid, 0)
def mode(): return oct(os.stat("run").st_mode & 0o7777)
def write(): os.write(os.open("run", os.O_WRONLY), b"x")
open("run", "w").write("text")
for bits, what in ((0o6777, lambda: as_other(lambda: os.open("run", os.O_RDONLY))), (0o6777, lambda: as_other(write)), (0o6777, write),
                   (0o6777, lambda: as_other(lambda: os.truncate("run", 1))), (0o2767, lambda: as_other(write))):
    os.chmod("run", bits); what(); print(mode(), end=" ")
print()
os.mkdir("ours"); os.chmod("ours", 0o777)
as_other(lambda: socket.socket(socket.AF_UNIX).bind("ours/theirs"))
socket.socket(socket.AF_UNIX).bind("ours/socket")
print(os.stat("ours/socket").st_uid, os.stat("ours/theirs").st_uid, os.stat("ours/theirs").st_gid)
os.mkfifo("fifo"); os.symlink("x", "link")
for name in ("ours/socket", "fifo", "link"):
    before = os.lstat(name).st_ctime_ns
    while os.lstat(name).st_ctime_ns == before: os.chown(name, 5, 6, follow_symlinks=False)
    print(name, os.lstat(name).st_uid, os.lstat(name).st_gid)
PYTHON
root_sh "rights that a write takes away, sockets, times" '"$PYTHON" owners.py'
is "rights, sockets, times" "$OUT" "0o6777 0o777 0o6777 0o777 0o2767 
0 65534 65534
ours/socket 5 6
fifo 5 6
link 5 6"

# ---- packages ----
mkdir -p repo pkg/DEBIAN pkg/usr/bin pkg/etc pkg/var/lib/umtest
printf 'Package: umtest\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: a test\n' >pkg/DEBIAN/control
echo /etc/umtest.conf >pkg/DEBIAN/conffiles
cat >pkg/DEBIAN/postinst <<'S'
#!/bin/sh -e
adduser --quiet --system --group --home /var/lib/umtest umtest
chown umtest:umtest /var/lib/umtest
S
chmod 755 pkg/DEBIAN/postinst
echo a setting >pkg/etc/umtest.conf
printf '#!/bin/sh\necho a package\n' >pkg/usr/bin/umtest
chmod 755 pkg/usr/bin/umtest
dpkg-deb --root-owner-group -b pkg repo/umtest_1_all.deb >/dev/null
(cd repo && { dpkg-deb -f umtest_1_all.deb
	echo "Filename: ./umtest_1_all.deb"
	echo "Size: $(stat -c %s umtest_1_all.deb)"
	echo "SHA256: $(sha256sum umtest_1_all.deb | cut -d ' ' -f 1)"; } >Packages)
root_sh "dpkg" 'export DEBIAN_FRONTEND=noninteractive; dpkg -i repo/umtest_1_all.deb >/dev/null 2>&1; umtest; stat -c %U:%G /var/lib/umtest /usr/bin/umtest
	dpkg -V umtest; dpkg -r umtest >/dev/null; test ! -e /usr/bin/umtest; cat /etc/umtest.conf; dpkg -P umtest >/dev/null; test ! -e /etc/umtest.conf'
is "dpkg" "$OUT" "a package
umtest:umtest
root:root
a setting"
apt="apt-get -qq -o Dir::Etc::SourceList=$HERE/list -o Dir::Etc::SourceParts=/dev/null"
echo "deb [trusted=yes] file:$HERE/repo ./" >list
root_sh "apt-get" "export DEBIAN_FRONTEND=noninteractive; $apt update; $apt install -y umtest >/dev/null 2>&1; umtest; stat -c %U /var/lib/umtest
	dpkg -s umtest | grep Status; $apt purge -y umtest >/dev/null 2>&1; test ! -e /usr/bin/umtest"
is "apt-get" "$OUT" "a package
umtest
Status: install ok installed"
[ ! -e /usr/bin/umtest ] && [ ! -e /usr/local/bin/atool ] && ! id bob 2>/dev/null || fail "something came to the host"

# a layer that has it, used again
gives "a named layer" 0 um --root --cow=deb -- sh -c "PATH=/usr/sbin:/sbin:\$PATH dpkg -i repo/umtest_1_all.deb >/dev/null 2>&1"
gives "it is there again" 0 um --root --cow=deb -- sh -c "umtest; stat -c %U /var/lib/umtest"
has "it is there again" "$OUT" "a package
umtest"
gives "without --root" 0 um --cow=deb -- umtest
nothing_left
