/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders so deep that their path is longer than a path may be. Its output natively is the oracle.
 */
#include <dirent.h>
#include <limits.h>

#include "../guest/guest.h"

#define DEEP 40

/* Folders of which the path is longer than a path may be. */
static void deep(void)
{
	char name[201], path[16384], by_fd[64];
	int fd[2], n = 0;
	DIR *d;

	memset(name, 'D', 200);
	name[200] = '\0';
	fd[0] = open(".", O_RDONLY);
	for (int i = 0; i < DEEP; i++)
		n += mkdir(name, 0755) == 0 && chdir(name) == 0;
	tap_check(&t, 1, "%d folders deep", n);
	R(syscall(SYS_getcwd, path, sizeof(path)));
	R(syscall(SYS_getcwd, path, 4096));
	R(readlink("/proc/self/cwd", path, sizeof(path)) > 0 ? 1 : -1);
	make("bottom", "deep");
	show_text("bottom");
	R(access("../../..", R_OK));
	R(mkdir("sub", 0755));
	R(rename("bottom", "sub/bottom"));
	R(link("sub/bottom", "bottom"));
	R(symlink("sub/bottom", "l"));
	show_text("l");
	fd[1] = open("sub", O_RDONLY);
	snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d/bottom", fd[1]);
	R(access(by_fd, R_OK));
	R(fchdir(fd[1]));
	R(unlink("bottom"));
	R(chdir(".."));
	close(fd[1]);
	d = opendir(".");
	n = 0;
	while (d && readdir(d))
		n++;
	tap_check(&t, 1, "entries %d", n);
	if (d)
		closedir(d);
	R(unlink("l"));
	R(unlink("bottom"));
	R(rmdir("sub"));
	for (int i = 0; i < DEEP; i++)
		n = chdir("..") == 0 && rmdir(name) == 0 ? n : 1000;
	tap_check(&t, 1, "removed again, %d", n < 1000);
	R(fchdir(fd[0]));
	close(fd[0]);
	/* a path of 4095 bytes, and of 4096 */
	for (n = 0; n < 4090; n += 2)
		memcpy(path + n, "./", 2);
	make("end", "end");
	strcpy(path + 4090, "//end");
	R(access(path, F_OK));
	strcpy(path + 4090, "///end");
	R(access(path, F_OK));
}

int main(void)
{
	deep();
	return tap_done(&t);
}
