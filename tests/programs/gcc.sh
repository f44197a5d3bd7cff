# SPDX-License-Identifier: GPL-2.0-or-later
# need: gcc g++ ar ld nm objcopy
set -e
cat >a.c <<'X'
#include <stdio.h>
#include "h.h"
int main(void) { printf("%d %s\n", N, __FILE__); return twice(N) == 84 ? 0 : 1; }
X
echo '#define N 42
int twice(int);' >h.h; echo 'int twice(int n) { return 2 * n; }' >b.c
gcc -O2 -Wall -pipe -MMD -g -c a.c b.c; cat a.d; gcc -o scratch-p a.o b.o; ./scratch-p
gcc -flto -O2 a.c b.c -o scratch-lto; ./scratch-lto; gcc -save-temps -c b.c; ls b.*; gcc -E a.c | grep -c main; gcc -S -o - b.c | grep -c twice
gcc -fPIC -shared -Wl,-soname,libb.so.1 -o libb.so.1 b.c; ln -s libb.so.1 libb.so; gcc -o scratch-q a.c -L. -lb -Wl,-rpath,"$PWD"; ./scratch-q; LD_LIBRARY_PATH=. ./scratch-q
gcc --coverage -o scratch-cov a.c b.c; ./scratch-cov; ls *.gcda | sort; gcov -n scratch-cov-a.gcda 2>/dev/null | sed -n 's/^File //p' | sort
nm b.o | awk '{print $NF}'; ar rcs lib.a b.o; objcopy --only-keep-debug a.o scratch.debug; strip -o scratch-s scratch-p; ./scratch-s
echo '#include "h.h"' >x.h; gcc -c x.h -o scratch.gch; gcc -x c -c - -o from-stdin.o <b.c; ls from-stdin.o; gcc -c nothere.c 2>&1 | tail -1 | cut -c1-10 || true; echo 'int x = ;' | gcc -x c -c - -o bad.o 2>/dev/null || echo $?; ls bad.o 2>/dev/null || echo none
rm -f *.o *.i *.s *.gc* lib* a.d
