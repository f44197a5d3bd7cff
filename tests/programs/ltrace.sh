# SPDX-License-Identifier: GPL-2.0-or-later
# ltrace: calls of a program's libraries, with a child of it.
# need: ltrace gcc
# timeout: 120
cat >calls.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	puts(getenv("NAME"));
	fflush(stdout);
	if (fork() == 0) {
		remove("calls.c");
		_exit(0);
	}
	wait(NULL);
	return abs(-4);
}
END
gcc -fno-builtin -o scratch-calls calls.c
NAME=something ltrace -f -e getenv+puts+remove -o scratch-log ./scratch-calls
echo "status $?"
sed 's/^[0-9]* //; s/scratch-calls->//; s/0x[0-9a-f]*/ADDRESS/g; s/\[[^]]*\]//' scratch-log | grep -E "getenv|puts|remove|exited"
test ! -e calls.c
