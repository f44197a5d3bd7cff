# SPDX-License-Identifier: GPL-2.0-or-later
# need: parallel
set -e
export HOME=$PWD/scratch-home PARALLEL_HOME=$PWD/scratch-home; mkdir scratch-home; touch scratch-home/will-cite
parallel -j4 'echo {} >o{}; cat o{}' ::: $(seq 12) | sort -n | tail -1; parallel -k -j3 echo {1}-{2} ::: a b ::: 1 2; seq 10 | parallel -j2 -k --pipe -N5 'wc -l'; parallel -j2 exit ::: 0 3 || echo $?; parallel -j2 --joblog scratch-log 'exit {}' ::: 0 1 0 || echo $?; awk 'NR > 1 {print $7}' scratch-log | sort; parallel -j4 --results scratch-res 'echo {}' ::: x y >/dev/null; cat scratch-res/1/x/stdout; seq 3 | parallel --tmpdir . -k 'echo t{}'; sem --fg -j1 echo in a semaphore; seq 100 | xargs -P4 -n10 echo | wc -w
