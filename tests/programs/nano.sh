# SPDX-License-Identifier: GPL-2.0-or-later
# need: nano expect
set -e
export HOME=$PWD/scratch-home TERM=xterm; mkdir scratch-home
echo first >f
cat >e.exp <<'X'
log_user 0
set timeout 30
set stty_init "rows 24 columns 80"
spawn nano --ignorercfiles -B -G f
expect "first"
send "typed "
expect "typed"
puts "lock [file exists .f.swp]"
send "\017"; expect "Write"; send "\r"; expect "Wrote"
send "\030"; expect eof
puts "status [lindex [wait] 3] lock [file exists .f.swp]"
X
expect e.exp; cat f; cat f~
