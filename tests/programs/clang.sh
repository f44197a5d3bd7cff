# SPDX-License-Identifier: GPL-2.0-or-later
# need: clang
# timeout: 150
set -e
echo 'int f(int a) { return a + 1; }' >f.c; printf '#include <stdio.h>\nint f(int);\nint main(void) { printf("%%d\\n", f(41)); return 0; }\n' >m.c
clang -O2 -Wall -c f.c m.c; clang -o scratch-p f.o m.o; ./scratch-p; clang -S -emit-llvm -o - f.c | grep -c 'define.*@f'; clang -fsyntax-only -Werror -Wall m.c; echo $?; clang -shared -fPIC -o scratch.so f.c; clang -MD -MF dep -c f.c; cat dep
clang -fno-color-diagnostics -c nothere.c 2>&1 | head -1; rm -f *.o
