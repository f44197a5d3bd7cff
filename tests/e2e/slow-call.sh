# SPDX-License-Identifier: GPL-2.0-or-later
# A call of ours that the kernel lets wait for another guest, which makes calls meanwhile: the lease
# on a real file, opened by a path that only the view resolves, is given up in a signal handler.
. "$TOP/tests/e2e/lib.sh"
need python3

ext4_image fs.img 8M
mkdir mnt
echo content >file
cat >holder.py <<'HOLDER'
import fcntl, os, signal, time
f = open("file")
given_up = []
def give_up(*_):
    for _ in range(200):
        os.stat("/")
    fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    given_up.append(True)
signal.signal(signal.SIGIO, give_up)
fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_RDLCK)
open("ready", "w").close()
while not given_up:
    time.sleep(0.01)
HOLDER
cat >run.sh <<'RUN'
python3 holder.py &
until [ -e ready ]; do sleep 0.01; done
# What is asked of the server would call another worker: so it is known. Without an answer to the
# holder's calls the kernel itself breaks the lease, after 45 s.
timeout 30 sh -c '[ -d mnt/. ] && echo more >>mnt/../file' || exit 1
wait $!
RUN
gives "the holder's calls are answered" 0 um -m "fs.img:$HERE/mnt" -- sh run.sh
is "written" "$(cat file)" "content
more"
nothing_left
