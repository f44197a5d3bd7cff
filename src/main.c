/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cmd/run.h"

int main(int argc, char **argv)
{
	char *shell[] = { getenv("SHELL"), NULL };
	struct run_options o = { .argv = shell };
	int i = 1;

	if (!shell[0])
		shell[0] = "/bin/sh";
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (strcmp(argv[i], "--root") == 0)
			o.root = true;
		else if (strcmp(argv[i], "--log") == 0 && i + 1 < argc && log_open(argv[++i]) < 0)
			return 125;
	}
	if (i < argc)
		o.argv = argv + i;
	return run_view(&o);
}
