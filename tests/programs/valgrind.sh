# SPDX-License-Identifier: GPL-2.0-or-later
# valgrind: a program with a leak and a bad read, its libraries found, its own files written; its profile.
# need: valgrind gcc
# timeout: 120
cat >bad.c <<'END'
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	int *p = malloc(4 * sizeof(*p));
	FILE *f = fopen("written", "w");

	fprintf(f, "%d\n", p[1] == 3);
	fclose(f);
	return 0;
}
END
gcc -g -O0 -o scratch-bad bad.c
valgrind -q --leak-check=full --error-exitcode=3 --log-file=scratch-log ./scratch-bad
echo "status $?"
sed 's/^==[0-9]*== //; s/0x[0-9A-F]*/ADDRESS/g' scratch-log | grep -E "uninitialised|definitely|bad\.c"
cat written
valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=scratch-out --log-file=scratch-log2 ./scratch-bad && grep -c '^fn=main' scratch-out
