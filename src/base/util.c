/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

/* By hand: it is in the way of each call on a file. */
const char *fd_path(char buf[FD_PATH_MAX], int fd)
{
	static const char before[] = "/proc/self/fd/";
	unsigned n = fd < 0 ? -(unsigned)fd : (unsigned)fd;
	char digits[12], *p = digits + sizeof(digits);

	*--p = '\0';
	do {
		*--p = (char)('0' + n % 10);
	} while (n /= 10);
	if (fd < 0)
		*--p = '-';
	memcpy(buf, before, sizeof(before) - 1);
	memcpy(buf + sizeof(before) - 1, p, (size_t)(digits + sizeof(digits) - p));
	return buf;
}

int read_file(const char *path, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *buf = NULL;
	size_t len = 0, size = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n;

		if (size - len < 2) {
			char *bigger;

			if (size > max)
				return -EFBIG;
			size = size ? size * 2 : 4096;
			bigger = realloc(buf, size);
			if (!bigger)
				return -ENOMEM;
			buf = bigger;
		}
		n = read(fd, buf + len, size - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > max)
		return -EFBIG;
	buf[len] = '\0';
	*ret = take_ptr(&buf);
	if (ret_len)
		*ret_len = len;
	return 0;
}

ssize_t read_link(int dirfd, const char *path, char *buf, size_t size)
{
	ssize_t n = readlinkat(dirfd, path, buf, size);

	if (n < 0)
		return -errno;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	buf[n] = '\0';
	return n;
}

int write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int poll_until(struct pollfd *p, unsigned n, int ms)
{
	const uint64_t end = now_ns() + (uint64_t)(ms > 0 ? ms : 0) * NSEC_PER_MSEC;
	const struct timespec nap = { .tv_nsec = NSEC_PER_MSEC };
	int r;

	while ((r = poll(p, n, ms)) < 0) {
		uint64_t now = now_ns();

		if (errno == ENOMEM || errno == EAGAIN)
			(void)nanosleep(&nap, NULL);
		else if (errno != EINTR)
			return -errno;
		if (ms >= 0)
			ms = now < end ? (int)((end - now) / NSEC_PER_MSEC) + 1 : 0;
	}
	return r;
}

char *str_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

void put_backslashed(FILE *out, const char *before, const char *text, const char *special)
{
	for (fputs(before, out); *text; text++) {
		if (strchr(special, *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static bool is_octal(const char *s)
{
	return s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
	       s[3] >= '0' && s[3] <= '7';
}

char unescape_next(const char **s)
{
	const char *p = *s;

	*s += is_octal(p) ? 4 : 1;
	return *s - p == 4 ? (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0')) : *p;
}

char **environ_with(const char *variable)
{
	size_t n = 0, out = 0, name = strcspn(variable, "=") + 1;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (strncmp(environ[i], variable, name) != 0)
			env[out++] = environ[i];
	}
	env[out] = (char *)(uintptr_t)variable;
	return env;
}

char *path_with_sbin(void)
{
	static const char *const dirs[] = { "/usr/local/sbin", "/usr/sbin", "/sbin" };
	const char *path = getenv("PATH");
	char *all = path ? str_printf("PATH=%s", path) : NULL;

	for (size_t i = 0; all && i < ARRAY_SIZE(dirs); i++) {
		_cleanup_free_ char *before = all;
		_cleanup_free_ char *list = str_printf(":%s:", before + 5),
				    *dir = str_printf(":%s:", dirs[i]);

		all = list && dir && strstr(list, dir) ? take_ptr(&before)
						       : str_printf("%s:%s", before, dirs[i]);
	}
	return all;
}

/* /proc/PID/stat (malloc'ed, NULL: the process is gone), and where in it the fields behind the name
 * begin, which may hold anything. */
static char *stat_read(pid_t pid, const char **ret_third)
{
	char path[40], *all = NULL;
	const char *after;

	*ret_third = NULL;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_file(path, 4096, &all, NULL) < 0)
		return NULL;
	after = strrchr(all, ')');
	if (after && after[1] == ' ')
		*ret_third = after + 2;
	return all;
}

void own_program(const char *name, char *buf, size_t size)
{
	ssize_t n = read_link(AT_FDCWD, "/proc/self/exe", buf, size);
	char *slash = n < 0 ? NULL : strrchr(buf, '/');

	if (slash && (size_t)(slash - buf) + strlen(name) + 2 <= size) {
		strcpy(slash + 1, name);
		if (access(buf, X_OK) == 0)
			return;
	}
	snprintf(buf, size, "%s/%s", UM_LIBEXECDIR, name);
}

uint64_t process_stat(pid_t pid, int field)
{
	const char *p;
	_cleanup_free_ char *all = stat_read(pid, &p);

	for (int i = 3; p && i < field; i++) {
		p = strchr(p, ' ');
		p += p ? 1 : 0;
	}
	return p ? strtoull(p, NULL, 10) : 0;
}

char process_state(pid_t pid)
{
	const char *third;
	_cleanup_free_ char *all = stat_read(pid, &third);

	return third ? third[0] : 0;
}

int process_fd_of(pid_t pid, const char *link)
{
	char path[64], to[64];
	struct dirent *e;
	int fd = -1;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	fds = opendir(path);
	while (fds && fd < 0 && (e = readdir(fds)))
		if (*e->d_name != '.' && read_link(dirfd(fds), e->d_name, to, sizeof(to)) > 0 &&
			strcmp(to, link) == 0)
			fd = atoi(e->d_name);
	if (fds)
		closedir(fds);
	return fd;
}

bool process_at_work(pid_t pid)
{
	char path[64];
	struct dirent *d;
	bool busy = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && !busy && (d = readdir(dir))) {
		const char state = process_state(atoi(d->d_name));

		busy = state == 'R' || state == 'D';
	}
	if (dir)
		closedir(dir);
	return busy;
}

void process_continue(pid_t pid)
{
	if (process_state(pid) == 'T')
		kill(pid, SIGCONT);
}

pid_t process_parent(pid_t pid)
{
	return (pid_t)process_stat(pid, STAT_PARENT);
}

ino_t process_ns(pid_t pid, const char *kind)
{
	char path[64], number[16] = "self";
	struct stat st;

	if (pid)
		snprintf(number, sizeof(number), "%d", (int)pid);
	snprintf(path, sizeof(path), "/proc/%s/ns/%s", number, kind);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

uint64_t hash_bytes(uint64_t h, const void *p, size_t len)
{
	const unsigned char *b = p;

	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * 0x100000001b3ull;
	return h;
}

uint64_t memory_size(void)
{
	struct sysinfo si = { 0 };

	(void)sysinfo(&si); /* cannot fail */
	return (uint64_t)si.totalram * si.mem_unit;
}

int size_parse(const char *value, uint64_t whole, uint64_t *ret)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 0);
	if (errno || end == value || *value == '-')
		return -EINVAL;
	if (*end == '%')
		*ret = whole / 100 * n;
	else
		*ret = n << (strchr("kK", *end) && *end	    ? 10
			       : strchr("mM", *end) && *end ? 20
			       : strchr("gG", *end) && *end ? 30
							    : 0);
	return !*end || (strchr("kKmMgG%", *end) && !end[1]) ? 0 : -EINVAL;
}
