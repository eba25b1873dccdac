/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/users.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

/** A piece of a line; not terminated. */
struct slice {
	const char *at;
	size_t length;
};

enum { PASSWD_NAME, PASSWD_SECRET, PASSWD_UID, PASSWD_GID, PASSWD_GECOS, PASSWD_HOME, FIELD_MAX };
enum { GROUP_NAME, GROUP_SECRET, GROUP_GID, GROUP_MEMBERS };

/** Fields of one line of either file; those that are missing are empty. */
struct entry {
	struct slice fields[FIELD_MAX];
};

static bool slice_is(struct slice slice, const char *text)
{
	return strlen(text) == slice.length && memcmp(slice.at, text, slice.length) == 0;
}

/** Cut the next piece off `rest`, up to `separator`. */
static struct slice slice_cut(struct slice *rest, char separator)
{
	const char *end = memchr(rest->at, separator, rest->length);
	struct slice piece = { rest->at, end ? (size_t)(end - rest->at) : rest->length };
	size_t used = piece.length + (end != NULL);

	rest->at += used;
	rest->length -= used;
	return piece;
}

static struct slice slice_trim(struct slice slice)
{
	while (slice.length && strchr(" \t\r", slice.at[0]))
		slice.at++, slice.length--;
	while (slice.length && strchr(" \t\r", slice.at[slice.length - 1]))
		slice.length--;
	return slice;
}

/** The next line that has fields at all; false at the end of the text. */
static bool entry_next(struct slice *rest, struct entry *out)
{
	while (rest->length) {
		struct slice line = slice_trim(slice_cut(rest, '\n'));

		if (!line.length || line.at[0] == '#')
			continue;
		for (size_t i = 0; i < FIELD_MAX; i++)
			out->fields[i] = slice_cut(&line, ':');
		return true;
	}
	return false;
}

/** A decimal id in full; false where it is anything else. */
static bool id_read(struct slice slice, uint32_t *out)
{
	uint64_t value = 0;

	if (!slice.length || slice.length > 10)
		return false;
	for (size_t i = 0; i < slice.length; i++) {
		if (slice.at[i] < '0' || slice.at[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(slice.at[i] - '0');
	}
	if (value > USER_ID_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool entry_has_id(const struct entry *entry, size_t field, uint32_t id)
{
	uint32_t own;

	return id_read(entry->fields[field], &own) && own == id;
}

/** The first entry with that name or, for a number, that id. */
static bool entry_find(const char *file, size_t id_field, const char *key, struct entry *out)
{
	struct slice rest = { file, strlen(file) };
	uint32_t id = 0;
	bool by_id = is_number(key);

	if (by_id && !id_read((struct slice){ key, strlen(key) }, &id))
		return false;
	while (entry_next(&rest, out)) {
		if (by_id ? entry_has_id(out, id_field, id) : slice_is(out->fields[0], key))
			return true;
	}
	return false;
}

/** Take the home of an entry if it is one: absolute and of sane length. */
static void home_take(struct slice home, struct user *user)
{
	if (!home.length || home.at[0] != '/' || home.length >= USER_HOME_MAX)
		return;
	memcpy(user->home, home.at, home.length);
	user->home[home.length] = '\0';
}

/** The user of an image that names none is 0:0, whatever a damaged line says. */
static result user_find(const char *key, const char *passwd, struct user *user, char **name,
			struct error *err)
{
	struct entry entry;
	const char *wanted = *key ? key : "0";

	if (entry_find(passwd, PASSWD_UID, wanted, &entry)) {
		if ((!id_read(entry.fields[PASSWD_UID], &user->uid) ||
		     !id_read(entry.fields[PASSWD_GID], &user->gid)) &&
		    *key)
			return fail(err, FAULT_INPUT,
				    "user %s: its line in /etc/passwd has no valid ids", key);
		home_take(entry.fields[PASSWD_HOME], user);
		*name = xstrndup(entry.fields[PASSWD_NAME].at, entry.fields[PASSWD_NAME].length);
		return OK;
	}
	if (!is_number(wanted))
		return fail(err, FAULT_INPUT, "user %s is not in the image's /etc/passwd", key);
	if (!id_read((struct slice){ wanted, strlen(wanted) }, &user->uid))
		return fail(err, FAULT_INPUT, "user %s: want 0 to %d", key, USER_ID_MAX);
	return OK;
}

static result group_find(const char *key, const char *group, uint32_t *gid, struct error *err)
{
	struct entry entry;

	if (entry_find(group, GROUP_GID, key, &entry)) {
		if (!id_read(entry.fields[GROUP_GID], gid))
			return fail(err, FAULT_INPUT,
				    "group %s: its line in /etc/group has no valid id", key);
		return OK;
	}
	if (!is_number(key))
		return fail(err, FAULT_INPUT, "group %s is not in the image's /etc/group", key);
	if (!id_read((struct slice){ key, strlen(key) }, gid))
		return fail(err, FAULT_INPUT, "group %s: want 0 to %d", key, USER_ID_MAX);
	return OK;
}

static bool has_member(struct slice members, const char *name)
{
	while (members.length) {
		if (slice_is(slice_trim(slice_cut(&members, ',')), name))
			return true;
	}
	return false;
}

static result groups_collect(const char *name, const char *group, struct user *user,
			     struct error *err)
{
	struct slice rest = { group, strlen(group) };
	struct entry entry;
	uint32_t id;

	while (entry_next(&rest, &entry)) {
		if (!has_member(entry.fields[GROUP_MEMBERS], name) ||
		    !id_read(entry.fields[GROUP_GID], &id))
			continue;
		if (user->group_count == USER_GROUPS_MAX)
			return fail(err, FAULT_INPUT, "user %s is in more than %d groups", name,
				    USER_GROUPS_MAX);
		user->groups[user->group_count++] = id;
	}
	return OK;
}

static bool has_group(const struct user *user, uint32_t gid)
{
	for (size_t i = 0; i < user->group_count; i++) {
		if (user->groups[i] == gid)
			return true;
	}
	return false;
}

/** Its own group comes first among the supplementary ones, as runtimes of containers have it. */
static result group_join(struct user *user, struct error *err)
{
	if (has_group(user, user->gid))
		return OK;
	if (user->group_count == USER_GROUPS_MAX)
		return fail(err, FAULT_INPUT, "more than %d groups", USER_GROUPS_MAX);
	memmove(user->groups + 1, user->groups, user->group_count * sizeof(user->groups[0]));
	user->groups[0] = user->gid;
	user->group_count++;
	return OK;
}

result user_resolve(const char *text, const char *passwd, const char *group, struct user *out,
		    struct error *err)
{
	const char *colon = strchrnul(text ? text : "", ':');
	owned(str) char *key = xstrndup(text ? text : "", text ? (size_t)(colon - text) : 0);
	owned(str) char *name = NULL;
	struct user user = { .home = "/" };

	if (user_find(key, passwd, &user, &name, err))
		return FAILED;
	if (*colon && colon[1]) {
		if (group_find(colon + 1, group, &user.gid, err))
			return FAILED;
	} else if (name && groups_collect(name, group, &user, err)) {
		return FAILED;
	}
	if (group_join(&user, err))
		return FAILED;
	*out = user;
	return OK;
}

result user_group_add(struct user *user, const char *text, const char *group, struct error *err)
{
	uint32_t gid;

	if (group_find(text, group, &gid, err))
		return FAILED;
	if (has_group(user, gid))
		return OK;
	if (user->group_count == USER_GROUPS_MAX)
		return fail(err, FAULT_INPUT, "more than %d groups", USER_GROUPS_MAX);
	user->groups[user->group_count++] = gid;
	return OK;
}

/** An id as it is, else the entry of that name; `*known` is false where there is none. */
static result owner_part(const char *key, const char *file, size_t id_field, struct entry *entry,
			 uint32_t *id, bool *known, struct error *err)
{
	*known = true;
	if (is_number(key)) {
		entry->fields[0].length = 0;
		return id_read((struct slice){ key, strlen(key) }, id)
			       ? OK
			       : fail(err, FAULT_INPUT, "%s: want 0 to %d", key, USER_ID_MAX);
	}
	*known = entry_find(file, id_field, key, entry);
	if (*known && !id_read(entry->fields[id_field], id))
		return fail(err, FAULT_INPUT, "the line of %s has no valid id", key);
	return OK;
}

result user_owner(const char *text, const char *passwd, const char *group, struct owner *out,
		  struct error *err)
{
	const char *colon = strchrnul(text, ':');
	owned(str) char *key = xstrndup(text, (size_t)(colon - text));
	struct owner owner = {};
	struct entry entry = {};
	bool known = true;

	if (*key && owner_part(key, passwd, PASSWD_UID, &entry, &owner.uid, &known, err))
		return FAILED;
	owner.user_unknown = !known;
	owner.gid = owner.uid;
	if (*key && known && entry.fields[0].length &&
	    !id_read(entry.fields[PASSWD_GID], &owner.gid))
		return fail(err, FAULT_INPUT, "the line of %s has no valid group", key);
	known = true;
	if (*colon && !colon[1])
		owner.gid = 0;
	if (*colon && colon[1] &&
	    owner_part(colon + 1, group, GROUP_GID, &entry, &owner.gid, &known, err))
		return FAILED;
	owner.group_unknown = !known;
	*out = owner;
	return OK;
}
