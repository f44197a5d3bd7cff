# SPDX-License-Identifier: GPL-2.0-or-later
# need: ed
set -e
printf 'one\ntwo\nthree\n' >f
ed -s f <<'X'
2s/two/2/
$a
four
five
.
g/^f/s/f/F/
1,2w out
r !echo shell
f
w
q
X
cat f out; printf 'e nothere\nq\n' | ed -s || echo $?
