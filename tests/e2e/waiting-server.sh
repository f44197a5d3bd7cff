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
nothing_left
