/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prctl(2): PR_SET_DUMPABLE, over fork and exec, and calls with paths meanwhile. */
#include "guest.h"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int child_dumpable(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(prctl(PR_GET_DUMPABLE));
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static int exec_dumpable(const char *program)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl(program, program, "dumpable", (char *)NULL);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	struct stat st;

	if (argc > 1 && strcmp(argv[1], "dumpable") == 0)
		return prctl(PR_GET_DUMPABLE);
	R(prctl(PR_GET_DUMPABLE));
	R(prctl(PR_SET_DUMPABLE, 0));
	R(prctl(PR_GET_DUMPABLE));
	tap_check(&t, child_dumpable() == 0, "a child has it too");
	R(mkdir("dumpable.d", 0700));
	R(stat("dumpable.d", &st));
	R(rmdir("dumpable.d"));
	tap_check(&t,
		exec_dumpable(getenv("GUEST_PROGRAM") ? getenv("GUEST_PROGRAM") : argv[0]) == 1,
		"an exec ends it");
	R(prctl(PR_SET_DUMPABLE, 2));
	R(prctl(PR_SET_DUMPABLE, 1));
	R(prctl(PR_GET_DUMPABLE));
	return tap_done(&t);
}
