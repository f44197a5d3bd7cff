/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/json.h"

/* The log is the one thing that is the process's and not a handle's: a line must be possible
 * from everywhere, also before anything else is set up. */
static atomic_int log_fd = -1;
static atomic_int log_max = LOG_INFO;
static atomic_int log_json_fd = -1; /* where messages to the user go as JSON */

static const char *const level_names[] = { "error", "warn", "info", "debug" };

int log_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0)
		return -errno;
	log_to_fd(fd);
	return 0;
}

void log_to_fd(int fd)
{
	int old = atomic_exchange(&log_fd, fd);

	if (old >= 0)
		close(old);
}

void log_set_level(enum log_level level)
{
	atomic_store(&log_max, (int)level);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&log_max, memory_order_relaxed);
}

int log_level_parse(const char *name, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

static void log_vmsg(enum log_level level, const char *fmt, va_list ap)
{
	int fd = atomic_load(&log_fd);
	char line[2048];
	struct timespec ts;
	struct tm tm;
	int n;

	if (fd < 0 || level > log_get_level())
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	n = snprintf(line, sizeof(line), "%02d:%02d:%02d.%06ld %ld %s ", tm.tm_hour, tm.tm_min,
		tm.tm_sec, ts.tv_nsec / 1000, syscall(SYS_gettid), level_names[level]);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	if (n >= (int)sizeof(line))
		n = sizeof(line) - 1;
	line[n++] = '\n';
	if (write(fd, line, (size_t)n) < 0)
		return; /* nobody to tell */
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vmsg(level, fmt, ap);
	va_end(ap);
}

/* The supervisor's own standard output is taken from it later: a copy is kept. */
void log_user_as_json(void)
{
	atomic_store(&log_json_fd, fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
}

static void tell_json(int fd, const char *line)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "ok", json_object_new_boolean(false));
	json_object_object_add(o, "error", json_text(line));
	dprintf(fd, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

void log_user(const char *fmt, ...)
{
	int json = atomic_load(&log_json_fd);
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (json >= 0)
		tell_json(json, line);
	else
		dprintf(STDERR_FILENO, "umview: %s\n", line);
	log_msg(LOG_ERROR, "%s", line);
}
