# SPDX-License-Identifier: GPL-2.0-or-later
# umctl, from inside a view and from outside, and the protocol below it.
# timeout: 200
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"

ext4_image fs.img 16M
mkdir mnt mnt2
gives "outside of all views" 125 umctl ls
gives "no such view" 125 umctl -n nobody ls
gives "no such command" 125 umctl frobnicate
gives "too few arguments" 125 umctl mount x
gives "help" 0 umctl --help

cat >inside.sh <<'INSIDE'
set -eux
umctl mount -t ext4 fs.img mnt
echo hello >mnt/file
umctl ls
umctl ls | grep "$PWD/mnt type"
cd mnt
! umctl umount ../mnt
cd ..
umctl umount mnt
! test -e mnt/file
! umctl umount mnt
! umctl mount nothing.img mnt
umctl mount -o ro fs.img "$PWD/mnt"
cat mnt/file
! touch mnt/new
umctl stat | grep LOOKUP
asked() {
	umctl --json stat --mount mnt | "$PYTHON" -c '
import json, sys
print(sum(r["count"] for r in json.load(sys.stdin)["mounts"][0]["requests"] if r["request"] == "READ"))'
}
cat mnt/file
before=$(asked)
cat mnt/file
test "$(asked)" = "$before"
umctl cache drop mnt
cat mnt/file
test "$(asked)" -gt "$before"
umctl umount -l mnt
umctl stat | grep openat
umctl ps | grep inside.sh
umctl log-level debug
test "$(umctl log-level)" = debug
INSIDE
gives "inside" 0 um --log log sh inside.sh
umview --name dev -- sh -c 'echo >ready; while test ! -e go; do sleep 0.05; done' &
until_true 30 test -e ready
gives "list" 0 umview --list
has "list" "$OUT" dev
gives "the same name again" 125 um --name dev true
gives "mount from outside" 0 umctl -n dev mount fs.img mnt
has "ls" "$(umctl -n dev ls)" "$HERE/mnt"
is "JSON" "$(umctl -n dev --json ls | "$PYTHON" -c 'import json,sys; print(json.load(sys.stdin)["mounts"][0]["target"])')" "$HERE/mnt"
cat >odd.py <<'PYTHON'
import json, subprocess
p = subprocess.Popen(["umview", "--name", "odd", "--", "sh", "-c", "read x", b"\xff\xc3\xa4\xed\xa0\x80"],
                     stdin=subprocess.PIPE)
# before its exec the command has umview's own command line
while not b'"sh -c read' in (out := subprocess.run(["umctl", "-n", "odd", "--json", "ps"], check=False,
                                            stdout=subprocess.PIPE).stdout):
    pass
p.communicate(b"\n")
print(json.loads(out.decode())["processes"][0]["command"])
PYTHON
is "JSON of a name that is not UTF-8" "$("$PYTHON" odd.py)" "sh -c read x $(printf '\357\277\275')ä$(printf '\357\277\275%.0s' 1 2 3)"
gives "a wrong level" 1 umctl -n dev log-level loud

# sizes, what is kept, and what a server was asked
cat >sizes.py <<'SIZES'
import json, os, subprocess, sys
mnt = os.path.abspath("mnt")
def ask(*words):
    return json.loads(subprocess.run(["umctl", "-n", "dev", "--json", *words], check=True,
                                     stdout=subprocess.PIPE).stdout)["mounts"]
df, = ask("df")
assert df["target"] == mnt and df["type"] == "ext4", df
assert df["size"] >= df["free"] >= df["available"] > 0 and df["files"] > df["files_free"] > 0, df
kept, = ask("cache")
assert kept["target"] == mnt and kept["inodes"] >= kept["files"] >= 0, kept
assert ask("cache", "ls", mnt) == [kept], kept
dropped, = ask("cache", "drop", mnt)
assert dropped["files"] == dropped["open"] and dropped["dirty"] == 0, dropped
st, = ask("stat", "--mount", "mnt")
assert st["target"] == mnt and st["opens"] >= st["opens_kept"] >= 0, st
for r in st["requests"]:
    assert 0 <= r["p50_us"] <= r["p95_us"] <= r["p99_us"] <= r["max_us"], r
assert any(r["request"] == "INIT" for r in st["requests"]), st
print("all well")
SIZES
is "sizes, caches, times" "$("$PYTHON" sizes.py 2>&1)" "all well"
has "df" "$(umctl -n dev df)" "$HERE/mnt"
server=$(umctl -n dev --json ps | "$PYTHON" -c '
import json, sys
print(*[p["pid"] for p in json.load(sys.stdin)["processes"] if "fuse2fs" in p["command"]])')
kill -STOP "$server"
status umctl -n dev df
kill -CONT "$server"
has "df of a server that does not answer" "$OUT" "its server does not answer"
has "the cache" "$(umctl -n dev cache)" "$HERE/mnt"
has "a mount's requests" "$(umctl -n dev stat --mount mnt)" "99% us"
gives "a cache of no mount" 1 umctl -n dev cache ls /
gives "neither ls nor drop" 125 umctl -n dev cache lose
gives "the statistics of no mount" 1 umctl -n dev stat --mount /
gives "a wrong time" 125 umctl -n dev stat --profile=never
gives "one for another command" 125 umctl -n dev ls --profile
until_true 60 sh -c 'umctl -n dev stat --profile=0.2 | grep "^resolve "'
# calls are counted while they are profiled, and not afterwards
cat >profile.py <<'PYTHON'
import json, subprocess, time
def profile():
    return json.loads(subprocess.run(["umctl", "-n", "dev", "--json", "stat"], check=True,
                                     stdout=subprocess.PIPE).stdout)["profile"]
before, after = profile(), None
while before != after:
    time.sleep(0.2)
    before, after = profile(), before
print(after["calls"] > 0, after["total_us"] >= after["answer_us"] + after["receive_us"] > 0)
PYTHON
is "parts of calls" "$("$PYTHON" profile.py)" "True True"
(timeout 2 umctl -n dev trace >trace.txt) || true
has "trace" "$(cat trace.txt)" " = "
(timeout 2 umctl -n dev --json trace >trace.txt) || true
is "trace as JSON" "$("$PYTHON" -c '
import json
seen = [json.loads(l) for l in open("trace.txt")]
print(len(seen) > 0, all(o["pid"] > 0 and o["call"] and o["result"] for o in seen if "text" not in o))')" "True True"

# The protocol, and what is not of it
cat >protocol.py <<'PROTOCOL'
import json, os, socket, sys
path = sys.argv[1] + "/ctl"
def ask(data, answers=1):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(30)
    try:
        s.sendall(data)
        f = s.makefile("rb")
        return [json.loads(f.readline() or b"null") for _ in range(answers)]
    finally:
        s.close()
assert ask(b'{"do":"hello"}\n')[0]["name"] == "dev"
assert [a["ok"] for a in ask(b'{"do":"hello"}\n{"do":"nope"}\n{"do":"ps"}\n', 3)] == [True, False, True]
for bad in (b"\n", b"x\n", b"[]\n", b"[" * 1000 + b"\n", b"{}\n", b'{"do":1}\n', b'{"do":"mount"}\n',
            b'{"do":"mount","source":1,"target":{}}\n', b'{"do":"umount"}\n', b'{"do":"umount","target":""}\n',
            b'{"do":"mount","source":"a\\u0000b","target":"/"}\n', b"\xff\xfe\n",
            b'{"do":"mount","source":"nofile","target":"relative"}\n'):
    a = ask(bad)[0]
    assert a["ok"] is False and a["error"] and a["errno"], (bad, a)
s = socket.socket(socket.AF_UNIX); s.connect(path)
try:
    s.sendall(b"x" * 200000)
    assert s.recv(10) == b""
except OSError:
    pass
crowd = []
for _ in range(100):
    s = socket.socket(socket.AF_UNIX); s.connect(path); s.settimeout(30); crowd.append(s)
for s in crowd: s.close()
for _ in range(200):
    try:
        ok = ask(b'{"do":"hello"}\n')[0]
        if ok: break
    except OSError: pass
assert ok["ok"]
print("all well")
PROTOCOL
rundir=$(umview --list --json | "$PYTHON" -c 'import json,sys; print(json.load(sys.stdin)[0]["rundir"])')
is "protocol" "$("$PYTHON" protocol.py "$rundir" 2>&1)" "all well"
gives "umount from outside" 0 umctl -n dev umount mnt
echo >go
wait
clean_fs fs.img
# Of a file with two names libfuse makes two nodes: neither is kept once its name is gone.
ext4_image kept.img 16M
mkdir kept
gives "what was removed is not kept" 0 um -m kept.img:kept -- sh -c '
	cd kept; for i in 1 2 3 4 5 6 7 8 9; do echo x >t$i; ln t$i l$i; rm t$i; cat l$i >/dev/null; done; rm l?
	umctl cache ls --json'
has "what was removed is not kept" "$OUT" '"inodes":1,'
# ---- from inside, whatever lies on the run directory and whose child the process is ----
for way in "--tmpfs $XDG_RUNTIME_DIR" "--hide $XDG_RUNTIME_DIR" "--ro $XDG_RUNTIME_DIR" "--root --cow --tmpfs $XDG_RUNTIME_DIR" "--rootfs / --hide $TMPDIR"; do
	for in in env "unshare -U" "unshare -Urmpf --mount-proc"; do
		[ "$in" = env ] || unshare -Urmpf --mount-proc true 2>/dev/null || continue
		# shellcheck disable=SC2086
		XDG_STATE_HOME=$HERE/state gives "umctl, $way, $in" 0 um --name covered $way -- $in umctl ps
		has "umctl, $way, $in" "$OUT" "umctl ps"
	done
	# shellcheck disable=SC2086
	XDG_STATE_HOME=$HERE/state gives "umctl -n, $way" 0 um --name covered $way -- sh -c 'umctl -n covered ps && ! umctl -n other ps'
	has "umctl -n, $way" "$OUT" "no view other runs here"
done
gives "umctl by another user of the view" 125 um --root -- setpriv --reuid=5 --clear-groups umctl ps
nothing_left
