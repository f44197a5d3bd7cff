/* SPDX-License-Identifier: GPL-2.0-or-later */
/* facts --list; facts NAME: exit status 0, 1, or 77 when an optional fact does not hold. */
#include <stdio.h>
#include <string.h>

#include "facts/list.h"

int main(int argc, char **argv)
{
	for (size_t i = 0; i < facts_len; i++) {
		const struct fact *f = facts[i];
		char why[256] = "";

		if (argc == 2 && strcmp(argv[1], "--list") == 0) {
			printf("%s\n", f->name);
		} else if (argc == 2 && strcmp(argv[1], f->name) == 0) {
			if (f->probe(why, sizeof(why)) == 0) {
				printf("%s\n", f->what);
				return 0;
			}
			printf("not so: %s\n%s: %s\n", f->what, why, f->without);
			return f->must ? 1 : 77;
		}
	}
	return argc == 2 && strcmp(argv[1], "--list") == 0 ? 0 : 2;
}
