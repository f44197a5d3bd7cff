# SPDX-License-Identifier: GPL-2.0-or-later
# fio's crc32c of each block on a served ext4, written by write(2) and by mappings, in order and at random, verified at once and
# by the other way in the next mount; then bonnie++ (1 GiB of each in `make soak`).
# timeout: 300
# soak: 3000
. "$TOP/tests/e2e/lib.sh"
PATH=$PATH:/usr/sbin
need fio bonnie++
UM_TIMEOUT=250 size=4 files=1 chars=
if [ -n "${UMVIEW_SOAK:-}" ]; then
	UM_TIMEOUT=2000 size=1024 files=16 chars=1
fi
mkdir mnt
ext4_image fs.img $((size * 5 + 200))M
cat >jobs.sh <<'JOBS'
for rw in write randwrite; do
	for engine in sync mmap; do
		fio --name="$rw-$engine" --directory=mnt --filename="$rw-$engine" --size="${1}M" --bs=4k,12k --rw=$rw --verify=crc32c \
			--verify_fatal=1 --ioengine="$(echo $engine | sed "${2:-}")" --fsync=512 --minimal ${3:-} >fio.out 2>&1 &&
			! grep -iq 'verify.*fail\|bad \|error' fio.out || { cat fio.out; exit 1; }
		echo "$rw $engine"
	done
done
JOBS
all="write sync
write mmap
randwrite sync
randwrite mmap"
gives "written and verified" 0 um -m "fs.img:$HERE/mnt" -- sh jobs.sh $size
is "all of it" "$OUT" "$all"
gives "verified in the next mount" 0 um -m "fs.img:$HERE/mnt" -- sh jobs.sh $size 's/sync/map/;s/^mmap/sync/;s/^map/mmap/' --verify_only
is "all of that" "$OUT" "$all"
# A block that was changed is found.
gives "a block is changed" 0 um -m "fs.img:$HERE/mnt" -- sh -c 'printf x | dd of=mnt/write-sync bs=1 seek=70000 conv=notrunc status=none'
status um -m "fs.img:$HERE/mnt" -- sh jobs.sh $size '' --verify_only
[ "$STATUS" = 1 ] || fail "fio does not find what is wrong: $STATUS $OUT"
gives "bonnie++" 0 um -m "fs.img:$HERE/mnt" -- sh -c "rm mnt/*write* && bonnie++ -q -f$chars -d mnt -s ${size}M -r $((size / 2))M -n $files -x 1 && ls mnt"
is "it leaves" "$(echo "$OUT" | tail -n 1)" "lost+found"
clean_fs fs.img
nothing_left
