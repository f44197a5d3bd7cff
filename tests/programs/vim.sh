# SPDX-License-Identifier: GPL-2.0-or-later
# need: vim.tiny
# A swap file of an editor that runs is seen by a second one.
set -e
export HOME=$PWD/scratch-home TERM=xterm; mkdir scratch-home
seq 50 >f
vim.tiny -u NONE -es -c '%s/1/one/' -c 'g/5/d' -c wq f; head -3 f; wc -l <f
vim.tiny -u NONE -es -c 'set backupskip= backup writebackup backupcopy=no' -c 'normal Goend' -c wq f; tail -1 f; ls f~
vim.tiny -u NONE -es -c 'set backupskip= backup backupcopy=yes' -c '1d' -c wq f; head -1 f
vim.tiny -u NONE -N -n -es -c 'r !echo from a command' -c 'w! g' -c 'q!'; cat g
mkfifo p
(exec script -qec 'vim.tiny -u NONE -N -c "set directory=." -c "normal ix" -c "preserve" f' /dev/null <p >scratch-tty 2>&1) &
exec 3>p
for i in $(seq 100); do test -e .f.swp && break; sleep 0.1; done
ls .f.swp; vim.tiny -u NONE -r 2>&1 | grep -c 'f.swp' || true
printf '\033:q!\r' >&3; exec 3>&-; wait; ls -A | grep swp || echo no swap file
rm -f p f~
