# SPDX-License-Identifier: GPL-2.0-or-later
# Exit statuses, and what a command inherits.
# sanitize: asan tsan
. "$TOP/tests/e2e/lib.sh"

gives "true" 0 um true
gives "false" 1 um false
gives "any status" 42 um -- sh -c 'exit 42'
gives "SIGTERM" 143 um -- sh -c 'kill -TERM $$'
gives "SIGKILL" 137 um -- sh -c 'kill -KILL $$'
gives "not found" 127 um no-such-program-here
has "it says so" "$OUT" no-such-program-here
gives "not executable" 126 um /etc/passwd
gives "a folder" 126 um /etc
gives "wrong usage" 125 um --no-such-option
has "it names the option" "$OUT" --no-such-option

status sh -c 'echo "exit 5" | SHELL=/bin/sh umview'
is "no command: the shell" "$STATUS" 5

is "standard input and output" "$(echo through | um cat)" through
is "standard error" "$(um sh -c 'echo err >&2' 2>&1 >/dev/null)" err
is "arguments" "$(um printf '%s|' a 'b c' '' '*')" 'a|b c||*|'
is "environment" "$(MARK=here um sh -c 'echo $MARK')" here
is "working directory" "$(um pwd)" "$HERE"
is "umask" "$(umask 027; um sh -c umask)" 0027
is "limits" "$(ulimit -n 333; um sh -c 'ulimit -n')" 333
is "options after the command are its own" "$(um echo --root -m)" "--root -m"
is "no descriptor of ours" "$(um sh -c 'ls /proc/self/fd' | tr '\n' ' ')" "0 1 2 3 "
is "user" "$(um id -u)" "$(id -u)"
status sh -c 'umview cat <&-'
is "closed standard input" "$STATUS" 1

# The view lasts until its last process ends; the status is the command's.
status um sh -c '(sleep 0.5; echo late >late) & exit 3'
is "status of the command" "$STATUS" 3
is "what it left running came to its end" "$(cat late)" late

# A signal to umview is a signal to the command.
umview sh -c 'trap "exit 9" TERM; echo >ready; while :; do sleep 0.1; done' &
until_true 30 test -e ready
kill -TERM $!
STATUS=0
wait $! || STATUS=$?
is "SIGTERM is passed on" "$STATUS" 9
nothing_left
