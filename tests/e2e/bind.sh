# SPDX-License-Identifier: GPL-2.0-or-later
# Bind mounts: of folders and files of the host and of what is served; what is done there is done to the host's
# own files, by the host's rules, and seen by nobody else under the other name.
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"
ext4_image fs.img 8M
mkdir -p src/sub/deep dst other mnt
echo hello >src/file
ln -s file src/link
ln -s sub/deep src/dirlink
echo one >f1
echo two >f2

# what is seen, and by which names
gives "a folder" 0 um --bind src:dst -- sh -ec '
	cat dst/file dst/link; cd dst/dirlink; pwd -P; ls ../..; cd -P ..; /bin/pwd; readlink /proc/self/cwd'
is "a folder: content and names" "$OUT" "hello
hello
$HERE/dst/sub/deep
dirlink
file
link
sub
$HERE/dst/sub
$HERE/dst/sub"
gives "an open file and a program" 0 um --bind "$(dirname "$(command -v cat)")":dst -- sh -ec '
	readlink /proc/self/fd/3 3<dst/cat; dst/readlink /proc/self/exe; dst/grep -m 1 -o "/.*dst/grep" /proc/self/maps'
is "by its name there" "$OUT" "$HERE/dst/cat
$HERE/dst/readlink
$HERE/dst/grep"
[ -z "$(ls dst)" ] || fail "the mount point has changed"

# what is done
gives "changes are the host's" 0 um --bind src:dst -- sh -ec '
	echo new >dst/new; mkdir dst/d; mv dst/new dst/d/moved; chmod 640 dst/d/moved; ln dst/d/moved dst/hard
	truncate -s 2 dst/hard; touch -d @1000 dst/d/moved; ln -s x dst/s; mkfifo dst/p; rm dst/s'
is "content" "$(cat src/d/moved)" ne
is "mode, links, time" "$(stat -c '%a %h %Y' src/hard)" "640 2 1000"
[ -p src/p ] && [ ! -e src/s ] || fail "a fifo, and no link"
gives "a fifo joins both names" 0 um --bind src:dst -- sh -ec '(echo through >src/p &); cat dst/p'
is "a fifo" "$OUT" through
gives "across is another file system" 1 um --bind src:dst -- ln dst/file src/hard2
has "across" "$OUT" "cross-device"
gives "mv across copies" 0 um --bind src:dst -- mv dst/d/moved dst/../f3

# sockets and watches are the host's
gives "sockets and inotify" 0 um --bind src:dst -- "$PYTHON" -c '
import ctypes, os, socket
s = socket.socket(socket.AF_UNIX); s.bind("dst/sock"); s.listen()
c = socket.socket(socket.AF_UNIX); c.connect("src/sock")
d = socket.socket(socket.AF_UNIX); d.connect("dst/sock")
libc = ctypes.CDLL(None)
fd = libc.inotify_init1(os.O_NONBLOCK)
assert libc.inotify_add_watch(fd, b"dst", 0x100) > 0
open("src/seen", "w").close()
assert b"seen" in os.read(fd, 4096)'
rm -f src/sock src/seen

# read-only, files, binds of binds and of what is served
gives "read-only" 1 um --bind src:dst,ro -- touch dst/x
has "read-only" "$OUT" "Read-only file system"
gives "a file on a file" 0 um --bind f1:f2 -- sh -c 'cat f2; echo more >>f2'
is "a file on a file" "$OUT" one
is "it was written to" "$(tail -n 1 f1)" more
gives "a bind of a bind, and a bind of a served folder" 0 um --bind src:dst --bind dst/sub:other -m fs.img:mnt \
	--bind src:mnt/lost+found -- sh -ec 'ls other; cat mnt/lost+found/file; umctl umount mnt/lost+found'
is "on and of mounts" "$OUT" "deep
hello"
gives "folder and file" 125 um --bind f1:dst -- true
has "folder and file" "$OUT" "is a directory, the other is not"
gives "what is not there" 125 um --bind nothing:dst -- true
has "what is not there" "$OUT" "nothing: No such file or directory"
gives "the plan" 0 um --dry-run --bind src:dst -- true
has "the plan" "$OUT" "$HERE/src on $HERE/dst, a bind"

# mount(8), as the view's root
gives "mount --bind" 0 um --root -- sh -ec '
	mount --bind src dst; cat dst/file; findmnt -n -o TARGET,FSROOT dst | tr -s " "
	mount -o remount,bind,ro dst; touch dst/x 2>/dev/null || echo refused
	mount --move dst other; cat other/file; umount other; ls dst'
has "findmnt" "$OUT" "$HERE/dst $(findmnt -n -o FSROOT -T src | sed 's,^/$,,')"
has "remount read-only" "$OUT" refused
# with all that is mounted below
mkdir -p all/in/sub to
echo hidden >all/secret
gives "mount --rbind" 0 um --root --hide all/secret -- sh -ec '
	mount -t tmpfs none all/in/sub; echo kept >all/in/sub/f; mkdir all/in/sub/d; mount --bind other all/in/sub/d; touch other/seen
	mount --rbind all to; ls to to/in/sub to/in/sub/d; cat to/in/sub/f; echo back >to/in/sub/f; cat all/in/sub/f
	umount -R to; ls to; cat all/in/sub/f
	mkdir all/in/sub/self; mount --rbind all all/in/sub/self; ls all/in/sub/self/in/sub all/in/sub/self/in/sub/self; umount -l all/in/sub/self
	mount -t tmpfs none all; mkdir all/new; mount --rbind . to; ls to/all; umount -R to; umount all; umount -R all/in/sub; rm other/seen'
is "mount --rbind" "$OUT" "to:
in

to/in/sub:
d
f

to/in/sub/d:
seen
kept
back
back
all/in/sub/self/in/sub:
d
f
self

all/in/sub/self/in/sub/self:
new"
gives "the option rbind" 0 um --bind other:src/sub --bind f1:src/sub/f -m src:dst,rbind -- cat dst/sub/f
is "the option rbind" "$OUT" "$(cat f1)"
gives "without --root it stays forbidden" 32 um -- mount --bind src dst
nothing_left
