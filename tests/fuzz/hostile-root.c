/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest of a view with --root: wild arguments to the mount family, to the identity calls,
 * to loop devices, and to the files that a view makes up. It works in its working directory, which
 * holds an ext4 image "img" and a directory "mnt".
 *
 *	hostile-root SECONDS SEED
 *
 * It ends with 0: whether the view survived is for the caller to see.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CALLS 3000 /* of one process, which may have spoilt itself by then */
#define STATMOUNT 457
#define LISTMOUNT 458

static const char *const words[] = { "mnt", "img", "ext4", "fuse", "fuse.x", "fuseblk", "squashfs",
	"fd=512,rootmode=40000,user_id=0,group_id=0", "ro", "source", "fd", "", "/dev/fuse",
	"/dev/loop-control", "/dev/loop4", "/dev/loop5", "/run/mount/utab", "/run/mount",
	"/proc/self/mounts", "/proc/self/maps", "/proc/self/fd/512", "/proc/self/status", "mounts",
	"/sys/block/loop4/loop/backing_file", "../../../../../../../../proc/self/mountinfo" };

static const int calls[] = { SYS_mount, SYS_umount2, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
	SYS_move_mount, SYS_fspick, SYS_open_tree, SYS_mount_setattr, STATMOUNT, LISTMOUNT,
	SYS_openat, SYS_readlink, SYS_newfstatat, SYS_access, SYS_setgroups, SYS_getgroups,
	SYS_capset, SYS_capget, SYS_setresuid, SYS_setreuid, SYS_setfsuid, SYS_getresgid, SYS_chown,
	SYS_fchown, SYS_read, SYS_pread64, SYS_preadv, SYS_pwrite64, SYS_dup2, SYS_fstat,
	SYS_lseek };

static const unsigned ioctls[] = { LOOP_SET_FD, LOOP_CLR_FD, LOOP_SET_STATUS, LOOP_GET_STATUS,
	LOOP_SET_STATUS64, LOOP_GET_STATUS64, LOOP_CONFIGURE, LOOP_CTL_GET_FREE, LOOP_CTL_ADD,
	LOOP_CTL_REMOVE, BLKGETSIZE64, LOOP_SET_BLOCK_SIZE, LOOP_SET_CAPACITY, LOOP_CHANGE_FD };

static char buffer[1 << 16];

static const char *word(void)
{
	return words[(size_t)random() % COUNT(words)];
}

static uint64_t argument(void)
{
	switch (random() % 12) {
	case 0:
		return (uint64_t)random() << 33 ^ (uint64_t)random();
	case 1:
		return (uint64_t)random() % 8;
	case 2:
		return 768 + (uint64_t)random() % 8;
	case 3:
		return 512 + (uint64_t)random() % 4;
	case 4:
		return (uint64_t)(uintptr_t)buffer + (uint64_t)random() % 4096;
	case 5:
		return (uint64_t)AT_FDCWD;
	case 6:
		return 1ull << random() % 64;
	case 7:
		return 0;
	case 8:
		return UINT64_MAX;
	default:
		return (uint64_t)(uintptr_t)word();
	}
}

static uint64_t address(const char *s)
{
	return (uint64_t)(uintptr_t)s;
}

/* What a call needs to get anywhere, most times. */
static void make_sense(int nr, uint64_t a[6])
{
	if (random() % 3 == 0)
		return;
	if (nr == SYS_mount) {
		a[0] = address("img");
		a[1] = address("mnt");
		a[2] = address(words[2 + random() % 5]);
		a[3] = random() % 4 ? 0 : a[3];
		a[4] = random() % 2 ? address(words[7]) : 0;
	} else if (nr == SYS_umount2) {
		a[0] = address("mnt");
		a[1] &= 15;
	} else if (nr == SYS_openat) {
		a[0] = (uint64_t)AT_FDCWD;
		a[1] = address(word());
		a[2] = (uint64_t)random() % 3;
	}
}

/* What would end this process, or its ties with the test. */
static int is_harmless(int nr, const uint64_t a[6])
{
	if (nr == SYS_dup2)
		return (int)a[1] > 2;
	if (nr == SYS_read || nr == SYS_pwrite64)
		return (int)a[0] > 2;
	return 1;
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void rounds(unsigned seed)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	srandom(seed);
	sigaction(SIGALRM, &sa, NULL);
	(void)open("/dev/fuse", O_RDWR);
	(void)open("/dev/loop-control", O_RDWR);
	for (int n = 0; n < CALLS; n++) {
		int nr = calls[(size_t)random() % COUNT(calls)];
		uint64_t a[6];

		for (int i = 0; i < 6; i++)
			a[i] = argument();
		make_sense(nr, a);
		if (random() % 8 == 0) {
			nr = SYS_ioctl;
			a[0] = 768 + (uint64_t)random() % 6;
			a[1] = ioctls[(size_t)random() % COUNT(ioctls)];
		}
		if (!is_harmless(nr, a))
			continue;
		/* A read of /dev/fuse may wait for ever; on a busy machine it may begin after the
		 * alarm. */
		ualarm(300000, 300000);
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
	unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) * 100000 : 0;

	for (; time(NULL) < end; seed++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			rounds(seed);
			_exit(0);
		}
		if (waitpid(pid, &status, 0) == pid && status)
			printf("seed %u: status %#x\n", seed, (unsigned)status);
	}
	return 0;
}
