# SPDX-License-Identifier: GPL-2.0-or-later
# need: ninja gcc
set -e
{ echo 'rule cc
  command = gcc -MMD -MF $out.d -c $in -o $out
  depfile = $out.d
  deps = gcc
rule link
  command = gcc $in -o $out
rule say
  command = echo $in > $out
  restat = 1'; for i in 1 2 3 4 5 6; do echo "build o/f$i.o: cc f$i.c"; done; echo 'build o/m.o: cc m.c
build p: link o/m.o o/f1.o o/f2.o o/f3.o o/f4.o o/f5.o o/f6.o
build said: say h.h
default p said'; } >build.ninja
echo '#define K 10' >h.h; for i in 1 2 3 4 5 6; do echo "#include \"h.h\"
int f$i(void) { return K * $i; }" >f$i.c; done
echo 'int printf(const char *, ...), f1(void), f6(void); int main(void) { printf("%d\n", f1() + f6()); return 0; }' >m.c
ninja -j2 | tail -1 | sed 's/].*/]/'; ./p; ninja | tail -1; sleep 1.1; echo '#define K 100' >h.h; ninja -n | wc -l; ninja >/dev/null; ./p
sleep 1.1; touch f2.c; ninja -d explain -n 2>&1 | grep -c f2 >/dev/null; ninja -t deps o/f1.o | tail -2 | head -1; ninja -t clean | tail -1; ls o; rm -rf o p .ninja_*
