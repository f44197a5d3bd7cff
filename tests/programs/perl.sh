# SPDX-License-Identifier: GPL-2.0-or-later
# need: perl
exec perl -e 'open F,">","a" or die; print F "l$_\n" for 1..5; close F; open F,"<","a"; my @l=<F>; print scalar(@l),"\n"; seek F,0,0; print scalar <F>; mkdir "d"; opendir D,"."; print join(" ",sort readdir D),"\n"; rename "a","d/b"; print -s "d/b","\n"; symlink "d/b","s"; print readlink "s","\n"; open P,"-|","cat s"; print <P>; utime 1,2,"d/b"; print((stat "d/b")[9],"\n"); print `pwd` =~ /./ ? "ok\n" : "no\n"; unlink "s"; local $^I=".bak"; @ARGV="d/b"; while(<>){s/l/m/;print} '
