# SPDX-License-Identifier: GPL-2.0-or-later
# umview --cow: working directories and folders that are open when they, or what they are in, are renamed or removed in the view. What
# a program is told is what it is told on the folder itself.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state
cat >moved.py <<'EOF'
import os
import shutil
import subprocess

def tell(*what):
    print(*[w.replace(top, "TOP") if isinstance(w, str) else w for w in what], flush=True)

def tried(f):
    try:
        return f()
    except OSError as e:
        return e.strerror

top = os.getcwd()
os.chdir("d/e")
here = os.open(".", os.O_PATH)
above = os.open("..", os.O_PATH)
os.rename(top + "/d", top + "/dd")
tell(os.getcwd(), os.readlink("/proc/self/cwd"), os.readlink(f"/proc/self/fd/{here}"))
tell(sorted(os.listdir(".")), sorted(os.listdir("..")), open("f").read(), os.path.exists("../g"))
open("new", "w").write("n")
tell(os.path.exists(top + "/dd/e/new"), os.path.exists("/proc/self/cwd/new"), open("/proc/self/cwd/f").read())
tell(os.path.exists(f"/proc/self/fd/{above}/g"), open(f"/proc/self/fd/{above}/g").read())
os.rename("f", "f2", src_dir_fd=here, dst_dir_fd=above)
tell(sorted(os.listdir(top + "/dd")))
tell(subprocess.run(["sh", "-c", "unset PWD; pwd -P; cat ../f2; ../tool"], capture_output=True, text=True).stdout)
os.chdir("..")
tell(os.getcwd())
os.chdir("e")
os.rename(top + "/dd/e", top + "/eee")
tell(os.getcwd(), os.stat(".").st_ino == os.stat(top + "/eee").st_ino, os.path.samefile("..", top))
os.fchdir(above)
tell(os.getcwd())
os.chdir(top + "/r/s")
os.rename(top + "/r", top + "/rr")
os.rename(top + "/rr", top + "/r")
tell(os.getcwd())
shutil.rmtree(top + "/r")
for call in (os.getcwd, lambda: open("x", "w"), lambda: os.stat("f"), lambda: os.mkdir("q"),
             lambda: os.readlink("/proc/self/cwd"), lambda: os.stat(".") and 1):
    tell(tried(call))
os.chdir(top)
os.mkdir("r")
open("r/other", "w").close()
tell(os.listdir("r"))
EOF
for tree in native low; do
	mkdir -p $tree/d/e $tree/r/s
	for f in a d/e/f d/g r/s/f; do echo "$f" >$tree/$f; done
	printf '#!/bin/sh\necho run\n' >$tree/d/tool
	chmod +x $tree/d/tool
done
(cd native && "$PYTHON" ../moved.py) >wanted
for of in "low" "/"; do
	um --cow="of=$of" -- sh -c "cd low && '$PYTHON' ../moved.py" >got 2>said || fail "of $of: $(tail -n 3 got said)"
	diff wanted got >diff || fail "of $of: $(cat diff)"
	echo "ok: of $of"
done
nothing_left
