# SPDX-License-Identifier: GPL-2.0-or-later
# need: find xargs
set -e
for i in $(seq 40); do mkdir -p d$((i % 5))/e; echo $i >d$((i % 5))/e/f$i; done
find . -type f | wc -l; find . -name 'f1*' | sort | head -3; find . -type f -print0 | xargs -0 cat | sort -n | tail -1; find . -type d | sort; find . -newer d0/e/f5 -type f | wc -l >/dev/null
find . -name f7 -delete; find . -name 'f*' -exec grep -l 13 {} +; find d1 -depth | tail -1; find . -perm 644 | wc -l; find . -empty; rm -rf d2; ls
