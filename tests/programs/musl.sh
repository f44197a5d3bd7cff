# SPDX-License-Identifier: GPL-2.0-or-later
# need: musl-gcc
set -e
cat >m.c <<'X'
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static void *thread(void *p) { char n[9]; sprintf(n, "t%ld", (long)p); FILE *f = fopen(n, "w"); fprintf(f, "%ld", (long)p); fclose(f); return NULL; }
int main(int argc, char **argv)
{
	pthread_t t[8]; struct stat st; glob_t g; pid_t pid; int status, fd; char b[99], path[4096], *m;
	if (argc > 1) { printf("child %s\n", argv[1]); return 3; }
	for (long i = 0; i < 8; i++) pthread_create(t + i, NULL, thread, (void *)i);
	for (int i = 0; i < 8; i++) pthread_join(t[i], NULL);
	glob("t*", 0, NULL, &g); printf("%zu %s\n", g.gl_pathc, g.gl_pathv[7]);
	mkdir("d", 0700); rename("t1", "d/r"); symlink("r", "d/l"); stat("d/l", &st); printf("%d %o\n", (int)st.st_size, st.st_mode); rmdir("d"); printf("%s\n", strerror(errno));
	fd = open("f", O_RDWR | O_CREAT, 0644); dprintf(fd, "hello musl\n"); m = mmap(0, 11, 3, MAP_SHARED, fd, 0); m[0] = 'H'; munmap(m, 11); pread(fd, b, 5, 0); printf("%.5s\n", b);
	printf("%d\n", flock(fd, 2)); ftruncate(fd, 3); fstat(fd, &st); printf("%d\n", (int)st.st_size); close(fd);
	char *args[] = { argv[0], "spawned", NULL }; fflush(stdout); posix_spawn(&pid, argv[0], NULL, NULL, args, environ); waitpid(pid, &status, 0); printf("%d\n", WEXITSTATUS(status));
	DIR *d = opendir("d"); int n = 0; while (readdir(d)) n++; rewinddir(d); while (readdir(d)) n++; printf("%d\n", n); closedir(d); FILE *p = popen("cat f; pwd | wc -l", "r"); while (fgets(b, 99, p)) fputs(b, stdout); printf("%d\n", pclose(p));
	chdir("d"); getcwd(path, sizeof path); printf("%s\n", strrchr(path, '/')); realpath("l", path); printf("%s\n", strrchr(path, '/')); return 0;
}
X
sed -i 's,#include <sys/mman.h>,#include <sys/file.h>\n&,' m.c
musl-gcc -O1 -static -o scratch-s m.c; ./scratch-s; rm -rf d t? f; musl-gcc -O1 -o scratch-d m.c; ./scratch-d | tail -3
