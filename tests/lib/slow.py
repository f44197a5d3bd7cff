# SPDX-License-Identifier: GPL-2.0-or-later
"""What a slow server's callers see, in the mount `mnt` of tests/servers/slow.c; $SLOW_GO makes it answer."""
import os
import signal
import subprocess
import sys
import time

GO = os.environ["SLOW_GO"]
ticks = 0


def tick(_sig, _frame):
    global ticks
    ticks += 1


def log():
    try:
        with open(os.environ["SLOW_LOG"], encoding="ascii") as f:
            return f.read().splitlines()
    except FileNotFoundError:
        return []


def start(*args):
    return subprocess.Popen([sys.executable, "-c", *args], stderr=subprocess.DEVNULL)


def asleep(p, line=None, before=0):
    """p waits in a call that the server has been asked for, as `line` of its log says (it had `before` of them)."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with open(f"/proc/{p.pid}/stat", encoding="ascii") as f:
            state = f.read().rpartition(")")[2].split()[0]
        if state == "S" and (line is None or log().count(line) > before):
            return True
        time.sleep(0.01)
    return False


def killed(what, sig, code):
    """A signal that ends a process ends it at once, wherever it waits."""
    p = start(code)
    ready = asleep(p)
    time.sleep(0.3)  # into the call itself; sooner is as good
    t = time.monotonic()
    p.send_signal(sig)
    status = p.wait(timeout=60)
    print(what, ready, status == -sig, "soon" if time.monotonic() - t < 10 else "late")


killed("stat, SIGKILL", signal.SIGKILL, "import os; os.stat('mnt/slow-stat')")
killed("stat, SIGTERM", signal.SIGTERM, "import os; os.stat('mnt/slow-stat')")
killed("stat, SIGINT", signal.SIGINT,
       "import os, signal; signal.signal(signal.SIGINT, signal.SIG_DFL); os.stat('mnt/slow-stat')")
killed("read, SIGKILL", signal.SIGKILL, "open('mnt/slow-file').read()")
killed("threads, SIGKILL", signal.SIGKILL, """
import os, threading
for i in range(8):
    threading.Thread(target=os.stat, args=(f'mnt/slow-stat',)).start()
""")

# A server that answers nothing and cares for no signal: the call goes on, and is made once.
for flags, name in ((False, "SA_RESTART"), (True, "no SA_RESTART")):
    path = f"mnt/slow-dir-{int(flags)}"
    p = start(f"""
import ctypes, os, signal, sys
n = 0
def tick(s, f):
    global n
    n += 1
signal.signal(signal.SIGALRM, tick)
signal.siginterrupt(signal.SIGALRM, {flags})
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
libc = ctypes.CDLL(None, use_errno=True)
r = libc.mkdir(b'{path}', 0o755)
e = ctypes.get_errno()
signal.setitimer(signal.ITIMER_REAL, 0)
sys.exit(0 if r == 0 else e)
""")
    ready = asleep(p, "mkdir /" + path.partition("/")[2])
    time.sleep(0.5)  # some signals
    still = p.poll() is None
    with open(GO, "w", encoding="ascii"):
        pass
    print("mkdir,", name, ready, "waits" if still else "ended", p.wait(timeout=60),
          log().count("mkdir /" + path.partition("/")[2]), os.path.isdir(path))
    os.unlink(GO)

# One process waits, the others go on.
stats = log().count("stat /slow-stat")
p = start("import os; os.stat('mnt/slow-stat')")
asleep(p, "stat /slow-stat", stats)
print("others go on", os.path.isdir("mnt/slow-dir-0"), sorted(os.listdir(".")) != [])
# as the kernel's FUSE: once a server has been told of a signal, a stop waits for its answer too
p.send_signal(signal.SIGSTOP)
time.sleep(0.5)
print("a stop waits", os.waitpid(p.pid, os.WUNTRACED | os.WNOHANG) == (0, 0))
with open(GO, "w", encoding="ascii"):
    pass
print("stopped", os.WIFSTOPPED(os.waitpid(p.pid, os.WUNTRACED)[1]))
p.send_signal(signal.SIGCONT)
print("continued", p.wait(timeout=60))
with open("mnt/slow-file", "r+b", buffering=0) as f:
    f.write(b"x" * 5000)
with open("mnt/slow-file", "rb") as f:
    print("read", len(f.read()))
