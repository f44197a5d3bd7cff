# SPDX-License-Identifier: GPL-2.0-or-later
# need: gawk mawk
set -e
seq 100 | sed 's/$/ w/' >f
gawk '{s += $1} END {print s}' f; gawk -i inplace '$1 % 2' f; wc -l <f; gawk '{print > ("out" $1 % 3)} END {close("out0"); while ((getline l < "out0") > 0) n++; print n}' f; ls out*
gawk 'BEGIN {"date +%Y >/dev/null; echo cmd" | getline x; print x; print "b\na" | "sort"; close("sort"); c = "cat"; print "co" |& c; close(c, "to"); c |& getline y; print y; print system("exit 3"); printf "x" > "/dev/stderr"}' 2>err; cat err; echo
gawk 'BEGINFILE {if (ERRNO) {print "skip"; nextfile}} ENDFILE {print FILENAME, FNR}' nothere f; mawk 'END {print NR}' f; gawk -v n=3 'NR == n {print; exit 5}' f || echo $?
