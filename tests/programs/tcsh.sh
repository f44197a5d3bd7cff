# SPDX-License-Identifier: GPL-2.0-or-later
# need: tcsh
set -e
cat >t.csh <<'X'
echo one >f; echo two >>f
set lines = (`cat f`); echo $#lines $lines[2]
foreach i (1 2 3)
  if ($i == 2) continue
  echo "i $i"
end
@ n = 4 * 5; echo $n
if (-e f && ! -d f) echo file
mkdir d; cd d; echo $cwd:t; cd ..
sh -c 'exit 6'; echo $status
(echo err; ls nothere) >& both; wc -l <both
X
tcsh -f t.csh
