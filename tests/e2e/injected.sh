# SPDX-License-Identifier: GPL-2.0-or-later
# The supervisor's own system calls fail (no memory, no descriptors, no space, signals), each by turns: what the guests do
# then may fail, but nothing crashes, hangs or leaks, and afterwards all is well.
# timeout: 300
# soak: 7200
. "$TOP/tests/e2e/lib.sh"
need strace
memory=sendto,poll,openat2,pwrite64,recvfrom,recvmsg more='' whens=1
UM_TIMEOUT=280
if [ -n "${UMVIEW_SOAK:-}" ]; then
	memory=sendto,sendmsg,recvfrom,recvmsg,poll,ppoll,clone3,mmap,process_vm_readv,process_vm_writev,pread64,pwrite64,kcmp,getdents64,fcntl
	more=openat,openat2,newfstatat,readlinkat,pwrite64,pidfd_getfd,pidfd_open,inotify_add_watch,memfd_create,mkdir,ftruncate
	more+=,pwritev2,lseek,socketpair,eventfd2,pipe2,accept4,unlink,symlink,statx,sendfile,flock,linkat,mkdirat,dup3,faccessat2
	whens=1,3,2+7
	UM_TIMEOUT=7100
fi
ext4_image fs.img 32M
ext4_image other.img 8M
mkdir mnt other host
cat >turn.sh <<'TURN'
# keep FOLDER: a file of which the next turn knows what must be in it; where something failed, that nothing must be
keep() {
	local text
	printf -v text '%5000s' "$RANDOM"
	rm -f "wanted-$1" || return
	printf %s "$text" >new && cp new "$1/kept" && printf more | dd "of=$1/kept" oflag=append conv=notrunc status=none &&
		sync "$1/kept" && printf more >>new && mv new "wanted-$1"
}
turn() {
	[ ! -e "wanted-$1" ] || cmp "$1/kept" "wanted-$1" || echo "lost in $1"
	rm -rf "$1/d" # of a turn that failed
	mkdir "$1/d" && cd "$1/d" || return
	echo hello >f; cat f f >>g; ln f h; ln -s f s; mv g k; cat s k
	dd if=/dev/zero of=big bs=64k count=4 status=none; truncate -s 3000 big; wc -c <big
	mkfifo p # if one of the two cannot open it, the other would wait for ever
	timeout 20 sh -c 'echo through >p' & timeout 20 cat p; wait
	cp /bin/true t; ./t; printf '#!/bin/sh\necho run\n' >sc; chmod +x sc; ./sc
	umctl cache drop >/dev/null; cksum <t; flock f echo locked; find . | wc -l; readlink /proc/self/cwd
	cd "$HERE" && rm -rf "$1/d"
	keep "$1"
}
export HERE=$PWD
for where in mnt host; do turn $where; done
umctl mount other.img other; echo 1 >other/n; cat other/n; umctl umount other || umctl umount -l other
umctl ls >/dev/null && echo listed
TURN
um -m "fs.img:$HERE/mnt" -- bash -c 'touch up; n=0
	until [ -e end ]; do
		read -r go 2>/dev/null <go || go=$n
		[ "$go" != $n ] || { sleep 0.05; continue; }
		n=$go
		timeout -k 1 90 bash turn.sh >turn.out 2>&1
		# what the shell does may fail, too, and so may the open before the turn
		until mv turn.out done.$n 2>/dev/null; do { : >>turn.out; } 2>/dev/null; sleep 0.05; done
	done' &
view=$!
until_true 30 test -e up
supervisor=$(supervisor_of)
strace -qq -e trace=none -p "$supervisor" -o /dev/null & try=$!
until grep -q "^TracerPid:.[1-9]" "/proc/$supervisor/status"; do
	kill -0 $try 2>/dev/null || { touch end; wait $view || true; skip "strace(1) may not attach here"; }
	sleep 0.05
done
kill -INT $try
wait $try || true
STATUS=0
"$PYTHON" "$TOP/tests/lib/injected.py" "$supervisor" "$memory:ENOMEM:$whens" "${more:+$more:ENOMEM,EMFILE,ENOSPC:$whens}" >said ||
	STATUS=$?
touch end
[ "$STATUS" = 0 ] || fail "$(cat said)"
is "calls that fail" "$(cat said)" "some calls failed"
wait $view || fail "the view ended badly"
nothing_left
