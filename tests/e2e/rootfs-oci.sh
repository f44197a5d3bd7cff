# SPDX-License-Identifier: GPL-2.0-or-later
# sanitize: asan
# timeout: 300
# Images as the root: OCI's layout in a tar and in a folder, docker save's tar, several layers with whiteouts, what the
# configuration says of environment, folder, user and entry point; what is changed, and hostile ones.
. "$TOP/tests/e2e/lib.sh"
need busybox umoci skopeo
export XDG_STATE_HOME=$HERE/state
LAYERS=$XDG_STATE_HOME/umview/layers

# ---- an image of three layers ----
umoci init --layout img
umoci new --image img:t
umoci unpack --rootless --image img:t bundle >/dev/null 2>&1
R=bundle/rootfs
mkdir -p $R/bin $R/etc $R/gone $R/opq/below $R/dir
cp "$(command -v busybox)" $R/bin/busybox
for name in sh ls cat pwd id env stat rm mkdir touch echo chown mknod head; do ln -s busybox $R/bin/$name; done
printf 'root:x:0:0::/root:/bin/sh\nworker:x:7:8::/home/worker:/bin/sh\n' >$R/etc/passwd
printf 'root:x:0:\nstaff:x:50:\n' >$R/etc/group
echo one >$R/one; echo one >$R/gone/f; echo one >$R/opq/f; echo one >$R/dir/f
umoci repack --image img:t bundle >/dev/null 2>&1
rm -rf $R/gone $R/opq
mkdir $R/opq
echo two >$R/opq/g; echo two >$R/two
umoci repack --refresh-bundle --image img:t bundle >/dev/null 2>&1
rm $R/one
printf '#!/bin/sh\necho "entry: $*"; exec "$@"\n' >$R/bin/entry
chmod 755 $R/bin/entry
umoci repack --refresh-bundle --image img:t bundle >/dev/null 2>&1
umoci config --image img:t --config.env FOO=bar --config.env "TEXT=a b" --config.workingdir /work/here --config.cmd sh --config.cmd -c --config.cmd 'echo by itself'
umoci tag --image img:t plain
umoci config --image img:t --tag full --config.entrypoint /bin/entry --config.user worker:staff
skopeo --tmpdir "$TMPDIR" --insecure-policy copy oci:img:full oci-archive:full.tar:full >/dev/null
skopeo --tmpdir "$TMPDIR" --insecure-policy copy oci:img:plain oci-archive:plain,1.tar:plain >/dev/null
skopeo --tmpdir "$TMPDIR" --insecure-policy copy oci:img:full docker-archive:docker.tar:example/full:1 >/dev/null

names() {
	ls -1 "$LAYERS"
}
gives "what the image runs" 0 um --rootfs oci:plain,1.tar
is "what the image runs" "$OUT" "by itself"
gives "an image, a command" 0 um --rootfs oci:plain,1.tar -- sh -c '
	pwd; id -u; env | busybox sort; ls /; cat /opq/* /two /dir/f; ls /gone /one 2>&1; stat -c "%u:%g %a %n" / /tmp /bin/sh /work/here; head -n 1 /proc/self/comm; echo x >/dev/null; [ -s /etc/resolv.conf ] && echo resolv'
want="/work/here
0
FOO=bar
HOME=/root
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
TEXT=a b
bin
dev
dir
etc
opq
proc
sys
tmp
two
work
two
two
one
ls: /gone: No such file or directory
ls: /one: No such file or directory
0:0 755 /
0:0 1777 /tmp
0:0 777 /bin/sh
0:0 755 /work/here
head"
[ -s /etc/resolv.conf ] && want+=$'\nresolv'
is "an image, a command" "$(printf '%s\n' "$OUT" | grep -v -e ^TERM= -e ^umview: -e ^PWD= -e ^SHLVL= -e ^OLDPWD=)" "$want"
is "one layer of the store" "$(names | grep -c ^oci-)" 1
gives "entry point and user" 0 um --rootfs oci:full.tar -- sh -c 'id -u; id -g; echo $HOME; echo x >/tmp/f && stat -c %u:%g /tmp/f; touch /etc/f 2>/dev/null || echo refused'
is "entry point and user" "$(printf '%s\n' "$OUT" | grep -v ^umview:)" "entry: sh -c id -u; id -g; echo \$HOME; echo x >/tmp/f && stat -c %u:%g /tmp/f; touch /etc/f 2>/dev/null || echo refused
7
50
/home/worker
7:50
refused"
gives "another entry point" 0 um --rootfs oci:full.tar,entrypoint=/bin/echo -- a b
is "another entry point" "$OUT" "a b"
gives "none" 0 um --rootfs oci:full.tar,entrypoint= -- pwd
is "none" "$OUT" "/work/here"
gives "docker save" 0 um --rootfs oci:docker.tar -- cat /two
is "docker save" "$OUT" "entry: cat /two
two"
gives "a folder, by name" 0 um --rootfs oci:img,ref=plain -- cat /opq/g
is "a folder, by name" "$OUT" "two"
gives "no such name" 125 um --rootfs oci:img,ref=nobody -- true
has "no such name" "$OUT" "no image in it is named nobody"
gives "by docker's name" 0 um --rootfs oci:docker.tar,ref=docker.io/example/full:1,entrypoint= -- id
is "one layer for both" "$(names | grep -c ^oci-)" 2

# ---- what is changed ----
gives "changes" 0 um --rootfs oci:plain,1.tar,cow=mine -- sh -ec 'rm -r /dir; echo new >/two; chown 5:6 /two; mknod /null c 1 3; echo x >/null; mkdir /opt'
has "changes" "$OUT" "umctl diff mine"
gives "again" 0 um --rootfs oci:plain,1.tar,cow=mine -- sh -ec 'cat /two; stat -c %u:%g /two; stat -c %t,%T /null; ls -d /dir 2>/dev/null || echo removed'
is "again" "$(printf '%s\n' "$OUT" | grep -v ^umview:)" "new
5:6
1,3
removed"
is "diff" "$(umctl diff mine)" "removed  /dir/
added    /null
added    /opt/
changed  /two"
gives "another without a name" 0 um --rootfs oci:plain,1.tar -- cat /two
is "the image is as it was" "$(printf '%s\n' "$OUT" | grep -v ^umview:)" two
gives "read-only" 1 um --rootfs oci:plain,1.tar,ro -- sh -c 'echo x >/two'
has "read-only" "$OUT" "Read-only file system"
gives "the layer of another" 125 um --rootfs oci:full.tar,cow=mine -- true
gives "not without its image" 125 um --cow=mine -- true
gives "export" 0 umctl layer export mine --oci mine.tar
gives "the plan" 0 um --dry-run --rootfs oci:none.tar,cow=x -- true
has "the plan" "$OUT" "the image none.tar is the root"
gives "umctl keeps it too" 0 umctl layer image full.tar
is "umctl keeps it too" "$(names | grep -c "^$OUT\$")" 1

# ---- a tree of podman's, whose files say whose they are ----
cp -a bundle/rootfs tree
setfattr -n user.containers.override_stat -v 0:0:0755 tree
mkdir -p tree/home
echo w >tree/home/file
: >tree/null
setfattr -n user.containers.override_stat -v 7:8:0750 tree/home
setfattr -n user.containers.override_stat -v 7:50:04755 tree/home/file
setfattr -n user.containers.override_stat -v 0:0:0666:char-1-3 tree/null
gives "a tree of podman's" 0 um --root --rootfs tree --cow=p -- sh -ec 'stat -c "%u:%g %a" / /home /home/file
	stat -c %t,%T /null; chown 9:9 /home/file; echo x >/null; stat -c %u:%g /home/file; stat -c %s /null'
is "a tree of podman's" "$(printf '%s\n' "$OUT" | grep -v ^umview:)" "0:0 755
7:8 750
7:50 4755
1,3
9:9
0"
is "it is as it was" "$(getfattr -n user.containers.override_stat --only-values tree/home/file)" 7:50:04755

# ---- what is none ----
before=$(names)
echo nothing >text
cp full.tar cut.tar
truncate -s 20000 cut.tar
"$PYTHON" - full.tar <<'PYTHON'
import io, json, sys, tarfile
t = tarfile.open(sys.argv[1])
files = {m.name: t.extractfile(m).read() for m in t if m.isfile()}
def write(name, files):
    with tarfile.open(name, "w") as out:
        for path, data in files.items():
            i = tarfile.TarInfo(path); i.size = len(data); out.addfile(i, io.BytesIO(data))
index = json.loads(files["index.json"])
manifest = "blobs/sha256/" + index["manifests"][0]["digest"][7:]
config = "blobs/sha256/" + json.loads(files[manifest])["config"]["digest"][7:]
write("bad-config.tar", {**files, config: files[config].replace(b"bar", b"baz")})
write("bad-manifest.tar", {**files, manifest: files[manifest] + b" "})
write("bad-json.tar", {**files, "index.json": b'{"manifests": [5, {}]}'})
write("bad-docker.tar", {"manifest.json": b'[{"Config": "../x", "Layers": ["/etc/passwd"]}]'})
index["manifests"][0]["digest"] = "sha256:" + "0" * 64
write("bad-digest.tar", {**files, "index.json": json.dumps(index).encode()})
PYTHON
for file in text nothing.tar cut.tar bad-*.tar .; do
	gives "$file is refused" 125 um --rootfs "oci:$file" -- true
	has "$file: it says why" "$OUT" "image $file: "
done
is "nothing is kept of them" "$(names)" "$before"
gives "usage" 125 um --rootfs oci: -- true
gives "usage: ro and a layer" 125 um --rootfs oci:full.tar,ro,cow=x -- true
nothing_left
