# SPDX-License-Identifier: GPL-2.0-or-later
# need: busybox
set -e
busybox sh -c 'echo a >f; cat f; ls -l f | cut -c1-10; mkdir d; cp f d/g; mv d/g d/h; find . | sort; tar cf t.tar d; tar tf t.tar; rm -r d; tar xf t.tar; md5sum d/h; echo b | tee -a f; sed -i s/a/z/ f; cat f; stat -c %s f; ln -s f l; readlink l; du f >/dev/null'
rm -f t.tar
