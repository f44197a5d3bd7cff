# SPDX-License-Identifier: GPL-2.0-or-later
# need: fakeroot
set -e
fakeroot sh -c 'id -u; mkdir d; echo x >d/f; chown 0:1 d/f; chown 33 d; mknod d/n c 1 3; chmod 4755 d/f; stat -c "%u %g %a %F" d d/f d/n; tar cf a.tar d; ls -ln d/f | cut -d" " -f1,3,4; cp -a d e; stat -c "%u %g" e/f; rm -r d; tar xpf a.tar; stat -c "%u %g %a %t" d/f d/n; install -o 5 -g 6 d/f g; stat -c "%u %g" g; find d -uid 0 -gid 1'
stat -c %F d/n; test "$(stat -c %u d/f)" = "$(id -u)" && echo mine
fakeroot -s scratch-s sh -c 'touch h; chown 7:8 h'; fakeroot -i scratch-s stat -c '%u %g' h
tar tvf a.tar | awk '{print $1, $2, $NF}'; rm a.tar
