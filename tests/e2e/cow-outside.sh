# SPDX-License-Identifier: GPL-2.0-or-later
# umview --cow: what others change in the lower tree is seen in the view, also in folders whose names it keeps, be they looked at each
# time or watched (not the one that cannot be read). Each change is made from outside while the view waits for it.
# sanitize: asan
. "$TOP/tests/e2e/lib.sh"
export XDG_STATE_HOME=$HERE/state
umask 022
cat >look.py <<'EOF'
import os

def turn():
    """Whoever is outside has a turn."""
    with open(os.environ["HERE"] + "/go", "w") as f:
        f.write("go\n")
    with open(os.environ["HERE"] + "/done") as f:
        f.read()

def look():
    for name in ("d", "d/sub", "d/sub/deep", "d/gone", "d/made", "d/both", "d/shut/in"):
        try:
            print(name, *sorted(os.listdir(name)), oct(os.stat(name).st_mode & 0o777), flush=True)
        except OSError as e:
            print(name, e.strerror, flush=True)

os.mkdir("d/made")
open("d/both/up", "w").close()
for _ in range(4):
    look()  # by names that are kept, and then folders that are watched
print("turn")
turn()
for _ in range(3):
    look()
print("again")
turn()
look()
os.rename("d/made", "d/other")
os.mkdir("d/made")
os.rename("d/other", "d/made/in")
print(sorted(os.listdir("d/made")), os.listdir("d/made/in"))
EOF
mkdir -p low/d/sub/deep low/d/gone low/d/both low/d/shut/in
touch low/d/sub/{one,deep/two} low/d/both/three low/d/shut/in/old
chmod 311 low/d/shut
mkfifo go done
export HERE
um --cow="of=low" -- sh -c "cd low && '$PYTHON' ../look.py" >got 2>said &
view=$!
timeout 60 cat go >/dev/null || fail "no turn: $(cat got said)"
# another folder by the same name, one less, one mode, one that appears below a folder of the view's
mv low/d/sub low/away
mkdir -p low/d/sub/deep low/d/made
touch low/d/sub/new low/d/made/below low/d/both/four
chmod 711 low/d/sub
rmdir low/d/gone
mv low/d/shut/in low/d/shut/out
mkdir low/d/shut/in
: >done
timeout 60 cat go >/dev/null || fail "no second turn: $(cat got said)"
# the first one is back, by an exchange of nothing but names
mv low/d/sub low/new
mv low/away low/d/sub
touch low/d/shut/in/more
: >done
wait $view || fail "the view: $(tail -n 5 said)"
chmod 755 low/d/shut
before=$(cat <<'EOF'
d both gone made shut sub 0o755
d/sub deep one 0o755
d/sub/deep two 0o755
d/gone 0o755
d/made 0o755
d/both three up 0o755
d/shut/in old 0o755
EOF
)
after=$(cat <<'EOF'
d both made shut sub 0o755
d/sub deep new 0o711
d/sub/deep 0o755
d/gone No such file or directory
d/made below 0o755
d/both four three up 0o755
d/shut/in 0o755
EOF
)
{
	printf '%s\n' "$before" "$before" "$before" "$before" turn "$after" "$after" "$after" again
	cat <<'EOF'
d both made shut sub 0o755
d/sub deep one 0o755
d/sub/deep two 0o755
d/gone No such file or directory
d/made below 0o755
d/both four three up 0o755
d/shut/in more 0o755
['in'] ['below']
EOF
} >wanted
diff wanted got || fail "what was seen: $(cat said)"
is "what the view did left the tree below" "$(ls low/d/both)" "$(printf 'four\nthree')"
nothing_left
