/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the working directory to its end, notes each 1000th place, and goes back to those in
 * another order; prints how many names there are, how many places were right, and the names after
 * rewinddir. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVERY = 1000, PLACES_MAX = 4096 };

int main(void)
{
	static struct {
		long at;
		char name[64];
	} places[PLACES_MAX];
	size_t names = 0, n = 0, right = 0, again = 0;
	DIR *d = opendir(".");
	struct dirent *e;
	long at;

	if (!d)
		return 1;
	for (at = telldir(d); (e = readdir(d)); at = telldir(d)) {
		if (names++ % EVERY == 0 && n < PLACES_MAX) {
			places[n].at = at;
			snprintf(places[n++].name, sizeof(places[0].name), "%.63s", e->d_name);
		}
	}
	for (size_t i = 0; i < n; i++) {
		size_t k = (i * 617 + 11) % n; /* a prime, so all of them */

		seekdir(d, places[k].at);
		e = readdir(d);
		right += e && strcmp(e->d_name, places[k].name) == 0;
	}
	rewinddir(d);
	while (readdir(d))
		again++;
	printf("%zu names, %zu of %zu places, %zu names again\n", names, right, n, again);
	closedir(d);
	return 0;
}
