# SPDX-License-Identifier: GPL-2.0-or-later
# need: tclsh
set -e
cat >a.tcl <<'X'
set f [open f w]; for {set i 0} {$i < 100} {incr i} {puts $f "line $i"}; close $f
set f [open f r+]; seek $f 5; puts -nonewline $f ONE; seek $f 0; puts [gets $f]; puts [file size f]; close $f
file mkdir d/e; file copy f d/c; file rename f d/e/m; file link -symbolic d/l c; puts [lsort [glob d/*]]; puts [file type d/l]; puts [file tail [file normalize d/l]]
puts [catch {exec sh -c {cat d/c | wc -l; exit 3}} out]; puts $out; puts [lindex $::errorCode 2]
puts [catch {file delete d} m]; puts [catch {open nothere} m]; puts $m
set p [open "|sort -r" r+]; puts $p a; puts $p b; close $p write; puts [read $p]; close $p
set s [socket -server {apply {{c a p} {puts $c hi; close $c}}} -myaddr 127.0.0.1 0]; set c [socket 127.0.0.1 [lindex [fconfigure $s -sockname] 2]]; fileevent $c readable {puts [gets $c]; close $c; set done 1}; vwait done
cd d; puts [file tail [pwd]]; cd ..; file delete -force d; source m.tcl; puts $answer; after 10 {set x 1}; vwait x; exit 0
X
echo 'set answer 42' >m.tcl; tclsh a.tcl
