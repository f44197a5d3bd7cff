# SPDX-License-Identifier: GPL-2.0-or-later
# need: gcc
set -e
printf '#include <stdio.h>\n#include <sys/stat.h>\n#include <fcntl.h>\n#include <unistd.h>\nint main(int c, char **v) { struct stat st; FILE *f = fopen("out", "w"); fprintf(f, "static %%d\\n", c); fclose(f); stat("out", &st); int fd = open("out", 0); struct stat s2; fstat(fd, &s2); printf("%%ld %%d %%d\\n", (long)st.st_size, st.st_ino == s2.st_ino, st.st_dev == s2.st_dev); if (c == 1) { char *a[] = { v[0], "x", 0 }; execv(v[0], a); } return 0; }\n' >s.c
gcc -static -O1 -o scratch-s s.c; ./scratch-s; cat out; echo done
