# SPDX-License-Identifier: GPL-2.0-or-later
# A server that waits in select(2), poll(2) or epoll(7), not in read(2), reads ENODEV too when its mount has gone.
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
mkdir mnt
for how in select poll epoll; do
	gives "$how" 0 um bash -c '
		"$PYTHON" "$TOP/tests/lib/waiting_server.py" "$1" "$PWD/mnt" & pid=$!
		until grep -q " $PWD/mnt " /proc/self/mounts && test -d mnt; do sleep 0.05; done
		umount mnt
		wait $pid' sh "$how"
	is "what it reads" "$OUT" "$how ENODEV"
done
# one that ends instead is its parent's at once
cat >hup.sh <<'SHELL'
mkfifo said
"$PYTHON" "$TOP/tests/lib/waiting_server.py" hup "$PWD/mnt" >said & pid=$!
exec <said
until grep -q " $PWD/mnt " /proc/self/mounts && test -d mnt; do sleep 0.05; done
umount mnt
read -r line
began=$(date +%s%N)
wait $pid
echo "$line $((($(date +%s%N) - began) / 1000000 < 3000))"
SHELL
gives "hup" 0 um bash hup.sh
is "hup, and whether it was waited for in vain" "$OUT" "hup 1"
nothing_left
