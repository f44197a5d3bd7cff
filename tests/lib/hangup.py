# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a stopped job whose shell is killed: the kernel sends SIGHUP and SIGCONT to a
process group that is orphaned so, and the job, a view too, ends."""
import os
import signal
import sys
import time

from terminal import PATIENCE, Terminal

# Tells what it got, then ends as SIGHUP ends a process.
JOB = """
import os, signal, sys
def hangup(*_):
    with open(sys.argv[1], "w") as f:
        f.write("hangup")
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.raise_signal(signal.SIGHUP)
signal.signal(signal.SIGHUP, hangup)
os.write(1, b"job-%drea" % os.getpid() + b"dy\\n")
while True:
    signal.pause()
"""


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def until(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            print(f"FAILED: not so after {PATIENCE} s: {what}")
            sys.exit(1)
        time.sleep(0.02)
    print(f"ok: {what}", flush=True)


def shell(t):
    """The process id of the shell at the prompt."""
    t.line("echo =$$=")
    pid = int(t.expect("=([0-9]+)=").group(1))
    t.expect("> ")
    return pid


def stop_job(t, command):
    t.line(command)
    job = int(t.expect("job-([0-9]+)ready").group(1))
    t.type("\x1a")
    t.expect("Stopped")
    t.expect("> ")
    return job


def outer_shell(what, before, written):
    print(f"# {what}")
    t = Terminal(["/bin/bash", "--norc", "--noprofile", "-i"])
    t.expect("outer> ")
    job = stop_job(t, f"{before} $PYTHON job.py {written}")
    os.kill(shell(t), signal.SIGKILL)
    os.close(t.fd)
    os.waitpid(t.pid, 0)
    until(f"{what}: the job has ended", lambda: gone(job))


def inner_shell(what, before, written):
    print(f"# {what}")
    t = Terminal(["/bin/bash", "--norc", "--noprofile", "-i"])
    t.expect("outer> ")
    t.line(f"PS1='inner''> ' {before} bash --norc --noprofile -i")
    t.expect("inner> ")
    job = stop_job(t, f"$PYTHON job.py {written}")
    os.kill(shell(t), signal.SIGKILL)
    until(f"{what}: the job has ended", lambda: gone(job))
    t.expect("outer> ")
    t.line("exit")
    os.waitpid(t.pid, 0)


def main():
    with open("job.py", "w", encoding="utf-8") as f:
        f.write(JOB)
    outer_shell("natively", "", "native")
    outer_shell("around a view", "umview -m fs.img:mnt", "mnt/outer")
    inner_shell("an inner shell, natively", "", "native-inner")
    inner_shell("a shell in a view", "umview -m fs.img:mnt", "mnt/inner")


if __name__ == "__main__":
    main()
