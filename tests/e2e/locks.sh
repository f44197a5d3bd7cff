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

# the same by the structures of 32-bit programs, narrow and wide
cat >lock32.c <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void query(const char *what, int fd, int cmd)
{
	struct flock fl = { .l_type = F_WRLCK };

	if (fcntl(fd, cmd, &fl) < 0)
		perror(what);
	else
		printf("%s: %d %lld+%lld\n", what, fl.l_type, (long long)fl.l_start, (long long)fl.l_len);
	fflush(stdout);
}

int main(void)
{
	struct flock fl = { .l_type = F_WRLCK, .l_start = 5, .l_len = 10 };
	int fd = open("mnt/f", O_RDWR), behind = open("backing", O_RDWR);

	printf("lock: %d\n", fcntl(fd, F_SETLK, &fl));
	query("behind", behind, F_GETLK);
	if (fork() == 0) {
		query("another process", open("mnt/f", O_RDWR), F_GETLK);
		printf("and locks: %d\n", fcntl(fd, F_SETLK, &fl));
		return 0;
	}
	wait(NULL);
	fl.l_len = 4;
	fl.l_type = F_UNLCK;
	printf("unlock: %d\n", fcntl(fd, F_SETLKW, &fl));
	query("behind", behind, F_GETLK);
	return 0;
}
END
M32=(-m32 -idirafter /usr/include/x86_64-linux-gnu)
if gcc "${M32[@]}" -o narrow lock32.c 2>/dev/null && gcc "${M32[@]}" -D_FILE_OFFSET_BITS=64 -o wide lock32.c; then
	sed -i 's|.*locks.py.*|./narrow >seen; ./wide >>seen|' inside.sh
	gives "32-bit programs" 0 um bash inside.sh
	half="lock: 0
behind: 1 5+10
another process: 1 5+10
and locks: -1
unlock: 0
behind: 1 9+6"
	is "32-bit programs" "$(cat seen)" "$half
$half"
fi
nothing_left
