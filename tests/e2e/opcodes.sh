# SPDX-License-Identifier: GPL-2.0-or-later
# What servers seldom have, against one of libfuse that has it: ioctl, copy_file_range, fallocate,
# SEEK_HOLE, notifications, interrupts; errors at close(2); a server that ends slowly. What is
# expected is what was seen on the kernel's mount of the same server.
. "$TOP/tests/e2e/lib.sh"
SERVER=$TOP/build-check/tests/server-opcodes
[ -x "$SERVER" ] || skip "no libfuse3-dev here"
mkdir mnt
export SERVER

cat >inside.sh <<'INSIDE'
set -eu
"$SERVER" -f mnt 2>requests &
until grep -q " $PWD/mnt " /proc/self/mounts; do sleep 0.05; done
(cd mnt && "$PYTHON" "$TOP/tests/lib/opcodes.py") >seen
umount mnt
wait
OPCODES_LEAVES=$PWD/left "$SERVER" mnt
umount mnt
ls left
INSIDE
gives "the server" 0 um bash inside.sh
is "what it does after its unmount is done when umount returns" "$OUT" left
cat >wanted <<'WANTED'
ioctl get: 5
ioctl set: 7
ioctl swap: 200000
ioctl too big: EFBIG
ioctl unknown: ENOTTY
ioctl of a folder: ENOTTY
copy_file_range: 5000
copied: b'234567890123'
its size: 105000
fallocate: None
its size: 300000
data from 0: 65536
hole from 0: 0
hole from 65536: 69632
data from 200000: ENXIO
handle: (12, '0x81', '000000000200000000000000', True)
handle, no room: EOVERFLOW
handle, too much room: EINVAL
handle, wrong flags: EINVAL
no space is told: ['ENOSPC']
the descriptor is closed: EBADF
content: b'start'
content after inval_inode: b'other'
content after store: b'store'
name is there: True
and still, as the server promised: True
name is there after inval_entry: False
name is there: True
name is there after delete: False
slow read: interrupted
at once: True
WANTED
is "what was seen" "$(cat seen)" "$(cat wanted)"

asked() {
	is "the server: $1" "$(grep -c "^$1" requests)" "$2"
}
asked "ioctl 0x80084500 of 0 and 8 bytes" 2
asked "ioctl 0x80084500 of 0 and 8 bytes of a directory that is open" 1
asked "ioctl 0x40084501 of 8 and 0 bytes" 2
asked "ioctl 0xc0084502 of 8 and 8 bytes" 1
asked "copy_file_range 2 to 100000" 1
asked "fallocate mode 0" 1
asked "lseek data" 2
asked "lseek hole" 2
asked "retrieved data+0: store" 1
asked "lookup name: there" 2
asked "lookup name: not there" 2
asked "slow read: interrupted" 1
asked "notified [a-z_]*: -" 0
asked "statfs" 0 # nobody did
# FIBMAP: of a block device's mount the server is asked, of others it is 0
cat >fibmap.py <<'PYTHON'
import errno, fcntl, os, struct
def block(n, fd):
    try:
        return struct.unpack('i', fcntl.ioctl(fd, 1, struct.pack('i', n)))[0]
    except OSError as e:
        return errno.errorcode[e.errno]
fd = os.open('mnt/data', os.O_RDONLY)
print(block(7, fd), block(0, fd), block(-1, fd), block(0x7fffffff - 999, fd), block(0, os.open('mnt', os.O_RDONLY)))
PYTHON
cat >blocks.sh <<'SHELL'
for options in rw blkdev,fsname=disk; do
	"$SERVER" -f -o "$options" mnt 2>>blocks &
	until grep -q " $PWD/mnt " /proc/self/mounts; do sleep 0.05; done
	"$PYTHON" fibmap.py
	umount mnt
	wait
done
SHELL
is "blocks, which root alone may ask for" "$(um bash blocks.sh 2>&1; um --root -- bash blocks.sh 2>&1)" \
	"EPERM EPERM EPERM EPERM ENOTTY
EPERM EPERM EPERM EPERM ENOTTY
0 0 EINVAL 0 ENOTTY
1007 1000 EINVAL ERANGE ENOTTY"
is "blocks: the server" "$(grep "^bmap" blocks)" "bmap of 512
bmap of 512
bmap of 512"
# a file that is made by MKNOD has the modes that one made by CREATE has
cat >modes.sh <<'SHELL'
"$TOP/build-check/tests/server-nocreate" -f mnt &
until grep -q " $PWD/mnt " /proc/self/mounts; do sleep 0.05; done
umask 077
: >mnt/a
umask 002
: >mnt/b
umask 0
: >mnt/c
stat -c %a mnt/a mnt/b mnt/c
umount mnt
wait
SHELL
is "modes where the server has no CREATE" "$(um sh modes.sh)" "600
664
666"
nothing_left
