# SPDX-License-Identifier: GPL-2.0-or-later
# need: fuser pgrep pkill killall lsof pstree
set -e
name=um$$x; cp "$(command -v sleep)" scratch-sleep; mkdir scratch-bin; cp scratch-sleep scratch-bin/$name
exec 7>openfile; pid=$$; fuser openfile 2>/dev/null | grep -qw $pid && echo fuser; fuser none 2>/dev/null || echo $?; lsof -t openfile | grep -qx $pid && echo lsof; exec 7>&-; fuser openfile 2>/dev/null || echo closed
scratch-bin/$name 100 & a=$!; scratch-bin/$name 100 & b=$!
for i in $(seq 100); do [ "$(pgrep -c -x $name)" = 2 ] && break; sleep 0.05; done
pgrep -x $name | wc -l; pgrep -f "$name 100" -P $$ | wc -l; fuser scratch-bin/$name 2>/dev/null | wc -w; pkill -x -n $name; wait $b 2>/dev/null || echo $?; killall -q $name; wait $a 2>/dev/null || echo $?; pgrep -x $name || echo $?; killall -q $name || echo $?
(cd scratch-bin; exec sleep 100) & c=$!; for i in $(seq 100); do fuser scratch-bin 2>/dev/null | grep -qw $c && break; sleep 0.05; done; fuser scratch-bin 2>/dev/null | wc -w; pidof -s sleep >/dev/null && echo pidof; ps -o comm= --ppid $$ | grep -c sleep; pstree -A $$ | grep -c sleep >/dev/null && echo tree; kill $c; wait $c 2>/dev/null || true; timeout 5 top -b -n 1 -p $$ | tail -1 | awk '{print $NF}'; free >/dev/null; uptime >/dev/null; w -h >/dev/null; vmstat >/dev/null; pmap $$ | tail -1 | awk '{print $1}'; pwdx $$ | sed 's,.*/,,' | grep -c .
