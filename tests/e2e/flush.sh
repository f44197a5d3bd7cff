# SPDX-License-Identifier: GPL-2.0-or-later
# A server that puts a file where it belongs at FUSE_FLUSH, as s3fs does, gets one after all that was written, however it was
# closed: by a shell's redirection, at exit, by dup2(2). Who then opens, renames or touches the file comes after that.
. "$TOP/tests/e2e/lib.sh"
SERVER=$TOP/build-check/tests/server-uploads
[ -x "$SERVER" ] || skip "no libfuse3-dev here"
export SERVER
mkdir mnt store
export UPLOADS=$PWD/store

cat >inside.sh <<'INSIDE'
set -eu
"$SERVER" mnt -o attr_timeout=0
echo one >mnt/a
[ -s mnt/a ] && cat mnt/a
echo two >>mnt/a
cat mnt/a store/a
for i in 1 2 3; do
	echo "round $i" >mnt/b
	stat -c "%s bytes" mnt/b
done
"$PYTHON" -c 'import os
fd = os.open("mnt/exit", os.O_WRONLY | os.O_CREAT, 0o644)
os.write(fd, b"left open\n")
os._exit(0)'
cat mnt/exit
"$PYTHON" -c 'import os
fd = os.open("mnt/dup", os.O_RDWR | os.O_CREAT, 0o644)
os.write(fd, b"written over\n")
os.dup2(os.open("/dev/null", os.O_RDONLY), fd)
print(open("mnt/dup").read(), end="")'
echo moved >mnt/from
mv mnt/from mnt/to
cat mnt/to
echo touched >mnt/old
touch -d @1000000000 mnt/old
stat -c %Y mnt/old
exec 5>mnt/five
echo five >&5
exec 5>&-
cat mnt/five
umount mnt
INSIDE
gives "what is read" 0 um bash inside.sh
is "it is what was written" "$OUT" "one
one
two
one
two
8 bytes
8 bytes
8 bytes
left open
written over
moved
1000000000
five"
is "and it is at its place" "$(cd store && tail -n +1 ./* | cat)" "==> ./a <==
one
two

==> ./b <==
round 3

==> ./dup <==
written over

==> ./exit <==
left open

==> ./five <==
five

==> ./old <==
touched

==> ./to <==
moved"
is "with the time that was set" "$(stat -c %Y store/old)" 1000000000

# what the server refuses only then, and nobody could be told of, is told at the end
# shellcheck disable=SC2016
gives "a file that is refused" 125 um --log log -- sh -c '"$SERVER" mnt && echo lost >mnt/full'
has "the log" "$(cat log)" "/full: the server could not keep what was written: Disk quota exceeded"
nothing_left
