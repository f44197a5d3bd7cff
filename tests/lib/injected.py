# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes system calls of a supervisor fail, by strace's fault injection, while a view works.

injected.py SUPERVISOR CALL,...:ERROR,...:WHEN,... ...: files "go" and "done" in the current folder are the view's turns. While a
call fails (the first, each third ... of each thread) what the view does may fail, but must come to an end; then it must
do all of it well, and the supervisor must have no more descriptors than before.
"""
import itertools
import os
import signal
import subprocess
import sys
import time

TURN_S = 100  # what waits for ever is found; a busy machine takes its time


def die(text):
    print(text, flush=True)
    sys.exit(1)


class View:
    def __init__(self, supervisor):
        self.supervisor = supervisor
        self.turn = 0

    def descriptors(self):
        """But pidfds, which threads keep, and the placeholders of closed files."""
        n = 0
        for name in os.listdir(f"/proc/{self.supervisor}/fd"):
            try:
                target = os.readlink(f"/proc/{self.supervisor}/fd/{name}")
            except OSError:
                continue
            n += "[pidfd]" not in target and not target.startswith("/memfd:")
        return n

    def work(self, what):
        """One turn: what it printed."""
        self.turn += 1
        with open("go.new", "w", encoding="ascii") as f:
            f.write(f"{self.turn}\n")
        os.rename("go.new", "go")
        end = time.monotonic() + TURN_S
        while True:
            try:
                with open(f"done.{self.turn}", encoding="utf-8", errors="replace") as f:
                    return f.read()
            except FileNotFoundError:
                pass
            if not os.path.exists(f"/proc/{self.supervisor}/fd") or time.monotonic() > end:
                die(f"{what}: the view does not come to an end")
            time.sleep(0.02)

    def settled(self, limit):
        """Its descriptors, once what is closed in the background is, if they come down to the limit."""
        end = time.monotonic() + 20
        while self.descriptors() > limit and time.monotonic() < end:
            time.sleep(0.1)
        return self.descriptors()


def traced(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return "TracerPid:\t0\n" not in f.read()


def injected(view, rule):
    """A turn while calls fail: how many did."""
    with subprocess.Popen(["strace", "-f", "-qq", "-o", "strace.out", "-e", f"trace={rule.split(':')[0]}", "-e",
                           "signal=none", "-e", f"inject={rule}", "-p", str(view.supervisor)],
                          stderr=subprocess.DEVNULL) as strace:
        while not traced(view.supervisor):
            if strace.poll() is not None:
                die("strace cannot be had here")
            time.sleep(0.01)
        view.work(rule)
        strace.send_signal(signal.SIGINT)
        strace.wait()
    with open("strace.out", encoding="utf-8", errors="replace") as f:
        return f.read().count("(INJECTED)")


def main():
    view = View(int(sys.argv[1]))
    for _ in range(2):
        wanted = view.work("before")
    before = view.descriptors() + 6  # a few threads may have some for a moment
    hits = 0
    for words in filter(None, sys.argv[2:]):
        for call, error, when in itertools.product(*(word.split(",") for word in words.split(":"))):
            rule = f"{call}:error={error}:when={when}"
            hits += injected(view, rule)
            got = view.work(rule)
            if got != wanted:
                die(f"after {rule}: '{got}', wanted '{wanted}'")
            if view.settled(before) > before:
                die(f"after {rule}: {view.descriptors()} descriptors, {before - 6} before")
    print("some calls failed" if hits else "no call failed")


main()
