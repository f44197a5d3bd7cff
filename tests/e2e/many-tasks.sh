# SPDX-License-Identifier: GPL-2.0-or-later
# Thousands of processes, threads that wait, programs one after the other, a bounded fork bomb.
# alone: yes
# timeout: 600
# soak: 1800
. "$TOP/tests/e2e/lib.sh"

need mke2fs gcc
ext4_image fs.img 16M
mkdir mnt
M=$HERE/mnt
um -m "fs.img:$M" -- sh -c "echo hi >'$M/f'; mkfifo '$M/fifo'; cp /bin/true '$M/true'"
gcc -O2 -pthread -o many "$TOP/tests/e2e/many-tasks.c"
spawned=2000
export UM_TIMEOUT=180
if [ -n "${UMVIEW_SOAK:-}" ]; then
	spawned=20000 UM_TIMEOUT=900
fi

# them WHAT COUNT FILE WANTED: in a view with a mount
them() {
	gives "$1" 0 um -m "fs.img:$M" -- ./many "$1" "$2" "$3"
	is "$1: $2" "$OUT" "$4"
}
them alive 2000 "$M/f" "2000 alive, 0 failed"
them spawn "$spawned" /bin/true "$spawned ended"
them spawn "$((spawned / 5))" "$M/true" "$((spawned / 5)) ended"
them blocked 1000 "$M/fifo" "1000 were blocked, 0 failed"
them bomb 5000 "$M/f" "5000 forked, 0 failed, bounded"
clean_fs fs.img
nothing_left
