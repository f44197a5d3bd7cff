# SPDX-License-Identifier: GPL-2.0-or-later
# need: gcc make
set -e
for i in $(seq 12); do echo "int f$i(void) { return $i; }" >f$i.c; done
{ for i in $(seq 12); do echo "int f$i(void);"; done; echo 'int printf(const char *, ...); int main(void) { int n = 0;'; for i in $(seq 12); do echo "n += f$i();"; done; echo 'printf("%d\n", n); return 0; }'; } >main.c
printf 'O = $(patsubst %%.c,%%.o,$(wildcard *.c))\np: $(O)\n\t@$(CC) -o $@ $^\n%%.o: %%.c\n\t@$(CC) -c -o $@ $<\nclean:\n\t@rm -f *.o p\n' >Makefile
make -s -j2; ./p; sleep 1.1; touch f3.c; make -n | wc -l; make -s; ./p; gcc -shared -fPIC -o libx.so f1.c; gcc -static -o st main.c f*.c 2>/dev/null && ./st; gcc -g -o dbg main.c f*.c; LD_LIBRARY_PATH=. ldd ./p | wc -l >/dev/null; ar rcs lib.a f1.o f2.o; ar t lib.a; make -s clean; ls *.o 2>/dev/null || echo clean; rm -f dbg st libx.so lib.a
