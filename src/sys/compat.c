/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of i386 that differ from those of x86_64 in more than the layout of their arguments: one
 * call for all of sockets, arguments by address, results by address. Each becomes the call that the
 * others have, and that one's handler does the work.
 */
#include <linux/fs.h>
#include <linux/net.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/abi.h"
#include "engine/nr.h"
#include "sys/table.h"
#include "sys/um.h"

#define STATFS64_SIZE 84
#define FS_IOC32_GETVERSION_ _IOR('v', 1, int)
#define FS_IOC32_SETVERSION_ _IOW('v', 2, int)
#define BLKGETSIZE64_32_ _IOR(0x12, 114, int)
#define BLKBSZGET_32_ _IOR(0x12, 112, int)
#define BLKBSZSET_32_ _IOW(0x12, 113, int)

/* n words at `from`, as the arguments. */
static int read_args(struct call *c, gaddr_t from, size_t n)
{
	uint32_t words[6] = { 0 };
	int r = guest_read(c, from, words, n * sizeof(*words));

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(words); i++)
		c->args[i] = words[i];
	return r;
}

enum verdict sys32_mmap(struct call *c)
{
	/* what cannot be read the kernel refuses */
	if (read_args(c, call_addr(c, 0), 6) < 0 || (c->args[3] & MAP_ANONYMOUS))
		return CONTINUE;
	return sys_mmap(c);
}

enum verdict sys32_socketcall(struct call *c)
{
	static const struct {
		size_t nargs;
		call_handler handler;
		int base;
	} calls[] = {
		[SYS_SOCKET] = { 3, sys_socket, __NR_socket },
		[SYS_SOCKETPAIR] = { 4, sys_socketpair, __NR_socketpair },
		[SYS_BIND] = { 3, sys_bind, __NR_bind },
		[SYS_CONNECT] = { 3, sys_connect, __NR_connect },
		[SYS_GETSOCKNAME] = { 3, sys_getsockname, __NR_getsockname },
		[SYS_GETPEERNAME] = { 3, sys_getpeername, __NR_getpeername },
		[SYS_SENDTO] = { 6, sys_sendto, __NR_sendto },
		[SYS_SENDMSG] = { 3, sys_sendmsg, __NR_sendmsg },
		[SYS_SENDMMSG] = { 4, sys_sendmmsg, __NR_sendmmsg },
		[SYS_LISTEN] = { 2, sys_stack, __NR_listen },
		[SYS_ACCEPT] = { 3, sys_stack, __NR_accept },
		[SYS_ACCEPT4] = { 4, sys_stack, __NR_accept4 },
		[SYS_SHUTDOWN] = { 2, sys_stack, __NR_shutdown },
		[SYS_SETSOCKOPT] = { 5, sys_stack, __NR_setsockopt },
		[SYS_GETSOCKOPT] = { 5, sys_stack, __NR_getsockopt },
		[SYS_RECVFROM] = { 6, sys_stack, __NR_recvfrom },
		[SYS_RECVMSG] = { 3, sys_stack, __NR_recvmsg },
		[SYS_RECVMMSG] = { 5, sys_stack, __NR_recvmmsg },
	};
	uint64_t which = c->args[0];

	if (which >= ARRAY_SIZE(calls) || !calls[which].handler ||
		read_args(c, call_addr(c, 1), calls[which].nargs) < 0)
		return CONTINUE;
	c->nr = calls[which].base;
	return calls[which].handler(c);
}

/* llseek(fd, high, low, result, whence) */
enum verdict sys32_llseek(struct call *c)
{
	gaddr_t result = call_addr(c, 3);
	enum verdict v;

	c->args[1] = c->args[1] << 32 | c->args[2];
	c->args[2] = c->args[4];
	v = sys_lseek(c);
	if (v == DONE && c->ret >= 0)
		c->ret = guest_write(c, result, &c->ret, sizeof(c->ret));
	return v;
}

/* Both say how large they think the structure is. */
enum verdict sys32_statfs64(struct call *c)
{
	if (c->args[1] != STATFS64_SIZE)
		return CONTINUE; /* EINVAL */
	c->args[1] = c->args[2];
	return sys_statfs(c);
}

enum verdict sys32_fstatfs64(struct call *c)
{
	if (c->args[1] != STATFS64_SIZE)
		return CONTINUE;
	c->args[1] = c->args[2];
	return sys_fstatfs(c);
}

/* Commands whose number tells of a long. */
enum verdict sys32_ioctl(struct call *c)
{
	static const struct {
		unsigned narrow, wide;
	} cmds[] = {
		{ FS_IOC32_GETFLAGS, FS_IOC_GETFLAGS },
		{ FS_IOC32_SETFLAGS, FS_IOC_SETFLAGS },
		{ FS_IOC32_GETVERSION_, FS_IOC_GETVERSION },
		{ FS_IOC32_SETVERSION_, FS_IOC_SETVERSION },
		{ BLKGETSIZE64_32_, BLKGETSIZE64 },
		{ BLKBSZGET_32_, BLKBSZGET },
		{ BLKBSZSET_32_, BLKBSZSET },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++) {
		if (c->args[1] == cmds[i].narrow) {
			c->args[1] = cmds[i].wide;
			break;
		}
	}
	return sys_ioctl(c);
}

/* As for io_uring_setup(2): what it would do to a mount nobody knows, and libc has another way. */
enum verdict sys_unknown(struct call *c)
{
	return view_has_mounts(&c->um->view) || files_any(c->um->files) ? call_return(c, -ENOSYS)
									: CONTINUE;
}
