# SPDX-License-Identifier: GPL-2.0-or-later
# need: Xvfb xterm xclock xcalc xeyes xwininfo xdpyinfo feh
# ways: idle elsewhere served
# timeout: 100
# Desktop programs on a display of their own: each shows its window.
set -e
export HOME=$PWD/scratch-home XAUTHORITY=$PWD/scratch-auth; mkdir -p scratch-home; : >scratch-dpy
trap 'kill $(jobs -p) 2>/dev/null || :' EXIT
Xvfb -displayfd 3 -screen 0 640x480x24 -nolisten tcp -noreset 3>scratch-dpy 2>scratch-xlog & server=$!
for i in $(seq 300); do [ -s scratch-dpy ] && break; sleep 0.1; done
DISPLAY=:$(cat scratch-dpy); export DISPLAY
shows() { for i in $(seq 200); do xwininfo -root -tree 2>/dev/null | grep -qE "\"$1\"" && { echo "shows $1"; return; }; sleep 0.1; done; echo "no window of $1"; xwininfo -root -tree; }
xdpyinfo | grep 'dimensions' | awk '{print $2}'
xterm -T xterm-title -e sh -c 'echo in xterm >out; tty | cut -c1-8 >>out; exec sleep 100'  2>scratch-e & shows xterm-title; for i in $(seq 100); do grep -q pts out 2>/dev/null && break; sleep 0.1; done; cat out
xclock -name clock -title clock-title 2>scratch-e & shows clock-title
xcalc -title calc-title 2>scratch-e & shows calc-title
xeyes -title eyes-title 2>scratch-e & shows eyes-title
printf 'P3 2 2 255 255 0 0 0 255 0 0 0 255 9 9 9\n' >img.ppm; feh --title feh-title img.ppm 2>scratch-feh & shows feh-title
xwd -root -silent -out scratch-xwd; test "$(stat -c %s scratch-xwd)" -gt 900000 && echo picture
kill $(jobs -p) 2>/dev/null || :; wait 2>/dev/null || true; ls -A | grep -v scratch
