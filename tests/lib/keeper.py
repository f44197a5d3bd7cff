# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one test, and ends all that it started.

The keeper is a child subreaper: whatever a test starts, daemons included, stays below it, so it
can be found in /proc and ended without a name, a session or a cgroup to go by.

    keeper.py '{"cmd": [...], "cwd": ..., "env": {...}, "timeout": s, "uid": n, "gid": n,
                "grace": s, "output": file}'

prints {"rc": n, "timeout": bool, "left": [...], "stuck": bool, "seconds": s}.
"""
import ctypes
import json
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
MAX_OUTPUT = 32 << 20


def parents():
    """{pid: (parent, state)} of all processes."""
    table = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as f:
                fields = f.read().rpartition(b")")[2].split()
            table[int(name)] = (int(fields[1]), fields[0].decode())
        except (OSError, IndexError, ValueError):
            continue
    return table


def descendants():
    """All processes below this one that still run."""
    table = parents()
    found = []
    todo = [os.getpid()]
    while todo:
        parent = todo.pop()
        for pid, (ppid, state) in table.items():
            if ppid == parent:
                todo.append(pid)
                if state not in "ZX":
                    found.append(pid)
    return found


def describe(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
        with open(f"/proc/{pid}/wchan") as f:
            wchan = f.read()
        return f"{pid} {words[:200] or '?'} [{wchan}]"
    except OSError:
        return f"{pid} ?"


def reap(main):
    """Takes ended children: the status of `main` if it is among them, and whether any is left."""
    status = None
    while True:
        try:
            pid, st = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status, False
        if pid == 0:
            return status, True
        if pid == main:
            status = st


def end_all(main, limit):
    """Kills everything below until nothing is left. False when something would not go."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        for pid in descendants():
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        if not reap(main)[1]:
            return True
        time.sleep(0.02)
    return False


def start(job, out):
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.closerange(3, 256)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.umask(0o022)
        if os.getuid() == 0 and job["uid"] != 0:
            os.setgroups([])
            os.setresgid(job["gid"], job["gid"], job["gid"])
            os.setresuid(job["uid"], job["uid"], job["uid"])
        os.chdir(job["cwd"])
        os.execvpe(job["cmd"][0], job["cmd"], job["env"])
    except OSError as e:
        os.write(2, f"keeper: {job['cmd'][0]}: {e}\n".encode())
    os._exit(127)


def main():
    job = json.loads(sys.argv[1])
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    out = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    began = time.monotonic()
    pid = start(job, out)

    def give_up(*_):
        end_all(pid, 10)
        os._exit(1)

    signal.signal(signal.SIGTERM, give_up)

    result = {"rc": None, "timeout": False, "left": [], "stuck": False}
    pause = 0.002
    while result["rc"] is None:
        status, _ = reap(pid)
        if status is not None:
            result["rc"] = os.waitstatus_to_exitcode(status)
            break
        if (time.monotonic() - began > job["timeout"]
                or os.fstat(out).st_size > MAX_OUTPUT):
            result["timeout"] = True
            result["left"] = [describe(p) for p in descendants()]
            break
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)

    # What a test leaves may need a moment to end by itself: a server that flushes.
    end = time.monotonic() + job["grace"]
    while not result["timeout"] and reap(pid)[1]:
        if time.monotonic() > end:
            result["left"] = [describe(p) for p in descendants()]
            break
        time.sleep(0.02)
    result["stuck"] = not end_all(pid, 30)
    result["seconds"] = time.monotonic() - began
    print(json.dumps(result))


main()
