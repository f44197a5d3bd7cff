# SPDX-License-Identifier: GPL-2.0-or-later
# need: dpkg-buildpackage fakeroot gcc make xz
# timeout: 150
set -e
export DEB_BUILD_OPTIONS=nocheck SOURCE_DATE_EPOCH=1577836800 LC_ALL=C
mkdir -p hello-1.0/debian/source; cd hello-1.0
printf '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n' >hello.c; printf 'hello: hello.c\n\t$(CC) $(CFLAGS) -o $@ $<\n' >Makefile
printf 'hello (1.0) unstable; urgency=low\n\n  * First.\n\n -- n <e@x>  Wed, 01 Jan 2020 00:00:00 +0000\n' >debian/changelog
printf 'Source: hello\nMaintainer: n <e@x>\nSection: misc\nPriority: optional\nStandards-Version: 4.6.0\n\nPackage: hello-x\nArchitecture: any\nDescription: says it\n At length.\n' >debian/control; echo '3.0 (native)' >debian/source/format
cat >debian/rules <<'X'
#!/usr/bin/make -f
build build-arch build-indep:
	$(MAKE) -s CFLAGS=-O1
clean:
	rm -rf hello debian/tmp debian/files
binary binary-arch: build
	install -D -o root -g root hello debian/tmp/usr/bin/hello
	mkdir -p debian/tmp/DEBIAN
	dpkg-gencontrol
	dpkg-deb --root-owner-group -b debian/tmp ..
binary-indep:
.PHONY: build build-arch build-indep clean binary binary-arch binary-indep
X
chmod +x debian/rules
dpkg-buildpackage -d -us -uc -rfakeroot >../scratch-log 2>&1 || cat ../scratch-log
cd ..; ls; dpkg-deb -c hello-x_1.0_*.deb | awk '{print $1, $2, $6}'; dpkg-source --no-check -x hello_1.0.dsc scratch-x >/dev/null; ls scratch-x; tar tf hello_1.0.tar.xz | sort | head -3; dpkg-deb -x hello-x_1.0_*.deb out; out/usr/bin/hello; dpkg-deb -f hello-x_1.0_*.deb Package Version; dpkg-parsechangelog -l hello-1.0/debian/changelog -S Version; mv hello_1.0_*.buildinfo hello_1.0_*.changes scratch-x; rm -rf hello-1.0/hello hello-1.0/debian/files
