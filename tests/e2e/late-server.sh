# SPDX-License-Identifier: GPL-2.0-or-later
# A server that is suspended, or answers after seconds (30 in `make soak`): who waits for it waits, and gets the
# right answer then; others go on; who is killed meanwhile is gone at once. The end of a view continues it.
# timeout: 100
# soak: 300
. "$TOP/tests/e2e/lib.sh"
LATE=2
[ -z "${UMVIEW_SOAK:-}" ] || LATE=30
export LATE
ext4_image fs.img 32M
mkdir mnt
cat >late.py <<'PYTHON'
import json, os, signal, subprocess, time
LATE = float(os.environ["LATE"])
server = json.loads(subprocess.check_output(["umctl", "-n", "late", "--json", "ls"]))["mounts"][0]["server"]
big = os.urandom(3000000)
with open("mnt/big", "wb") as f:
    f.write(big)
for name in ("gone", "old", "small"):
    with open(f"mnt/{name}", "w") as f:
        f.write(name)
os.mkdir("mnt/dir")
os.sync()
subprocess.run(["umctl", "-n", "late", "cache", "drop"], check=True, stdout=subprocess.DEVNULL)
dirty = os.open("mnt/dirty", os.O_CREAT | os.O_RDWR)
os.write(dirty, b"to be synced")
waits = {
    "stat": lambda: os.stat("mnt/small").st_size == 5,
    "no file": lambda: not os.path.exists("mnt/none"),
    "read": lambda: open("mnt/big", "rb").read() == big,
    "list": lambda: {"big", "dir", "small"} <= set(os.listdir("mnt")),
    "create": lambda: os.close(os.open("mnt/new", os.O_CREAT | os.O_EXCL)) is None,
    "rename": lambda: os.rename("mnt/old", "mnt/dir/old") is None,
    "unlink": lambda: os.unlink("mnt/gone") is None,
    "fsync": lambda: os.fsync(dirty) is None,
    "run": lambda: subprocess.run(["sh", "-c", ". mnt/small"], stderr=subprocess.DEVNULL).returncode == 127,
}


def start(work):
    pid = os.fork()
    if pid == 0:
        ok = False
        try:
            ok = work()
        finally:
            os._exit(0 if ok else 1)
    return pid


def suspend():
    """All its threads: until one has taken the signal the others go on."""
    os.kill(server, signal.SIGSTOP)
    for name in os.listdir(f"/proc/{server}/task"):
        while open(f"/proc/{server}/task/{name}/stat").read().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.01)


suspend()
victims = [start(waits["no file"]), start(waits["fsync"])]
jobs = {name: start(work) for name, work in waits.items()}
time.sleep(LATE)
# of the others the view may know the answer
early = [name for name in ("no file", "create", "rename", "unlink", "fsync")
         if os.waitid(os.P_PID, jobs[name], os.WEXITED | os.WNOHANG | os.WNOWAIT)]
at = time.monotonic()
for pid in victims:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
print("killed", "soon" if time.monotonic() - at < 20 else "late", "others go on" if os.listdir("/") else "")
os.kill(server, signal.SIGCONT)
print("did not wait:", early)
for name, pid in jobs.items():
    print(name, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
assert sorted(os.listdir("mnt")) == ["big", "dir", "dirty", "lost+found", "new", "small"], os.listdir("mnt")
assert os.listdir("mnt/dir") == ["old"]
# what is dirty when the view ends, of a server that is stopped then
os.write(dirty, b", and more")
suspend()
PYTHON
gives "late answers" 0 um --name late -m "fs.img:$HERE/mnt" -- "$PYTHON" late.py
is "what waited" "$(echo "$OUT" | tr '\n' ' ')" \
	"killed soon others go on did not wait: [] stat 0 no file 0 read 0 list 0 create 0 rename 0 unlink 0 fsync 0 run 0 "
nothing_left
clean_fs fs.img
gives "what was dirty when the view ended" 0 um -m "fs.img:$HERE/mnt,ro" -- cat mnt/dirty
is "it" "$OUT" "to be synced, and more"
