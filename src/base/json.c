/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"

#include <string.h>

#include "base/util.h"

static const char replacement[] = "\xef\xbf\xbd";

/* How many bytes the character at s has; 0: they are not UTF-8 (RFC 3629). */
static size_t char_len(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf; /* of the second byte */
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0; /* else it had fewer */
	else if (s[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f; /* beyond Unicode */
	for (size_t i = 1; i < n; i++) {
		if (s[i] < low || s[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

struct json_object *json_text(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	_cleanup_free_ char *text = malloc(3 * strlen(s) + 1);
	size_t out = 0;

	if (!text)
		return NULL;
	while (*p) {
		size_t n = char_len(p);

		if (n) {
			memcpy(text + out, p, n);
			out += n;
			p += n;
		} else {
			memcpy(text + out, replacement, sizeof(replacement) - 1);
			out += sizeof(replacement) - 1;
			p++;
		}
	}
	return json_object_new_string_len(text, (int)out);
}

struct json_object *json_member(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *v = NULL;

	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, key, &v) &&
			       json_object_is_type(v, type)
		       ? v
		       : NULL;
}

const char *json_member_text(struct json_object *o, const char *key)
{
	struct json_object *v = json_member(o, key, json_type_string);

	return v ? json_object_get_string(v) : "";
}
