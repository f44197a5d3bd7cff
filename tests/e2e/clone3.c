/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clone3 COMMAND [ARG ...]: in a user and a mount namespace that clone3(2) makes, whose flags no
 * filter of system calls sees. */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	int bad = fd < 0 || write(fd, text, strlen(text)) < 0;

	if (bad)
		perror(path);
	close(fd);
	return bad;
}

static int run(char **argv, unsigned uid, unsigned gid)
{
	char map[32];

	if (put("/proc/self/setgroups", "deny"))
		return 1;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (put("/proc/self/uid_map", map))
		return 1;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	if (put("/proc/self/gid_map", map))
		return 1;
	execvp(argv[0], argv);
	perror(argv[0]);
	return 127;
}

int main(int argc, char **argv)
{
	struct clone_args a = { .flags = CLONE_NEWUSER | CLONE_NEWNS, .exit_signal = SIGCHLD };
	unsigned uid = getuid(), gid = getgid();
	int status = 0;
	long pid;

	if (argc < 2)
		return 2;
	pid = syscall(SYS_clone3, &a, sizeof(a));
	if (pid == 0)
		return run(argv + 1, uid, gid);
	if (pid < 0 || waitpid((pid_t)pid, &status, 0) < 0) {
		perror("clone3");
		return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
