# SPDX-License-Identifier: GPL-2.0-or-later
# need: inotifywait
set -e
mkdir d; : >scratch-log; : >scratch-err
inotifywait -q -m -r -e create,delete,moved_from,moved_to,close_write,attrib --format '%e %f' -o scratch-log d 2>scratch-err & watch=$!
trap 'kill $watch 2>/dev/null || :' EXIT
for i in $(seq 200); do touch d/probe; rm d/probe; grep -q probe scratch-log && break; sleep 0.05; done
echo 1 >d/a; mv d/a d/b; chmod 600 d/b; echo 2 >>d/b; ln -s b d/l; mkdir d/sub; rm d/b; rmdir d/sub; echo end >d/last
for i in $(seq 200); do grep -q 'CLOSE_WRITE.* last' scratch-log && break; sleep 0.05; done
grep -v probe scratch-log | grep -v ' sub'; kill $watch; wait $watch || true
inotifywait -q -t 1 d || echo $?; (for i in $(seq 100); do echo x >d/new; sleep 0.05; test -e done && break; done) & inotifywait -q -e close_write --format '%w%f' d; touch done; wait; inotifywait -q nothere 2>/dev/null || echo $?; rm done
