# SPDX-License-Identifier: GPL-2.0-or-later
# need: fish
set -e
export HOME=$PWD/scratch-home XDG_CONFIG_HOME=$PWD/scratch-home/c XDG_DATA_HOME=$PWD/scratch-home/d
mkdir -p scratch-home
cat >s.fish <<'X'
echo a >f; echo b >>f; cat <f | while read line; echo "got $line"; end
set l (cat f); echo (count $l) $l[2]
for i in (seq 3); test $i -eq 2; or echo $i; end
function g; echo "g $argv"; end; g 1 2
mkdir -p d/e; cd d/e; string match -r '[^/]*/[^/]*$' $PWD; cd ../..
touch x1 x2; echo x*; string upper abc; math 2 \* 21
begin; echo out; echo err >&2; end >both 2>&1; cat both
diff (cat f | psub) f; and echo same
false; echo $status; sh -c 'exit 4'; echo $status; sleep 0.1 &; wait; echo waited
command ls | string join ,
X
fish s.fish
fish -c 'echo (status is-interactive; echo $status)'
