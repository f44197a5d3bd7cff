# SPDX-License-Identifier: GPL-2.0-or-later
# File systems in memory: by --tmpfs, -m, umctl and mount(8), with limits, on real folders and on what is served;
# by the kernel's own tmpfs and, where that cannot be had, by a folder.
# timeout: 200
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
mkdir m dst mnt
ext4_image fs.img 8M

# What holds for both kinds.
both_kinds() {
	gives "$KIND: names and contents" 0 "$@" --tmpfs m:mode=750 -- sh -ec '
		cd m; stat -c %a .; echo hello >a; ln a b; ln -s a s; mkdir d; mkfifo p; mv a d/; cat s 2>/dev/null || cat d/a
		stat -c %h b; [ "$(stat -c %i b)" = "$(stat -c %i d/a)" ]; [ "$(ls -i d | cut -d" " -f1)" = "$(stat -c %i b)" ]
		exec 3<b; rm b d/a; cat <&3; rmdir d; stat -f -c %T .; readlink /proc/self/cwd; cp /bin/true x; ./x'
	is "$KIND: names and contents" "$OUT" "750
hello
2
hello
tmpfs
$HERE/m"
	is "$KIND: nothing is left" "$(ls m)" ""
	gives "$KIND: so many inodes" 1 "$@" --tmpfs m:nr_inodes=10 -- sh -c '
		cd m; i=0; while [ $i -lt 12 ]; do mkdir "$i" || { echo "at $i"; exit 1; }; i=$((i + 1)); done'
	has "$KIND: so many inodes" "$OUT" "No space left on device
at 9"
	gives "$KIND: df" 0 "$@" --tmpfs m:size=1M,nr_inodes=100 -- sh -ec '
		cd m; head -c 262144 /dev/zero >f; sync; df -k --output=size,used,avail . | tail -n 1; df --output=itotal . | tail -n 1'
	is "$KIND: df" "$(echo $OUT)" "1024 256 768 100"
	gives "$KIND: two at once" 0 "$@" --tmpfs m --tmpfs dst -- sh -ec '
		echo 1 >m/f; [ ! -e dst/f ]; ln m/f dst/f 2>/dev/null || echo refused; mv m/f dst/; cat dst/f'
	is "$KIND: two are two" "$OUT" "refused
1"
	gives "$KIND: a bad option" 125 "$@" --tmpfs m:size=much -- true
	has "$KIND: a bad option" "$OUT" "tmpfs on $HERE/m: size=much: Invalid argument"
	gives "$KIND: an unknown option" 125 "$@" --tmpfs m:colour=red -- true
	has "$KIND: an unknown option" "$OUT" "colour=red: Invalid argument"
}
KIND="as it comes"
both_kinds um
if command -v bwrap >/dev/null && bwrap --dev-bind / / --unshare-user --disable-userns true 2>/dev/null; then
	confined() { timeout -k 10 100 bwrap --dev-bind / / --unshare-user --disable-userns umview --log "$LOG" "$@"; }
	KIND="without user namespaces"
	both_kinds confined
	# it is counted when something is made
	gives "a folder that is full" 1 confined --tmpfs m:size=1M -- sh -ec '
		head -c 1048576 /dev/zero >m/f; sync; df m >/dev/null; touch m/g'
	has "a folder that is full" "$OUT" "No space left on device"
	[ -z "$(find "$XDG_RUNTIME_DIR" -name 'tmpfs-*')" ] || fail "a folder was left"
fi

gives "ways in" 0 um -m fs.img:mnt -m none:m,type=tmpfs,size=1M -- sh -ec '
	umctl mount -t tmpfs none mnt/lost+found; echo on served >mnt/lost+found/f; cat mnt/lost+found/f
	mkdir m/sub; umctl mount -o bind mnt m/sub; ls m/sub; umctl umount mnt/lost+found; rmdir mnt/lost+found; ls mnt; umctl umount m/sub'
is "ways in" "$OUT" "on served
lost+found"
gives "the plan" 0 um --dry-run --tmpfs m:size=1M -- true
is "the plan" "$(echo "$OUT" | head -n 1)" "tmpfs on $HERE/m, in memory"
gives "on a file" 125 um --tmpfs fs.img -- true
has "on a file" "$OUT" "is not a directory"

# mount(8) as the view's root: mount(2), fsopen(2), read-only, moved, and ramfs
gives "mount -t tmpfs" 0 um --root -- sh -ec '
	mount -t tmpfs -o size=2M,mode=711,uid=0 tmpfs m; stat -c %a m; touch m/x; chown root:root m/x
	mount -o remount,ro m; touch m/y 2>/dev/null || echo read-only; mount -o remount,rw m; mount --move m dst; ls dst
	findmnt -n -o FSTYPE,SOURCE dst | tr -s " "; umount dst; mount -t ramfs none m; touch m/x; umount m'
is "mount -t tmpfs" "$OUT" "711
read-only
x
tmpfs tmpfs"
if unshare -Urm true 2>/dev/null; then
	cat >owners.py <<'P'
import os
fd = os.open("f", os.O_RDWR | os.O_CREAT, 0o600)
os.fchown(fd, 7, 8)
os.fchmod(fd, 0o4751)
os.setxattr(fd, "trusted.a", b"b")
for s in os.fstat(fd), os.lstat("f"):
    print(s.st_uid, s.st_gid, oct(s.st_mode), os.getxattr("f", "trusted.a"))
P
	gives "owners, devices, attributes" 0 um --root -- sh -ec '
		mount -t tmpfs -o mode=711,uid=5,gid=6,nr_inodes=100 tmpfs m; stat -c "%a %u:%g" m; df --output=itotal m | tail -n 1; stat -f -c %T m; cd m
		"$0" ../owners.py; mknod n c 1 3; mknod b b 7 0; echo x >n; stat -c "%F %t,%T" n b; mkdir d; chmod 0 d; touch d/q; ls d
		ln -s f s; chown -h 3:4 s; stat -c %u:%g s; cd ..; umount m' "$PYTHON"
	is "owners, devices, attributes" "$(echo "$OUT" | tr -s " ")" "711 5:6
 100
tmpfs
7 8 0o104751 b'b'
7 8 0o104751 b'b'
character special file 1,3
block special file 7,0
q
3:4"
	gives "a remount reaches open files, and limits" 0 um --root -- sh -ec '
		mount -t tmpfs -o size=2M tmpfs m; echo x >m/f; exec 3<m/f; mount -o remount,ro m
		"$0" -c "
import os
try: os.fchmod(3, 0o600)
except OSError as e: print(e)"
		mount -o remount,rw,size=3M m; df -k --output=size m | tail -n 1; head -c 2500000 /dev/zero >m/big
		mount -o remount,size=1M m 2>/dev/null || echo too much; exec 3<&-
		mkdir -p b; mount --bind m b; mount -o remount,size=4M,nr_inodes=99 m
		grep -o "size=.*M.*" /proc/self/mounts; grep -c "size=4M,nr_inodes=99$" /proc/self/mountinfo; umount b; umount m' "$PYTHON"
	is "a remount reaches open files, and limits" "$(echo "$OUT" | tr -s " ")" "[Errno 30] Read-only file system
 3072
too much
size=4M,nr_inodes=99 0 0
size=4M,nr_inodes=99 0 0
2"
	gives "an option of root's that is none" 32 um --root -- mount -t tmpfs -o mode=9z tmpfs m
fi
gives "an ordinary user may not" 32 um -- mount -t tmpfs tmpfs m
nothing_left
