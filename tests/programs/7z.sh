# SPDX-License-Identifier: GPL-2.0-or-later
# need: 7z zstd lz4
set -e
mkdir -p d/e; for i in $(seq 20); do seq $((i * 50)) >d/f$i; done
7z a -bd -mmt2 a.7z d >/dev/null; 7z t a.7z | grep -c 'Everything is Ok'; 7z x -ox a.7z >/dev/null; diff -r d x/d && echo same; 7z l a.7z | tail -1 | awk '{print $(NF-1), $NF}'; echo new >d/f1; 7z u a.7z d >/dev/null; 7z e -so a.7z d/f1; 7z d a.7z d/f2 >/dev/null; 7z l a.7z | grep -c f2$ || true; 7z a -v20k -mx0 v.7z d >/dev/null; ls v.*; 7z a -ppw -mhe p.7z d/f3 >/dev/null; 7z e -pno -so p.7z 2>/dev/null || echo $?
zstd -q -T2 -k d/f20; zstd -q -d -c d/f20.zst | cmp - d/f20 && echo same; zstd -q --train d/f* -o scratch-dict 2>/dev/null || true; lz4 -q -k d/f20 d/f20.lz4; lz4 -q -d -c d/f20.lz4 | cmp - d/f20 && echo same; rm -f ./*.7z* d/*.zst d/*.lz4
