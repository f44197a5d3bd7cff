# SPDX-License-Identifier: GPL-2.0-or-later
# need: gdb gcc
# timeout: 60
set -e
printf 'int g; int f(int a) {\n  g = a;\n  return a + 1;\n}\nint main(void) {\n  return f(41) == 42 ? 0 : 1;\n}\n' >p.c; gcc -g -O0 -o scratch-p p.c
gdb -q -batch -nx -ex 'break f' -ex run -ex 'print a' -ex finish -ex continue ./scratch-p 2>&1 | grep -E '^\$|exited|Value' | sed 's/process [0-9]*/process N/'
