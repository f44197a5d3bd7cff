# SPDX-License-Identifier: GPL-2.0-or-later
# Under Docker's default seccomp profile, which refuses mount(2), umount2(2), pidfd_getfd(2) and
# others before a view sees them, as root without capabilities too.
. "$TOP/tests/e2e/lib.sh"

ext4_image disk.img 16M
mkdir mnt
MOBY="$TOP/build-check/tests/moby-profile"

inside() {
	status timeout 60 "$MOBY" umview --log "$LOG" --log-level debug "$@"
}

inside -- sh -c 'mount -t tmpfs none mnt 2>/dev/null && echo mounted; exit 3'
is "status" "$STATUS" 3
is "mount(2) is refused" "$OUT" ""

inside -m "disk.img:$HERE/mnt" -- bash -ec '
	cd mnt
	mkdir d; echo one >d/f; echo two >>d/f; cat d/f
	cp /bin/ls . && ./ls d
	for i in $(seq 300); do echo $i >d/n$i; done
	find d -name "n*" | wc -l
	exec 5<>d/f; read -u5 line; echo $line; exec 5>&-
	mv d e; rm e/n1; (cd e && pwd); ls e | wc -l'
is "files" "$OUT" "one
two
f
300
one
$HERE/mnt/e
300"
clean_fs disk.img

# short of descriptors, for as long as the guest asks
cat >short.py <<'PYTHON'
import os, resource

fd, sup = os.open("mnt/e/f", os.O_RDONLY), int(os.environ["SUP"])
limits = resource.prlimit(sup, resource.RLIMIT_NOFILE)
ino = os.fstat(fd).st_ino
resource.prlimit(sup, resource.RLIMIT_NOFILE, (3, limits[1]))
try:
    r = os.fstat(fd).st_ino == ino
except OSError as e:
    r = e.strerror
resource.prlimit(sup, resource.RLIMIT_NOFILE, limits)
print(r, os.fstat(fd).st_ino == ino)
PYTHON
for way in "$MOBY" env; do
	status timeout 60 "$way" umview --log "$LOG" -m "disk.img:$HERE/mnt" -- bash -c 'SUP=$PPID exec "$PYTHON" short.py'
	is "short of descriptors ($way)" "$OUT" "Too many open files in system True"
done

inside -- bash -ec 'fuse2fs disk.img mnt; cat mnt/e/f; echo three >mnt/g; fusermount -u mnt; ls mnt
	fuse2fs disk.img mnt; cat mnt/g; umount mnt; ls mnt'
is "servers by hand" "$OUT" "one
two
three"

inside --root -- bash -ec 'mount -t ext4 disk.img mnt; mount | grep -c "$PWD/mnt type ext4"; umount mnt'
is "mount with --root" "$OUT" 1
clean_fs disk.img
nothing_left
