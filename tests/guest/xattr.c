/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended attributes. */
#include <sys/xattr.h>

#include "guest.h"

static void show_list(const char *name)
{
	char list[1024], *names[32];
	ssize_t n = llistxattr(name, list, sizeof(list));
	size_t count = 0;

	if (n < 0) {
		tap_result(&t, -1, "llistxattr %s", name);
		return;
	}
	for (ssize_t i = 0; i < n && count < 32; i += (ssize_t)strlen(list + i) + 1) {
		if (!strncmp(list + i, "user.", 5)) /* a security module may have its own */
			names[count++] = list + i;
	}
	/* the order is the file system's */
	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count; j++) {
			if (strcmp(names[i], names[j]) > 0) {
				char *swap = names[i];

				names[i] = names[j];
				names[j] = swap;
			}
		}
	}
	tap_check(&t, 1, "%s has %zu", name, count);
	for (size_t i = 0; i < count; i++)
		tap_check(&t, 1, "%s has %s", name, names[i]);
}

int main(void)
{
	char buf[256] = "", big[65537], name[300];
	int fd;

	umask(022);
	make("f", "text");
	R(mkdir("d", 0755));
	R(symlink("f", "l"));
	R(mkfifo("p", 0600));
	R(setxattr("f", "user.a", "value", 5, 0));
	if (errno == EOPNOTSUPP)
		return 77;
	R(getxattr("f", "user.a", buf, sizeof(buf)));
	tap_check(&t, 1, "value %.5s", buf);
	R(getxattr("f", "user.a", NULL, 0));
	R(getxattr("f", "user.a", buf, 4));
	R(getxattr("f", "user.a", buf, 5));
	R(getxattr("f", "user.none", buf, sizeof(buf)));
	R(getxattr("none", "user.a", buf, sizeof(buf)));
	R(getxattr("f", "", buf, sizeof(buf)));
	R(getxattr("f", "user.a", BAD, 5));
	R(getxattr("f", BAD, buf, 5));
	R(setxattr("f", "user.a", "other", 5, XATTR_CREATE));
	R(setxattr("f", "user.b", "other", 5, XATTR_REPLACE));
	R(setxattr("f", "user.a", "other", 5, XATTR_REPLACE));
	R(setxattr("f", "user.b", "b", 1, XATTR_CREATE));
	R(setxattr("f", "user.c", "", 0, 0));
	R(getxattr("f", "user.c", buf, sizeof(buf)));
	R(setxattr("f", "user.a", "x", 1, 4));
	R(setxattr("f", "user.a", big, sizeof(big), 0));
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[256] = '\0';
	R(setxattr("f", name, "x", 1, 0));
	R(getxattr("f", name, buf, 1));
	R(setxattr("f", "nosuch.a", "x", 1, 0));
	R(setxattr("f", "plain", "x", 1, 0));
	show_list("f");
	R(removexattr("f", "user.b"));
	R(removexattr("f", "user.b"));
	show_list("f");
	R(setxattr("l", "user.by-link", "1", 1, 0));
	R(lgetxattr("f", "user.by-link", buf, sizeof(buf)));
	R(lsetxattr("l", "user.own", "1", 1, 0));
	R(lgetxattr("l", "user.own", buf, sizeof(buf)));
	R(setxattr("p", "user.a", "1", 1, 0));
	R(getxattr("p", "user.a", buf, sizeof(buf)));
	R(setxattr("d", "user.d", "dir", 3, 0));
	show_list("d");
	if (getuid() != 0) {
		R(setxattr("f", "trusted.a", "1", 1, 0));
		R(getxattr("f", "trusted.a", buf, sizeof(buf)));
		R(removexattr("f", "trusted.a"));
		R(chmod("f", 0444));
		R(setxattr("f", "user.a", "1", 1, 0));
		R(getxattr("f", "user.a", buf, sizeof(buf)));
		R(chmod("f", 0200));
		R(getxattr("f", "user.a", buf, sizeof(buf)));
		R(setxattr("f", "user.a", "1", 1, 0));
		R(chmod("f", 0644));
	}
	fd = FD(open("f", O_RDONLY));
	R(fsetxattr(fd, "user.fd", "1", 1, 0));
	R(fgetxattr(fd, "user.fd", buf, sizeof(buf)));
	R(fgetxattr(fd, "user.none", buf, sizeof(buf)));
	R(flistxattr(fd, NULL, 0) > 0);
	R(flistxattr(fd, buf, 1));
	R(fremovexattr(fd, "user.fd"));
	R(fremovexattr(fd, "user.fd"));
	close(fd);
	fd = FD(open("f", O_PATH));
	R(fgetxattr(fd, "user.a", buf, sizeof(buf)));
	close(fd);
	R(fgetxattr(-1, "user.a", buf, sizeof(buf)));
	R(listxattr("none", buf, sizeof(buf)));
	R(listxattr("f", BAD, 256));
	show_list("f");
	show_list("p");
	return tap_done(&t);
}
