# SPDX-License-Identifier: GPL-2.0-or-later
# sanitize: asan
# umctl layer export and import: OCI images, what others read of them, and hostile ones.
. "$TOP/tests/e2e/lib-layers.sh"

seen() {
	overlay "$1" low "'$PYTHON' '$TOP/tests/lib/manifest.py' --no-owner --no-links ."
}
mkdir -p low/d/e low/gone low/opq
for f in a b d/f d/g d/e/h gone/x opq/o opq/p old; do echo "$f" >low/$f; done
umctl layer create t --of low
overlay t low 'echo more >>a; chmod 640 b; rm d/g; rm -r gone opq; mkdir opq; echo new >opq/o; ln -s b link
	mkdir -p new/deep; echo n >new/deep/n; ln new/deep/n hard; setfattr -n user.k -v v d/f
	truncate -s 50000000 sparse; echo end >>sparse; touch -d "2022-02-02" d d/e .; echo >"two
lines"; echo >"$(printf "\377")"; echo >ünïcödé; echo >"$(printf "%0200d" 1)"; mkdir "$(printf "%0250d" 2)"
	echo x >"$(printf "%0250d" 2)/$(printf "%0250d" 3)"; mv old renamed'
U=$LAYERS/t/upper
echo owned >"$U/owned"
chmod 755 "$U/owned"
setfattr -n user.containers.override_stat -v 0:42:4755 "$U/owned"
echo -n >"$U/dev"
chmod 600 "$U/dev"
setfattr -n user.containers.override_stat -v 0:0:600:char-1-3 "$U/dev"
seen t >wanted
umctl diff t --stat >diff
gives "export" 0 umctl layer export t --oci out.tar
is "nothing else is left" "$(ls ./*.part 2>/dev/null)" ""
gives "import" 0 umctl layer import out.tar u --of low
umctl diff u --stat >got
diff -u diff got || fail "after export and import the diff is another"
seen u >got
diff -u wanted got || fail "after export and import the tree is another"
is "hard links" "$(stat -c %h "$LAYERS/u/upper/hard")" "2"
is "sparse stays so" "$(($(stat -c %b "$LAYERS/u/upper/sparse") < 100))" "1"
is "LAST is the new one" "$(readlink "$LAYERS/LAST")" "u"
gives "the name is taken" 1 umctl layer import out.tar u
gives "export again" 0 umctl layer export u --oci again.tar

"$PYTHON" - out.tar >listing <<'PYTHON'
import hashlib, io, json, sys, tarfile
outer = tarfile.open(sys.argv[1])
blob = lambda d: outer.extractfile("blobs/sha256/" + d["digest"][7:]).read()
manifest = json.loads(blob(json.load(outer.extractfile("index.json"))["manifests"][0]))
layer = blob(manifest["layers"][0])
assert hashlib.sha256(layer).hexdigest() == manifest["layers"][0]["digest"][7:]
assert json.loads(blob(manifest["config"]))["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
for m in tarfile.open(fileobj=io.BytesIO(layer), encoding="utf-8", errors="surrogateescape"):
    if m.name in ("owned", "dev") or ".wh." in m.name:
        print(m.name, m.type.decode(), oct(m.mode), m.uid, m.gid, m.devmajor, m.devminor)
PYTHON
is "owners, devices and marks" "$(sort listing)" ".wh.gone 0 0o600 0 0 0 0
.wh.old 0 0o600 0 0 0 0
d/.wh.g 0 0o600 0 0 0 0
dev 3 0o600 0 0 1 3
opq/.wh..wh..opq 0 0o600 0 0 0 0
owned 0 0o4755 0 42 0 0"

if command -v skopeo >/dev/null; then
	gives "skopeo reads it" 0 skopeo --tmpdir "$TMPDIR" inspect oci-archive:out.tar:t
	gives "skopeo copies it" 0 skopeo --tmpdir "$TMPDIR" --insecure-policy copy oci-archive:out.tar:t dir:skopeo
	gives "and what it makes is read" 0 skopeo --tmpdir "$TMPDIR" --insecure-policy copy oci-archive:out.tar:t \
		oci-archive:theirs.tar:t
	gives "import of that" 0 umctl layer import theirs.tar theirs --of low
	umctl diff theirs --stat >got
	diff -u diff got || fail "after skopeo the diff is another"
fi
if command -v umoci >/dev/null; then
	mkdir oci
	tar -xf out.tar -C oci
	gives "umoci unpacks it" 0 umoci unpack --rootless --image oci:t bundle
	is "umoci unpacks it" "$(cat bundle/rootfs/renamed bundle/rootfs/opq/o)" "old
new"
fi

# other tars: several layers, compressed ones, what is and is not OCI
"$PYTHON" - <<'PYTHON'
import gzip, hashlib, io, json, tarfile
def layer(*files):
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w") as t:
        for name, what in files:
            i = tarfile.TarInfo(name)
            if what is None: i.type, i.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(what, tuple): i.type, i.linkname = what
            else: i.size = len(what)
            t.addfile(i, io.BytesIO(what) if isinstance(what, bytes) else None)
    return f.getvalue()
def image(name, layers, damage=False):
    blobs = {}
    def blob(data):
        d = hashlib.sha256(data).hexdigest()
        blobs[d] = data + b"x" if damage and data in layers else data
        return {"digest": "sha256:" + d, "size": len(data)}
    manifest = {"config": blob(b"{}"), "layers": [blob(x) for x in layers]}
    index = {"manifests": [blob(json.dumps(manifest).encode())]}
    with tarfile.open(name, "w") as t:
        for path, data in [("blobs/sha256/" + d, x) for d, x in blobs.items()] + [("./index.json", json.dumps(index).encode())]:
            i = tarfile.TarInfo(path); i.size = len(data); t.addfile(i, io.BytesIO(data))
one = layer(("d", None), ("d/x", b"1"), ("d/y", b"1"), ("f", b"1"), ("g", None), ("g/h", b"1"))
two = layer(("d/.wh.x", b""), ("d/y", b"2"), ("g/.wh..wh..opq", b""), ("g/i", b"2"), (".wh..wh.plnk", b""), ("f", None))
image("two.tar", [gzip.compress(one), two])
image("damaged.tar", [one], damage=True)
open("plain.tar.gz", "wb").write(gzip.compress(one))
L, H = tarfile.SYMTYPE, tarfile.LNKTYPE
bad = {"dots": [("../out/evil", b"x")], "inner-dots": [("d/../../out/evil", b"x")],
       "link": [("l", (L, "../../../../../out")), ("l/evil", b"x")],
       "absolute-link": [("l", (L, "@")), ("l/evil", b"x")],
       "hardlink": [("h", (H, "../../../../../out/safe")), ("h", b"x")],
       "hardlink-over-link": [("l", (L, "@")), ("h", (H, "l/safe"))],
       "whiteout-dots": [("l", (L, "@")), ("l/.wh.safe", b"")], "whiteout-up": [(".wh...", b"")],
       "opaque": [("l", (L, "@")), ("l/.wh..wh..opq", b"")], "folder": [("l", (L, "@")), ("l/evil", None)]}
import os
out = os.path.abspath("out")
for name, files in bad.items():
    files = [(n, (w[0], w[1].replace("@", out)) if isinstance(w, tuple) else w) for n, w in files]
    open(f"bad-{name}.tar", "wb").write(layer(*files))
open("absolute.tar", "wb").write(layer((out + "/evil", b"x")))
open("cut.tar", "wb").write(one[:1000])
open("noise.tar", "wb").write(os.urandom(20000))
with tarfile.open("fifo.tar", "w") as t:
    i = tarfile.TarInfo("p"); i.type, i.mode, i.uid, i.gid, i.mtime = tarfile.FIFOTYPE, 0o640, 5, 6, 10 ** 9; t.addfile(i)
with tarfile.open("private.tar", "w", format=tarfile.PAX_FORMAT) as t:
    i = tarfile.TarInfo("d"); i.type = tarfile.DIRTYPE
    i.pax_headers = {"SCHILY.xattr.user.overlay.redirect": "/etc", "SCHILY.xattr.user.fine": "yes",
                     "SCHILY.xattr.user.containers.security.s": "label", "SCHILY.xattr.user.containers.trusted.overlay.redirect": "/etc"}
    t.addfile(i)
PYTHON
mkdir out empty
echo safe >out/safe
gives "two layers" 0 umctl layer import two.tar two --of empty
is "two layers" "$(umctl diff two)" "added    /d/
added    /d/y
added    /f/
added    /g/
added    /g/i"
gives "a layer alone, compressed" 0 umctl layer import plain.tar.gz plain --of empty
is "a layer alone, compressed" "$(umctl diff plain | wc -l)" "6"
for file in bad-*.tar cut.tar noise.tar damaged.tar nothing.tar; do
	gives "$file is refused" 1 umctl layer import "$file" evil
	has "$file: nothing is kept" "$OUT" "Nothing was kept"
done
gives "an absolute name is one of the layer's" 0 umctl layer import absolute.tar absolute --of empty
gives "a fifo" 0 umctl layer import fifo.tar fifo --of empty
is "a fifo" "$(stat -c "%F %a %Y" "$LAYERS/fifo/upper/p") $(tr '\0' '\n' <"$LAYERS/fifo/links" | tail -n 1 | cut -d " " -f 2)" "fifo 640 1000000000 5:6:640:pipe"
gives "attributes of the format are not taken" 0 umctl layer import private.tar private --of empty
is "attributes of the format are not taken" "$(getfattr --absolute-names -d "$LAYERS/private/upper/d" | grep -e fine -e overlay -e security)" 'user.fine="yes"'
is "nothing came out" "$(ls out; cat out/safe)" "safe
safe"
is "no draft is left" "$(find "$LAYERS" -maxdepth 1 -name '.*')" ""
gives "no such folder" 1 umctl layer export t --oci nowhere/x.tar
gives "export of what is not there" 1 umctl layer export nobody --oci x.tar
chmod -R u+rwx .
