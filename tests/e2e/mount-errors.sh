# SPDX-License-Identifier: GPL-2.0-or-later
# What cannot be mounted says what, where and what to do; servers that die, hang or never mount.
# timeout: 300
. "$TOP/tests/e2e/lib.sh"
need mksquashfs

ext4_image fs.img 16M
mkdir mnt
message() {
	local what=$1 part=$2
	shift 2
	gives "$what" 125 um "$@" -- true
	has "$what" "$OUT" "$part"
}
head -c 4M fs.img >short.img
truncate -s 0 empty.img
message "missing" "nothing.img: No such file" -m nothing.img:mnt
message "target" "/nothing: No such file" -m fs.img:nothing
message "unknown" "no file system known" -m /etc/passwd:mnt
message "empty" "empty" -m empty.img:mnt
message "truncated" "truncated" -m short.img:mnt
message "a folder" "no image" -m /etc:mnt
message "no server for the type" "server=COMMAND" -m fs.img:mnt,type=xfs
message "no such server" "not installed" -m fs.img:mnt,server=nonesuch
message "a server that fails" "did not mount it" -m fs.img:mnt,server=false
message "its own words" "unknown option" -m fs.img:mnt,foo=bar
message "not a mount" "SOURCE:TARGET" -m fs.img
message "twice at one place" "is mounted on $HERE/mnt already" -m fs.img:mnt -m fs.img:mnt
mkdir -p config/umview
echo 'ext4 no-such-package no-such-program %s %m' >config/umview/servers
XDG_CONFIG_HOME=$PWD/config message "the package to install" "apt install no-such-package" -m fs.img:mnt

umview --name holder -m fs.img:mnt -- sh -c 'echo >ready; while test ! -e go; do sleep 0.05; done' &
until_true 30 test -e ready
message "locked" "already mounted read-write in view holder" -m fs.img:mnt
message "for reading too" "already mounted read-write in view holder" -m fs.img:mnt,ro
touch go
wait
gives "free again" 0 um -m fs.img:mnt,ro -m fs.img:/mnt,ro -- true

# One that does not end after its mount did, and does nothing: beside the next, which also takes 30 s.
ext4_image hang.img 16M
mkdir hung
printf '#!/bin/sh\nfuse2fs -f "$1" "$2"\nexec sleep 1000\n' >hang
chmod +x hang
um -m "hang.img:hung,server=$HERE/hang" -- sh -c 'echo kept >hung/file' &
hanging=$!

gives "never mounts" 125 um -m 'fs.img:mnt,server=sh -c "sleep 1000"' -- true
has "never mounts" "$OUT" "within 30 s"

wait "$hanging" || fail "a server that hangs: status $?"
has "a server that hangs" "$(cat "$LOG")" "does not end and is killed"
is "what it had written" "$(debugfs -R 'cat file' hang.img 2>/dev/null)" kept
clean_fs hang.img

cat >die.sh <<'INSIDE'
set -ux
fuse2fs -f fs.img mnt &
server=$!
until test -e mnt/lost+found; do sleep 0.05; done
kill -9 $server
wait $server
ls mnt 2>&1 | grep 'not connected' || exit 1
umount mnt || exit 1
! test -e mnt/lost+found
INSIDE
gives "a server that is killed" 0 um -- sh die.sh
nothing_left
