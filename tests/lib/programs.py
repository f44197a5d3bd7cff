# SPDX-License-Identifier: GPL-2.0-or-later
"""programs.py NAME: runs the script tests/programs/NAME.sh of real programs natively (the oracle), in
a view with nothing mounted, in a view with a mount elsewhere, in a folder of a served ext4 image, and in --cow.
Output, exit status and the files that it leaves must be the same.

A script that ends with status 77 natively is skipped; its last line says why.
UMVIEW_TEST_WAYS="cow idle" runs these ways alone.
Header lines of a script: `# need: PROGRAM...`, `# ways: idle elsewhere served cow`, `# timeout: SECONDS`.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from leftfiles import files  # noqa: E402

TOP = os.environ["TOP"]
NAME = sys.argv[1]
SCRIPT = f"{TOP}/tests/programs/{NAME}.sh"
HERE = os.getcwd()
COW_SAYS = "umview: "  # how many files were changed


def header():
    found = {}
    with open(SCRIPT, encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#"):
                break
            key, _, value = line[1:].strip().partition(": ")
            found[key] = value.split()
    return found


def run(command, cwd):
    r = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, check=False,
                       timeout=int(head.get("timeout", ["100"])[0]))
    text = r.stdout.decode(errors="replace").replace(f"{HERE}/mnt/w", "HERE").replace(cwd, "HERE")
    return [f"status {r.returncode}"] + [line for line in text.splitlines() if not line.startswith(COW_SAYS)]


def compare(what, oracle, got):
    if oracle == got:
        return True
    print(f"{what} differs:")
    for i in range(max(len(oracle), len(got))):
        a = oracle[i] if i < len(oracle) else "(nothing)"
        b = got[i] if i < len(got) else "(nothing)"
        if a != b:
            print(f"  native: {a}\n  view:   {b}")
    return False


head = header()
for program in head.get("need", []):
    if subprocess.run(["sh", "-c", f"command -v {program}"], stdout=subprocess.DEVNULL,
                      check=False).returncode != 0:
        print(f"no {program} here")
        sys.exit(77)
for d in ("native", "idle", "elsewhere", "other", "mnt", "cow"):
    os.mkdir(d)
owner = f"root_owner={os.getuid()}:{os.getgid()}"
subprocess.run(["mke2fs", "-q", "-t", "ext4", "-E", owner, "small.img", "8M"], check=True)
subprocess.run(["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-E", owner, "fs.img", "300M"], check=True)

os.umask(0o022)
shell = ["bash", SCRIPT]
want = run(shell, f"{HERE}/native")
left = files(f"{HERE}/native")
good = True
if want[0] == "status 77":
    print(want[-1])
    sys.exit(77)
if want[0] != "status 0":
    print("natively it fails:\n" + "\n".join(want))
    good = False
ways = head.get("ways", ["idle", "elsewhere", "served", "cow"])
if os.environ.get("UMVIEW_TEST_WAYS"):
    ways = [way for way in ways if way in os.environ["UMVIEW_TEST_WAYS"].split()]
if "idle" in ways:
    good = compare("nothing mounted", want, run(["umview"] + shell, f"{HERE}/idle")) and good
    good = compare("nothing mounted: files", left, files(f"{HERE}/idle")) and good
if "elsewhere" in ways:
    got = run(["umview", "-m", f"{HERE}/small.img:{HERE}/other", "--"] + shell, f"{HERE}/elsewhere")
    good = compare("a mount elsewhere", want, got) and good
    good = compare("a mount elsewhere: files", left, files(f"{HERE}/elsewhere")) and good
if "served" in ways:
    inner = f"mkdir {HERE}/mnt/w && cd {HERE}/mnt/w && exec bash {SCRIPT}"
    got = run(["umview", "-m", f"{HERE}/fs.img:{HERE}/mnt", "--", "bash", "-c", inner], HERE)
    good = compare("on a served ext4", want, got) and good
    fsck = subprocess.run(["e2fsck", "-fn", "fs.img"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if fsck.returncode != 0:
        print(f"e2fsck -fn: {fsck.stdout}")
        good = False
    lines = subprocess.run(["umview", "-m", f"{HERE}/fs.img:{HERE}/mnt,ro", "--", sys.executable,
                            f"{TOP}/tests/lib/leftfiles.py", f"{HERE}/mnt/w"],
                           stdout=subprocess.PIPE, text=True, check=False)
    good = compare("on a served ext4: files", left, lines.stdout.splitlines()) and good
if "cow" in ways:
    os.environ["XDG_STATE_HOME"] = f"{HERE}/state"
    good = compare("copy on write", want, run(["umview", "--cow=w", "--"] + shell, f"{HERE}/cow")) and good
    lines = run(["umview", "--cow=w", "--", sys.executable, f"{TOP}/tests/lib/leftfiles.py", "."], f"{HERE}/cow")
    good = compare("copy on write: files", ["status 0"] + left, lines) and good
    good = compare("copy on write: of the host", [], os.listdir(f"{HERE}/cow")) and good
sys.exit(0 if good else 1)
