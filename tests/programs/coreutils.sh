# SPDX-License-Identifier: GPL-2.0-or-later
set -e
seq 1000 >n; sort -rn n | head -2; tail -1 n; wc n; md5sum n; split -l 300 n s.; ls s.*; cat s.* | cmp - n; tac n | head -1
cp -a n c; cp --sparse=always n sp; mv c d; ln d e; ln -s e f; stat -c '%h %s %A' d; readlink f; realpath f | sed 's,.*/,,'
mkdir -p a/b/c; touch -d 2001-02-03T04:05:06 a/b/x; stat -c %Y a/b/x; rmdir a/b/c; chmod 640 n; stat -c %a n; truncate -s 5000 t; stat -c '%s %b' t >/dev/null
dd if=n of=q bs=100 count=3 seek=2 conv=notrunc status=none; cksum q; comm -12 <(sort n) <(sort q 2>/dev/null) 2>/dev/null | wc -l
install -m 755 n bin; test -x bin && echo x; shred -u bin; test -e bin || echo gone; mktemp -u scratchXXX >/dev/null; df . >/dev/null; sync; sync d; ls -laR . >/dev/null; du -sb n | cut -f1
timeout 1 sleep 5 || echo $?; tee x y <n >/dev/null; cmp x y; join x y | wc -l; od -c n | head -2; fold -w 3 n | wc -l; shuf -n 3 n | wc -l; expand n >/dev/null; ls --color=never -F | head -3; rm -rf a; mkfifo p; (echo fifo >p &) ; cat p; rm p
