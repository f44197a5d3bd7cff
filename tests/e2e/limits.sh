# SPDX-License-Identifier: GPL-2.0-or-later
# Limits that umview is started with hold for its command, not for itself and its servers.
# timeout: 200
. "$TOP/tests/e2e/lib.sh"

ext4_image fs.img 64M
mkdir mnt
head -c 3000000 /dev/urandom >big
um -m "fs.img:$HERE/mnt" -- cp big mnt/big

# under LIMIT COMMAND...: its standard output is a pipe, whose size nothing limits
under() {
	local limit=$1
	shift
	{ (eval "$limit" && "$@") 2>&1 || true; } | cat
}

is "no file may grow" "$(under "ulimit -f 0" umview sh -c 'ulimit -f')" 0
is "a soft limit of no bytes" "$(under "ulimit -Sf 0" umview sh -c 'ulimit -f')" 0
is "a soft limit, and a mount" "$(under "ulimit -Sf 8" umview -m "fs.img:$HERE/mnt" -- bash -c '
	ulimit -f
	cmp big mnt/big && echo same
	trap "" XFSZ
	head -c 20000 /dev/zero 2>/dev/null >mnt/cut; wc -c <mnt/cut
	head -c 8000 /dev/zero >mnt/whole; wc -c <mnt/whole; cp mnt/whole native')" "8
same
8192
8000"
clean_fs fs.img
OUT=$(under "ulimit -f 8" umview -m "fs.img:$HERE/mnt,ro" -- sh -c 'cat mnt/cut | wc -c; cat mnt/big')
has "a hard limit: says so" "$OUT" "umview: files larger than 8192 bytes cannot be used on mounts (ulimit -f)"
has "a hard limit: a file below it" "$OUT" 8192
has "a hard limit: a file above it" "$OUT" "File too large"

is "a soft limit of memory" "$(under "ulimit -Sv 60000" umview -m "fs.img:$HERE/mnt" -- sh -c '
	ulimit -Sv; cmp big mnt/big && echo same')" "60000
same"
is "few descriptors" "$(under "ulimit -Sn 20" umview -m "fs.img:$HERE/mnt" -- sh -c '
	ulimit -Sn; exec 3<mnt/big; cmp big - <&3 && echo same; ls mnt | grep big')" "20
same
big"
is "a umask that leaves nothing" "$(under "umask 777" umview -m "fs.img:$HERE/mnt" -- sh -c '
	umask; mkdir mnt/closed; stat -c %a mnt/closed; echo >mnt/shut; stat -c %a mnt/shut')" "0777
0
0"

# As many as the host lets a process have, and a program that closes them all
most=$(ulimit -Hn)
is "the most descriptors" "$(under "ulimit -n $most" umview -m "fs.img:$HERE/mnt" -- "$PYTHON" -c '
import os, resource
most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
fd = os.open("mnt/big", os.O_RDWR)
os.dup2(fd, most - 1)
print(os.read(most - 1, 10) == open("big", "rb").read(10), len(os.listdir("/proc/self/fd")) < 10)
os.closerange(3, min(most, 5000))
print(os.lseek(most - 1, 0, os.SEEK_CUR))
os.close(most - 1)
print(len(os.listdir("/proc/self/fd")))
')" "True True
10
4"
clean_fs fs.img
rm -rf mnt
nothing_left
