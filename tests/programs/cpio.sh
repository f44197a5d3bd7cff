# SPDX-License-Identifier: GPL-2.0-or-later
# need: cpio
set -e
mkdir -p d/e; for i in $(seq 20); do seq $((i * 50)) >d/f$i; done; ln d/f1 d/h; ln -s f2 d/l; mkfifo d/p; chmod 751 d/e; chmod 640 d/f3
find d -depth | sort | cpio -o -H newc --quiet >a.cpio; cpio -it --quiet <a.cpio | wc -l; mkdir x; cd x; cpio -id --quiet <../a.cpio; stat -c '%h %A' d/f1 d/e d/f3 d/p; readlink d/l; cd ..; diff -r --no-dereference d x/d 2>&1 | grep -v fifo || true
find d -depth | sort | cpio -pdm --quiet y; stat -c %h y/d/h; cpio -i --to-stdout --quiet d/f2 <a.cpio | tail -1; find d -type f | sort | cpio -o -H crc --quiet | cpio -i --only-verify-crc --quiet && echo verified; tar cf t.tar --format=pax d; tar df t.tar && echo no difference; tar rf t.tar a.cpio; tar tf t.tar | tail -1; tar cf - --sparse d | tar xf - -C x --one-top-level=z; ls x/z/d | wc -l; tar cf l.tar -g scratch-snar d; echo new >d/new; tar cf m.tar -g scratch-snar d; tar tf m.tar | grep new; rm -f ./*.tar a.cpio
