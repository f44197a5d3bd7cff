# SPDX-License-Identifier: GPL-2.0-or-later
# need: ps setsid
set -e
exec 2>scratch-killed # names processes by number
sh -c 'exit 5' || echo $?; sh -c 'kill -9 $$' 2>/dev/null || echo $?; (sleep 0.2; echo late) & wait; setsid -w sh -c 'echo in a session'; nohup true 2>/dev/null; env -i /bin/sh -c 'echo $PWD' | wc -l; nice -n 5 sh -c nice; ps -o comm= -p $$ ; ps -o args= -p $$ | sed 's,/.*/,,'
cat /proc/self/comm; readlink /proc/self/exe; tr '\0' ' ' </proc/self/cmdline; echo; ls /proc/self/fd | wc -l; readlink /proc/$$/cwd | sed 's,.*/\(mnt/w\|native\|idle\|elsewhere\)$,HERE,'; grep -c . /proc/self/maps | grep -q . && echo maps; yes | head -2; seq 100000 | tail -1; timeout -s KILL 0.2 sleep 9 || echo $?; mkfifo p; cat p & echo x >p; wait; rm p
for i in $(seq 40); do /bin/true & done; wait; echo all; ulimit -c; exec 9>lock; flock -n 9 && echo locked; flock -n lock true || echo taken
