/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of i386, from programs of both widths. Pointers have to lie below 4 GiB. */
#ifndef UM_TESTS_INT80_H
#define UM_TESTS_INT80_H

#include <sys/wait.h>
#include <unistd.h>

/* What the kernel returns: -errno for an error. */
int int80(int nr, long a, long b, long c, long d, long e, long f);

#ifdef __x86_64__
__asm__("int80:\n\tpush %rbx\n\tpush %rbp\n\tmov 24(%rsp), %ebp\n\tmov %edi, %eax\n\t"
	"mov %esi, %ebx\n\tmov %ecx, %r10d\n\tmov %edx, %ecx\n\tmov %r10d, %edx\n\t"
	"mov %r8d, %esi\n\tmov %r9d, %edi\n\tint $0x80\n\tpop %rbp\n\tpop %rbx\n\tret");
#else
__asm__("int80:\n\tpush %ebp\n\tpush %ebx\n\tpush %esi\n\tpush %edi\n\tmov 20(%esp), %eax\n\t"
	"mov 24(%esp), %ebx\n\tmov 28(%esp), %ecx\n\tmov 32(%esp), %edx\n\tmov 36(%esp), %esi\n\t"
	"mov 40(%esp), %edi\n\tmov 44(%esp), %ebp\n\tint $0x80\n\tpop %edi\n\tpop %esi\n\t"
	"pop %ebx\n\tpop %ebp\n\tret");
#endif

/* Does the kernel know them? If not they end a process. */
static inline int has_int80(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(int80(20 /* getpid */, 0, 0, 0, 0, 0, 0) > 0 ? 0 : 1);
	waitpid(pid, &status, 0);
	return status == 0;
}

#endif
