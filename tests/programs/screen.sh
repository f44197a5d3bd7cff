# SPDX-License-Identifier: GPL-2.0-or-later
# need: screen
# ways: idle elsewhere
set -e
export SCREENDIR=$PWD/scratch-s TERM=xterm HOME=$PWD
mkdir -m 700 scratch-s
screen -c /dev/null -dmS one sh -c 'echo inside; tty | cut -c1-8; sleep 60'
for i in $(seq 100); do screen -S one -X hardcopy "$PWD/scratch-h"; grep -q /dev/pts scratch-h 2>/dev/null && break; sleep 0.1; done
grep . scratch-h
screen -ls | sed -n 's/.*\.one.*(\(.*\))/\1/p'
screen -S one -X quit
for i in $(seq 100); do screen -ls >/dev/null || break; sleep 0.1; done
screen -ls >/dev/null || echo ended
