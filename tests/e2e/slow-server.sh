# SPDX-License-Identifier: GPL-2.0-or-later
# A server that answers late: who waits for it can be killed and stopped, nothing is done twice for a
# signal, and nobody else waits.
# timeout: 300
. "$TOP/tests/e2e/lib.sh"
SERVER=$BUILD/tests/server-slow
[ -x "$SERVER" ] || skip "no libfuse3-dev here"
mkdir mnt
export SERVER SLOW_GO=$HERE/go SLOW_LOG=$HERE/requests

gives "the view" 0 um bash -c '
	"$SERVER" -f -o attr_timeout=0,entry_timeout=0,max_threads=64 mnt 2>said &
	until grep -q " $PWD/mnt " /proc/self/mounts; do sleep 0.05; done
	timeout 200 "$PYTHON" "$TOP/tests/lib/slow.py"
	umount mnt; wait'
is "what was seen" "$OUT" "stat, SIGKILL True True soon
stat, SIGTERM True True soon
stat, SIGINT True True soon
read, SIGKILL True True soon
threads, SIGKILL True True soon
mkdir, SA_RESTART True waits 0 1 True
mkdir, no SA_RESTART True waits 0 1 True
others go on True True
a stop waits True
stopped True
continued 1
read 5000"
nothing_left
