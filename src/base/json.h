/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of files and words of processes, as JSON; and what others wrote, read. */
#ifndef UM_BASE_JSON_H
#define UM_BASE_JSON_H

#include <json-c/json.h>

/* A new string object. JSON is UTF-8, and a name may be any bytes: one that is not of UTF-8 becomes
 * U+FFFD. NULL when out of memory. */
struct json_object *json_text(const char *s);

/* What an object has by this name, which stays its own. NULL: nothing of this type, or o, which may
 * be NULL, is no object. */
struct json_object *json_member(struct json_object *o, const char *key, enum json_type type);
/* The same of a string; "": none. */
const char *json_member_text(struct json_object *o, const char *key);

#endif
