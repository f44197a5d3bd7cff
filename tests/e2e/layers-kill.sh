# SPDX-License-Identifier: GPL-2.0-or-later
# umctl commit, killed at each of its calls that change something: it is then undone, or ended.
# timeout: 300
. "$TOP/tests/e2e/lib-layers.sh"
need strace
strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"

mkdir -p low/d/e low/gone/deep low/opq low/ro
for f in a b d/f d/g d/e/h gone/x gone/deep/y opq/o ro/r old; do echo "$f" >low/$f; done
find low -exec touch -h -d "2020-01-01 00:00:00" {} +
chmod 555 low/ro
umctl layer create t --of low
overlay t low 'echo more >>a; chmod 600 b; rm d/g; rm -r gone opq; mkdir opq; echo new >opq/o
	mkdir -p new/deep; echo n >new/deep/n; ln new/deep/n new/n2; mv old renamed; ln -s b link
	chmod 755 ro; echo s >ro/s; chmod 555 ro; touch -d "2021-01-01" d d/e'
mkdir "$LAYERS/t/upper/moved"
setfattr -n user.overlay.redirect -v /d/e "$LAYERS/t/upper/moved"
chmod -R u+rwx "$LAYERS/t/work"
rm -r "$LAYERS/t/work"
cat >kill.py <<'PYTHON'
import os, shutil, subprocess, sys
LAYER = os.environ["XDG_STATE_HOME"] + "/umview/layers/t"

def tree(top):
    found = []
    for path, dirs, names in os.walk(top):
        for name in [".", *dirs, *names]:
            st = os.lstat(f"{path}/{name}")
            with open(f"{path}/{name}", "rb") if os.path.isfile(f"{path}/{name}") else open(os.devnull, "rb") as f:
                content = f.read()
            found.append((f"{path}/{name}", oct(st.st_mode), st.st_mtime_ns, content))
    return sorted(found)

def copy(a, b):
    if os.path.exists(b):
        subprocess.run(["chmod", "-R", "u+rwx", b], check=True)
        shutil.rmtree(b)
    subprocess.run(["cp", "-a", a, b], check=True)

def reset():
    copy("low.saved", "low")
    copy("t.saved", LAYER)

def umctl(*words):
    p = subprocess.run(["umctl", *words], check=False, stderr=subprocess.PIPE, text=True)
    assert p.returncode == 0, (words, p.returncode, p.stderr)

copy("low", "low.saved")
copy(LAYER, "t.saved")
reset()
before = tree("low")
umctl("commit", "t")
after = tree("low")
assert before != after
moments = undone = ended = 0
for call in sys.argv[1:]:
    n = 0
    while True:
        n += 1
        reset()
        p = subprocess.run(["strace", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={n}", "umctl",
                            "commit", "t"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if p.returncode == 0:
            break
        assert p.returncode in (-9, 137), p.returncode
        moments += 1
        if not os.path.exists(LAYER + "/journal"):
            now = tree("low")
            assert now in (before, after), (call, n, "neither")
            continue
        for words in (["diff", "t"], ["discard", "t"], ["discard", "t", "--force"], ["commit", "t"]):
            refused = subprocess.run(["umctl", *words], check=False, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL).returncode == 1
            assert refused == (words[0] != "diff"), (call, n, words)
        p = subprocess.run(["umctl", "commit", "t", "--undo"], check=False, stderr=subprocess.PIPE)
        if p.returncode == 0 and n % 2:
            undone += 1
            assert tree("low") == before, (call, n, "undone")
            umctl("commit", "t")
        elif p.returncode == 0:
            undone += 1
            reset()
            subprocess.run(["strace", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={n}", "umctl",
                            "commit", "t"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            umctl("commit", "t", "--resume")
        else:
            assert b"--resume" in p.stderr, p.stderr
            umctl("commit", "t", "--resume")
        ended += 1
        assert tree("low") == after, (call, n, "ended",
                                      set(map(repr, tree("low"))) ^ set(map(repr, after)))
        assert os.listdir(LAYER + "/upper") == [], (call, n)
print(f"{moments} moments, {undone} undone, {ended} ended")
assert moments > 60 and undone > 30 and ended > 30
PYTHON
"$PYTHON" kill.py renameat2 linkat mkdirat unlinkat fsync renameat utimensat fchmod syncfs copy_file_range write
chmod -R u+rwx .
