# SPDX-License-Identifier: GPL-2.0-or-later
# need: m4 bc
set -e
printf 'define(`f'"'"', `[$1]'"'"')f(x) include(other) syscmd(echo cmd) esyscmd(printf 7) undivert(other)' >a.m4
echo 'incl f(y)' >other
m4 a.m4; m4 -F frozen.m4f a.m4 >/dev/null; m4 -R frozen.m4f other; echo '2^100; scale=20; 1/7' | bc; printf '[1 2+p]x' | dc 2>/dev/null || echo 3
rm -f frozen.m4f
