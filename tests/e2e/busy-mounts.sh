# SPDX-License-Identifier: GPL-2.0-or-later
# 300 busy processes and threads, some traced, stopped or in a vfork, while something is mounted and unmounted.
# alone: yes
# timeout: 300
# soak: 4500
. "$TOP/tests/e2e/lib.sh"

need mke2fs gcc
rounds=2
if [ -n "${UMVIEW_SOAK:-}" ]; then
	rounds=200
fi
ext4_image fs.img 16M
mkdir mnt
M=$HERE/mnt
um -m "$HERE/fs.img:$M" -- sh -c "echo hi >'$M/f'"
gcc -O2 -pthread -o busy "$TOP/tests/e2e/busy-mounts.c"

# What is still in use is let go later: until then the image is not free.
cat >on.sh <<'END'
until umctl mount fs.img mnt 2>err; do
	grep -q "already mounted" err || { cat err; exit 1; }
	sleep 0.02
done
END
UM_TIMEOUT=$((rounds * 10 + 60)) gives "each call is answered, and after each change" 0 um -- \
	./busy 300 "$rounds" "$M/f" "sh on.sh" "umctl umount mnt 2>/dev/null || umctl umount -l mnt"
clean_fs fs.img
nothing_left
