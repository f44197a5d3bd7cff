# SPDX-License-Identifier: GPL-2.0-or-later
# need: flock
set -e
flock f echo first; (flock -n 9 || exit 1; flock -n f true || echo "taken $?"; flock -n -E 7 f true || echo "taken $?"; flock -s -n f true || echo "shared too $?") 9>f
(flock -s 8; flock -s -n f echo both; flock -n f true || echo "not alone") 8<f
: >n; for i in 1 2 3 4 5 6; do (for j in $(seq 10); do flock lock sh -c 'n=$(wc -l <n); echo $n >>n'; done) & done; wait; wc -l <n; sort -n n | uniq -d | wc -l
mkfifo p; flock -F f sh -c 'echo ready >p; exec sleep 100' & read -r x <p; echo "$x"; flock -w 0.2 f true || echo "no $?"; kill $!; wait $! 2>/dev/null || true; flock -w 20 f echo free; flock d true 2>/dev/null; mkdir e; flock e echo directory; grep -c . /proc/locks >/dev/null || true; rm p
