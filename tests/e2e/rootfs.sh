# SPDX-License-Identifier: GPL-2.0-or-later
# Another system's tree as the root: busybox with a program of another libc, and a tree of Debian packages in which the
# shell, the package manager and the compiler work.
# timeout: 300
. "$TOP/tests/e2e/lib.sh"
need busybox musl-gcc gcc dpkg-deb

# ---- busybox and musl ----
mkdir -p b/bin b/proc b/dev b/sys b/etc b/tmp b/lib b/mnt
cp "$(command -v busybox)" b/bin/busybox
for name in sh ls cat pwd id chown mount umount touch readlink stat head; do ln -s busybox "b/bin/$name"; done
echo 'root:x:0:0::/:/bin/sh' >b/etc/passwd
: >b/etc/resolv.conf
cat >m.c <<'C'
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char exe[99];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n < 0 ? 0 : n] = '\0';
	return printf("%d %s %s\n", argc, argv[0], exe) < 0;
}
C
musl-gcc -o b/bin/m m.c
cp -L "$(readelf -l b/bin/m | sed -n 's/.*interpreter: \(.*\)]/\1/p')" b/lib/
gives "busybox" 0 um --rootfs b -- sh -ec 'pwd; ls /; cat /etc/passwd; echo new >/tmp/f; cd tmp; pwd; readlink -f ../bin/sh; ls ..//tmp'
is "busybox" "$OUT" "/
bin
dev
etc
lib
mnt
proc
sys
tmp
root:x:0:0::/:/bin/sh
/tmp
/bin/busybox
f"
is "it is a file of the tree" "$(cat b/tmp/f)" new
gives "the host is not there" 1 um --rootfs b -- ls "$HERE/b"
gives "the host's basics" 0 um --rootfs b --host-basics -- sh -ec '
	m one; /bin/m; head -n 1 /proc/self/status; echo x >/dev/null; stat -c %t,%T /dev/null; cd /proc/self; cd ../..; pwd
	ls /proc/self/root/ | head -n 1; cat /proc/self/root/etc/passwd; readlink /proc/self/exe; cd /proc; ls /sys >/dev/null; ls -d ../tmp'
is "the host's basics" "$OUT" "2 m /bin/m
1 /bin/m /bin/m
Name:	head
1,3
/
bin
root:x:0:0::/:/bin/sh
/bin/busybox
../tmp"
if unshare -Urmpf --mount-proc true 2>/dev/null; then
	for way in "--rootfs /" "--rootfs / --host-basics"; do
		# shellcheck disable=SC2086
		gives "/proc in namespaces of a guest's own, $way" 0 um $way -- unshare -Urmpf --mount-proc sh -ec '
			[ "$(exec readlink /proc/self)" != $$ ]; cd /proc/self; [ "$(pwd -P)" = /proc/$$ ]; cat uid_map
			unshare -m sh -c "mount -t tmpfs x /mnt; echo a >/mnt/a; ls /mnt"; ls /proc/1/fd >/dev/null; ls -d /proc/self/root/proc'
		is "/proc in namespaces of a guest's own, $way" "$(tr -s ' ' <<<"$OUT")" " 0 $(id -u) 1
a
/proc/self/root/proc"
	done
fi
gives "its mounts" 0 um --rootfs b --host-basics -- sh -c '
	while read -r _ name _; do stat "$name" >/dev/null && [ "$name" = / ] && echo root; done </proc/mounts
	while read -r id up _ _ name _; do [ "$name" != /proc ] || echo "$name"; done </proc/self/mountinfo'
is "its mounts" "$OUT" "root
/proc"
gives "without a /proc of its own" 0 um --rootfs b -- sh -c 'cat /proc/mounts /proc/self/maps /proc/self/status 2>/dev/null || ls /proc'
is "without a /proc of its own" "$OUT" ""
gives "with mounts of the host" 0 um --rootfs b --bind m.c:/mnt/../etc/resolv.conf --tmpfs /mnt -- sh -ec '
	head -n 1 /etc/resolv.conf; touch /mnt/x; ls /mnt'
is "with mounts" "$OUT" "#include <stdio.h>
x"
gives "as its root" 0 um --root --rootfs b --host-basics -- sh -c '
	id -u; chown 0:0 /tmp/f; umount / 2>/dev/null || echo stays; umount /proc 2>/dev/null || echo stays; head -n 1 /proc/self/comm'
is "as its root" "$OUT" "0
stays
stays
head"
gives "with rules" 0 um --rootfs b --host-basics --ro / --rw /tmp --hide /etc/passwd -- sh -c '
	touch /etc/x 2>/dev/null || echo refused; touch /tmp/y && ls /tmp /etc; cat /etc/passwd 2>/dev/null; echo x >/dev/null && echo dev'
is "with rules" "$OUT" "refused
/etc:
resolv.conf

/tmp:
f
y
dev"
gives "the shell of the tree by default" 0 um --dry-run --rootfs b --host-basics
is "the plan" "$(echo "$OUT" | tail -n 2)" "/etc/resolv.conf is the host's
run /bin/sh"
gives "basics of nothing" 125 um --host-basics -- true
gives "no such folder" 125 um --rootfs nothing -- true

# ---- whose its files are, said in the tree itself ----
cp -a b 'a,b:c'
LOOK='cd /t; stat -c "%n %u:%g %a %F %t,%T" *; cat o; busybox echo z >n; busybox wc -c <n'
gives "root gives files away" 0 um --root --rootfs 'a,b:c' -- sh -ec 'busybox mkdir -p /t/p; cd /t; echo o >o; chown 3:4 o; busybox chmod 4750 o
	busybox mknod n c 1 3; chown 5:6 p; busybox chmod 0 p; touch p/in; chown 7:8 p/in; busybox ln -s o l'
gives "the next one sees it" 0 um --root --rootfs 'a,b:c' -- sh -ec "$LOOK"
is "the next one sees it" "$OUT" "l $(id -u):$(id -g) 777 symbolic link 0,0
n 0:0 644 character special file 1,3
o 3:4 4750 regular file 0,0
p 5:6 0 directory 0,0
o
0"
is "as containers/storage keeps it" "$(getfattr --only-values -n user.containers.override_stat 'a,b:c/t/o')" 3:4:4750
gives "in a layer over it" 0 um --root --rootfs 'a,b:c' --cow -- stat -c "%u:%g %a" /t/o /t/p/in
is "in a layer over it" "$(grep -v ^umview: <<<"$OUT")" "3:4 4750
7:8 644"
gives "a bind of it" 0 um --root --bind 'a\,b\:c:'"$PWD/b/mnt,owners" -- stat -c "%u:%g %a" b/mnt/t/o
is "a bind of it" "$OUT" "3:4 4750"
gives "a bind of it where nothing is" 0 um --root --bind 'a\,b\:c:/made/here,owners' -- stat -c "%u:%g %a" /made/here/t/o
is "a bind of it where nothing is" "$OUT" "3:4 4750"
gives "its top is listed" 0 um --root --rootfs 'a,b:c' -- busybox ls -a /
is "its top is listed" "$OUT" "$(LC_ALL=C ls -a 'a,b:c')"
setfattr -n user.containers.override_stat -v 0:0:0755 'a,b:c'
gives "who is not root" 0 um --rootfs 'a,b:c' -- sh -c 'stat -c "%u:%g %a" / /t/o; cat /t/o || touch /t/new || ls /t/p || touch /tmp/own; ls /tmp'
is "who is not root" "$(grep -v denied <<<"$OUT")" "0:0 755
3:4 4750
f
own
y"
# others use it at the same time, and outside of views
mkfifo 'a,b:c/hold'
um --root --rootfs 'a,b:c' -- sh -ec 'busybox mkdir -p /t/d/e; ls /t/d/e; touch /tmp/ready; read -r x </hold; cat /t/moved/e/f; stat -c %u /t/o
	ls -d /t/d 2>/dev/null || echo gone' >first 2>&1 &
until_true 60 test -e 'a,b:c/tmp/ready'
mv 'a,b:c/t/d' 'a,b:c/t/moved'
gives "a second view" 0 um --root --rootfs 'a,b:c' -- sh -ec 'echo second >/t/moved/e/f; chown 9:9 /t/o; echo >/hold'
wait $! || fail "the first: $(cat first)"
is "both see what the other does" "$(cat first)" "second
9
gone"

# ---- Debian packages ----
export LC_ALL=C
pkgs='dash bash coreutils libc6 libc6-dev gcc-12 cpp-12 libgcc-12-dev libgcc-s1 binutils binutils-x86-64-linux-gnu dpkg tar sed grep debianutils diffutils libc-bin'
files() {
	for p in $pkgs; do dpkg -L "$p" 2>/dev/null || true; done
	ldd /bin/bash /usr/bin/dpkg /usr/bin/dpkg-deb /bin/tar /bin/ls /usr/lib/gcc/x86_64-linux-gnu/12/cc1 /usr/bin/as \
		/usr/bin/ld /bin/sed /bin/grep | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p;s/^\t\(\/[^ ]*\).*/\1/p' |
		while read -r f; do echo "$f"; readlink -f "$f"; done
}
files | grep -v '/share/\(doc\|man\|locale\|info\)' | sed 's,^/\(lib\|bin\|sbin\|lib64\)/,/usr/\1/,' | sort -u |
	while read -r f; do { [ -f "$f" ] || [ -L "$f" ]; } && echo "$f"; done >list || true
mkdir -p d/tmp d/proc d/dev d/sys d/etc d/root d/var/lib/dpkg/updates d/var/lib/dpkg/info
tar -cf - -T list 2>/dev/null | tar -xf - -C d
for l in bin sbin lib lib64; do [ -e d/$l ] || ln -s usr/$l d/$l; done
[ -e d/usr/bin/sh ] || ln -s dash d/usr/bin/sh
: >d/var/lib/dpkg/status
cat >d/root/p.c <<'C'
#include <stdio.h>
int main(void)
{
	return puts("compiled here") < 0;
}
C
gives "the compiler" 0 um --rootfs d --host-basics -- bash -ec 'cd /root; gcc-12 -O2 -o p p.c; ./p; ls -l /root | wc -l'
is "the compiler" "$OUT" "compiled here
3"
gives "the package manager" 0 um --root --rootfs d --host-basics -- bash -ec '
	export TMPDIR=/tmp PATH=/usr/sbin:/usr/bin; mkdir -p /root/pkg/DEBIAN /root/pkg/usr/bin; cd /root
	printf "Package: own\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: own\n" >pkg/DEBIAN/control
	printf "#!/bin/sh\necho set up\n" >pkg/DEBIAN/postinst; chmod 755 pkg/DEBIAN/postinst
	printf "#!/bin/sh\necho own program\n" >pkg/usr/bin/own; chmod 755 pkg/usr/bin/own
	dpkg-deb -b pkg own.deb >/dev/null; dpkg --force-script-chrootless -i own.deb; own; dpkg -s own | grep Status'
has "it is set up" "$OUT" "set up
own program
Status: install ok installed"

# ---- and nothing of it changes ----
export XDG_STATE_HOME=$HERE/state
sum() {
	(cd d && find . -printf '%P %y %m %s %T@ %n %l\n' | LC_ALL=C sort && find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2) | sha256sum
}
before=$(sum)
mkdir d/var/log
: >d/etc/resolv.conf
cat >d/root/open.c <<'C'
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void)
{
	int fd = open("/var/new", O_RDWR | O_CREAT | O_EXCL, 0);
	struct stat st;
	char link[99] = "";

	return fd < 0 || fchown(fd, 5, 6) < 0 || fchmod(fd, 04711) < 0 || fstat(fd, &st) < 0 ||
	       readlink("/proc/self/fd/3", link, sizeof(link)) < 0 ||
	       printf("%d:%d %o %s\n", st.st_uid, st.st_gid, st.st_mode, link) < 0;
}
C
before=$(sum)
gives "copy on write" 0 um --root --rootfs d --host-basics --cow=x -- bash -ec '
	export TMPDIR=/tmp PATH=/usr/sbin:/usr/bin; cd /root; dpkg -r --force-script-chrootless own >/dev/null 2>&1; ls /usr/bin/own 2>/dev/null || echo gone
	dpkg --force-script-chrootless -i own.deb >/dev/null; own; stat -c %a /usr/bin/own; cat /etc/resolv.conf >/dev/null; stat -c %n /etc/resolv.conf
	gcc-12 -o open open.c; ./open; stat -c "%u:%g %a" /var/new; chown -R 7:8 /root; stat -c %u:%g /root/p.c; rm -r /usr/share /lib64/../etc/init.d 2>/dev/null || true; ls -d /usr/share 2>/dev/null || echo removed'
is "copy on write" "$(printf '%s\n' "$OUT" | grep -v ^umview:)" "gone
own program
755
/etc/resolv.conf
5:6 104711 /var/new
5:6 4711
7:8
removed"
is "the tree" "$(sum)" "$before"
gives "the layer again" 0 um --root --rootfs d --host-basics --cow=x -- bash -c 'stat -c "%u:%g %a" /var/new; ls -d /usr/share 2>/dev/null || echo removed'
has "the layer again" "$OUT" "5:6 4711
removed"
nothing_left
