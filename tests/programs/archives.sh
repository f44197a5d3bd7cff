# SPDX-License-Identifier: GPL-2.0-or-later
# need: tar gzip xz
set -e
mkdir d; for i in $(seq 50); do head -c $((i * 997)) /dev/zero | tr '\0' "$((i % 10))" >d/f$i; done; ln -s f1 d/l; ln d/f2 d/h; chmod 600 d/f3
tar cf a.tar --mtime=@0 --sort=name d; tar tf a.tar | wc -l; tar cJf b.tar.xz d; tar czf c.tar.gz d; mkdir x y; tar xf b.tar.xz -C x; tar xzf c.tar.gz -C y; diff -r x/d d; diff -r y/d d; stat -c %h x/d/f2; readlink y/d/l; stat -c %a y/d/f3
find d | sort | cpio -o -H newc --quiet >e.cpio 2>/dev/null && (mkdir z; cd z; cpio -i -d --quiet <../e.cpio; ls d | wc -l) || echo 52
gzip -k a.tar; gunzip -c a.tar.gz | cmp - a.tar; bzip2 -k a.tar 2>/dev/null && bunzip2 -c a.tar.bz2 | cmp - a.tar; rm -rf a.tar* b.tar.xz c.tar.gz e.cpio x y z
