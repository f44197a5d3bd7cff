# SPDX-License-Identifier: GPL-2.0-or-later
# Who waits for a change of what is mounted (poll of /proc/self/mounts) is woken, as by the kernel.
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
need findmnt

[ "$(unshare -Urm true 2>&1)" = "" ] || skip "no user namespaces here"
mkdir there here
cat >wait.py <<'PYTHON'
import os, select, subprocess, sys
mount, umount = sys.argv[1].split(), sys.argv[2].split()
for name in '/proc/self/mounts', '/proc/self/mountinfo':
    fd = os.open(name, os.O_RDONLY)
    ep = select.epoll()
    ep.register(fd, select.EPOLLPRI)
    print(len(ep.poll(0)), end=' ')
    for command in mount, umount:
        subprocess.run(command, check=True)
        print([(f == fd, e == select.EPOLLPRI | select.EPOLLERR) for f, e in ep.poll(20)],
              len(ep.poll(0)), end=' ')
        os.lseek(fd, 0, os.SEEK_SET)
        text = b''
        while more := os.read(fd, 100):
            text += more
        print(b'/there ' in text, os.pread(fd, 20, 10) == text[10:30], end=' ')
    p = select.poll()
    p.register(fd, select.POLLPRI)
    subprocess.run(mount, check=True)
    print(p.poll(20000) == [(fd, select.POLLPRI | select.POLLERR)], end=' ')
    subprocess.run(umount, check=True)
    print(fd in select.select([], [], [fd], 20)[2])
    seen, shown = os.fstat(fd), os.stat(name)
    assert (seen.st_ino, seen.st_dev, seen.st_mode) == (shown.st_ino, shown.st_dev, shown.st_mode)
    assert os.readlink('/proc/self/fd/%d' % fd).endswith(os.path.basename(name))
    # whoever inherits it, and a copy at a number where read(2) is not caught
    os.lseek(fd, 0, os.SEEK_SET)
    text = os.read(fd, 1 << 20)
    os.lseek(fd, 0, os.SEEK_SET)
    assert subprocess.run(['cat'], stdin=fd, capture_output=True, check=True).stdout == text
    os.lseek(fd, 5, os.SEEK_SET)
    if os.fork() == 0:
        os._exit(0 if os.read(fd, 5) == text[5:10] else 1)
    assert os.wait()[1] == 0 and os.lseek(fd, 0, os.SEEK_CUR) == 10
PYTHON
want="0 [(True, True)] 0 True True [(True, True)] 0 False True True True"
is "a mount made by umctl" "$(um --tmpfs "$HERE/here" -- "$PYTHON" wait.py \
	"umctl mount -t tmpfs none $HERE/there" "umctl umount $HERE/there" 2>&1)" "$want
$want"
is "a mount by root, the first of the view" "$(um --root -- "$PYTHON" wait.py \
	"mount -t tmpfs none $HERE/there" "umount $HERE/there" 2>&1)" "$want
$want"
is "a mount of the kernel's" "$(unshare -Urm umview --tmpfs "$HERE/here" -- "$PYTHON" wait.py \
	"mount -t tmpfs none $HERE/there" "umount $HERE/there" 2>&1)" "$want
$want"
um --tmpfs "$HERE/here" -- sh -c 'cp /proc/self/mounts copied; cat /proc/mounts >cat; cat cat | tail -n 1; tail -n 1 copied' >tables
is "copied by programs that have faster ways than read(2)" "$(grep -c "^tmpfs $HERE/here tmpfs" tables)" 2
cat >findmnt.sh <<'SHELL'
findmnt --poll=umount --first-only -n -r -o ACTION,TARGET >told &
while kill -0 $! 2>/dev/null; do
	mount -t tmpfs none there
	umount there
done
SHELL
um --root -- bash findmnt.sh
is "findmnt --poll" "$(cat told)" "umount $HERE/there"
nothing_left
