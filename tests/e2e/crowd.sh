# SPDX-License-Identifier: GPL-2.0-or-later
# Many processes and threads at work in two mounts at once.
# timeout: 400
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"

PROCESSES=200 THREADS=50 ROUNDS=5
[ -z "${UMVIEW_SANITIZER:-}" ] || { PROCESSES=30 THREADS=16 ROUNDS=3; }
export UM_TIMEOUT=380
ext4_image a.img 64M -N 20000
ext4_image b.img 64M -N 20000
mkdir a b
cat >work.py <<'WORK'
import os, sys, threading
def work(n, rounds, top):
    d = f"{top}/{n}"
    os.mkdir(d)
    for i in range(rounds):
        data = f"{n} {i}".encode() * 50
        with open(f"{d}/f{i}", "wb") as f:
            f.write(data)
        os.rename(f"{d}/f{i}", f"{d}/g{i}")
        with open(f"{d}/g{i}", "rb") as f:
            assert f.read() == data, (n, i)
        os.stat(f"{d}/g{i}")
        os.symlink("x", f"{d}/l{i}")
        assert len(os.listdir(d)) == 2 * (i + 1)
    for i in range(rounds - 1):
        os.unlink(f"{d}/g{i}")
def guarded(*args):
    try:
        work(*args)
    except BaseException as e:
        print("FAILED", args, repr(e), flush=True)
        os._exit(1)
kind, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if kind == "processes":
    pids = []
    for n in range(count):
        pid = os.fork()
        if pid == 0:
            guarded(f"p{n}", rounds, "ab"[n % 2])
            os._exit(0)
        pids.append(pid)
    bad = sum(os.waitpid(p, 0)[1] != 0 for p in pids)
else:
    ts = [threading.Thread(target=guarded, args=(f"t{n}", rounds, "ab"[n % 2])) for n in range(count)]
    for t in ts: t.start()
    for t in ts: t.join()
    bad = 0
sys.exit(1 if bad else 0)
WORK
gives "$PROCESSES processes, $THREADS threads" 0 um -m "a.img:$HERE/a" -m "b.img:$HERE/b" -- sh -ec '
	"$PYTHON" work.py processes '"$PROCESSES $ROUNDS"' &
	first=$!
	"$PYTHON" work.py threads '"$THREADS $ROUNDS"'
	wait $first'
echo "$OUT"
clean_fs a.img
clean_fs b.img
is "files" "$(um -m "a.img:$HERE/a,ro" -m "b.img:$HERE/b,ro" -- sh -c 'find a/[pt]* b/[pt]* -name "g*"' | wc -l)" \
	$((PROCESSES + THREADS))
nothing_left
