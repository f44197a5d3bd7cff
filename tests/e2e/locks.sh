# SPDX-License-Identifier: GPL-2.0-or-later
# Locks that a server keeps (FUSE_POSIX_LOCKS, FUSE_FLOCK_LOCKS), seen from both sides. But for the locks of
# open files, which the kernel does not give back at their close, this is what its own mount of the same
# server shows.
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
SERVER=$TOP/build-check/tests/server-locks
[ -x "$SERVER" ] || skip "no libfuse3-dev here"
mkdir mnt
: >backing
export SERVER

cat >inside.sh <<'INSIDE'
set -eu
"$SERVER" "$PWD/backing" -f mnt 2>requests &
until grep -q " $PWD/mnt " /proc/self/mounts; do sleep 0.05; done
"$PYTHON" "$TOP/tests/lib/locks.py" >seen
umount mnt
wait
INSIDE
gives "the server" 0 um bash inside.sh
cat >wanted <<'WANTED'
lock: ok
behind, the same: write 0+10
behind, the rest: free
another process: EAGAIN
it asks: write 0+10
it asks for the rest: free
again, shared: ok
behind: read 0+10
unlock a part: ok
behind: read 4+6
after a close of the file: free
for writing, by a reader: EBADF
held behind: EAGAIN
waiting for it: EINTR
who waited has it, and ends: 7
nothing is left of them: free
of one that will be killed: write 0+10
after its end: free
flock: ok
behind: EAGAIN
another open: EAGAIN
behind, of a copy: EAGAIN
shared: ok
both: ok
behind, shared: ok
one is left: EAGAIN
none is left: ok
held behind: EAGAIN
which leaves nothing: EAGAIN
and free again: ok
unlocked: ok
open file's: ok
behind: write 0+10
another open file's: EAGAIN
closed: free
WANTED
is "what was seen" "$(cat seen)" "$(cat wanted)"
has "the server heard of closes" "$(cat requests)" "flush of an owner"
nothing_left
