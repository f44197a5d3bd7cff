# SPDX-License-Identifier: GPL-2.0-or-later
# need: apt-get dpkg-deb dpkg-scanpackages gzip
# A repository of its own, which apt reads by "copy:": no network is needed.
set -e
mkdir -p repo p/DEBIAN p/usr/share/x etc/apt.conf.d etc/preferences.d etc/trusted.gpg.d state/lists/partial cache/archives/partial
: >state/status
for v in 1 2; do printf 'Package: x\nVersion: %s\nArchitecture: all\nMaintainer: n <e@x>\nDescription: d\n' $v >p/DEBIAN/control; echo "data $v" >p/usr/share/x/f; SOURCE_DATE_EPOCH=1 dpkg-deb --root-owner-group -b p repo/x_${v}_all.deb >/dev/null; done
(cd repo; dpkg-scanpackages -m . 2>/dev/null | gzip -9n >Packages.gz; zcat Packages.gz | grep -c ^Package)
echo "deb [trusted=yes] copy:$PWD/repo ./" >etc/sources.list
apt="-qq -o Dir=$PWD -o Dir::Etc=$PWD/etc -o Dir::Etc::sourceparts=/nonexistent -o Dir::State=$PWD/state -o Dir::State::status=$PWD/state/status -o Dir::Cache=$PWD/cache -o APT::Sandbox::User= -o Debug::NoLocking=1 -o APT::Get::List-Cleanup=0"
apt-get $apt update; apt-cache $apt policy x | sed -n '2,3p'; apt-cache $apt show x | grep ^Version; apt-get $apt -s install x | grep ^Inst
mkdir got; cd got; apt-get $apt download x; apt-get $apt download x=1; for f in *.deb; do dpkg-deb --fsys-tarfile $f | tar xO ./usr/share/x/f; done; ls; cd ..; apt-get $apt download nothere 2>&1 | head -1; rm -rf state cache etc/sources.list
