# SPDX-License-Identifier: GPL-2.0-or-later
# need: expect
set -e
cat >e.exp <<'X'
log_user 0
set timeout 30
spawn sh -c "stty -echo; printf 'name? '; read n; echo hello \$n; printf 'more? '; read m; echo \$m >answer; exit 5"
expect "name? "; send "you\r"
expect -re {hello (\w+)}; puts "heard $expect_out(1,string)"
expect "more? "; send "yes\r"; expect eof
puts "status [lindex [wait] 3]"
spawn bash --norc --noprofile -i
send "PS1='READY> '\r"; expect "READY> " ; expect "READY> "
send "sh -c 'echo st''arted; exec sleep 100'\r"; expect "started"; send "\003"; expect "READY> "; send "echo st=\$?\r"; expect -re {st=(\d+)}; puts "after ^C $expect_out(1,string)"
expect "READY> "; send "sh -c 'echo g''o; exec cat >in'\r"; expect "go\r"; send "line\r"; expect "line\r"; send "\004"; expect "READY> "
send "exit 3\r"; expect eof
puts "status [lindex [wait] 3]"
X
expect e.exp; cat answer in
