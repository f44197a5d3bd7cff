# SPDX-License-Identifier: GPL-2.0-or-later
# need: dpkg-deb
set -e
mkdir -p p/DEBIAN p/usr/share/x; printf 'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: n <e@x>\nDescription: d\n' >p/DEBIAN/control; echo data >p/usr/share/x/f; SOURCE_DATE_EPOCH=1 dpkg-deb --root-owner-group -b p scratch.deb >/dev/null; dpkg-deb -c scratch.deb | awk '{print $1, $6}'; dpkg-deb -f scratch.deb Package; dpkg-deb -x scratch.deb out; cat out/usr/share/x/f
