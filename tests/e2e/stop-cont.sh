# SPDX-License-Identifier: GPL-2.0-or-later
# A SIGSTOP that SIGCONT takes away before it was seen is nothing that a call which waits tells the program (EINTR).
. "$TOP/tests/e2e/lib.sh"
ext4_image fs.img 8M
mkdir mnt
cat >stop.py <<'PYTHON'
import ctypes, os, signal, time
libc = ctypes.CDLL(None, use_errno=True)  # Python's own open(2) is made again after EINTR
os.mkfifo("mnt/fifo")
pid = os.fork()
if pid == 0:
    fd = libc.open(b"mnt/fifo", os.O_RDONLY)
    if fd < 0:
        os._exit(ctypes.get_errno())
    os._exit(0 if os.read(fd, 10) == b"through" else 1)
# it looks for signals every few milliseconds: for as long, by turns, there is one, and none
end = time.monotonic() + 4
while time.monotonic() < end and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
    os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)
signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
signal.alarm(30)
try:
    fd = os.open("mnt/fifo", os.O_WRONLY | os.O_NONBLOCK)
    os.write(fd, b"through")
except OSError as e:
    print(e)
print("ended with", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
gives "stopped and continued" 0 um -m "fs.img:$HERE/mnt" -- "$PYTHON" stop.py
is "the open waited, and then was done" "$OUT" "ended with 0"
nothing_left
