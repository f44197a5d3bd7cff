/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/wirefile.h"

#include <unistd.h>

#include "base/rundir.h"

static char *file_of(const char *name, enum net_stack stack)
{
	return str_printf("%s-%s", stack == NET_STACK_LWIP ? "lwire" : "wire", name);
}

int wirefile_open(const char *name, enum net_stack stack, int *ret, char **ret_message)
{
	const bool lwip = stack == NET_STACK_LWIP;
	_cleanup_free_ char *file = file_of(name, stack);
	_cleanup_free_ char *others = file_of(name, lwip ? NET_STACK_KERNEL : NET_STACK_LWIP);
	_cleanup_fd_ int fd = -1;
	int r = file && others ? rundir_shared_file(file, &fd) : -ENOMEM;

	if (r == -EINVAL)
		*ret_message = str_printf(
			"--net pair=%s: a wire's name is made of letters, digits and \"_.-\"",
			name);
	if (r < 0)
		return r;
	if (rundir_shared_is_open(others)) {
		*ret_message = str_printf("--net pair=%s: the view that is on this wire has "
					  "stack=%s, and would not be met: give this one the same",
			name, lwip ? "kernel" : "lwip");
		return -EBUSY;
	}
	*ret = take_fd(&fd);
	return 0;
}
