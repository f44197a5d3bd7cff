/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of files and words of processes, as JSON. */
#ifndef UM_BASE_JSON_H
#define UM_BASE_JSON_H

#include <json-c/json.h>

/* A new string object. JSON is UTF-8, and a name may be any bytes: one that is not of UTF-8 becomes
 * U+FFFD. NULL when out of memory. */
struct json_object *json_text(const char *s);

#endif
