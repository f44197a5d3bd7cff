/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log. The terminal belongs to the guest, so lines go to --log FILE alone; with no file
 * only messages for the user (log_user) are seen, on standard error.
 */
#ifndef UM_BASE_LOG_H
#define UM_BASE_LOG_H

#include "base/util.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Opens (appends to) the file. 0 or -errno. */
int MUST_CHECK log_open(const char *path);
/* Writes to fd from now on; the log owns it. */
void log_to_fd(int fd);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "error", "warn", "info", "debug": 0, or -EINVAL. */
int MUST_CHECK log_level_parse(const char *name, enum log_level *ret);
const char *log_level_name(enum log_level level);

void log_msg(enum log_level level, const char *fmt, ...) PRINTF(2, 3);
/* A message to the user: "umview: ..." on standard error, and a line of the log. */
void log_user(const char *fmt, ...) PRINTF(1, 2);
/* From now on messages to the user are lines {"ok":false,"error":TEXT} on what is standard output
 * now. */
void log_user_as_json(void);

#define log_error(...) log_msg(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_msg(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_get_level() >= LOG_DEBUG)                                                  \
			log_msg(LOG_DEBUG, __VA_ARGS__);                                           \
	} while (0)

#endif
