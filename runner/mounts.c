/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/mounts.h"

#include "base/mem.h"
#include "runner/expand.h"
#include "runner/fields.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const kind_names[] = { "bind", "cache", "tmpfs", "secret", "ssh" };
static const char *const sharing_names[] = { "shared", "private", "locked" };

/** What tells the mounts of one kind from those of another. */
enum allowed { FOR_ALL, FOR_SECRET_SSH, FOR_TMPFS };

static bool is_allowed(enum allowed allowed, enum mount_kind kind)
{
	switch (allowed) {
	case FOR_ALL:
		return true;
	case FOR_SECRET_SSH:
		return kind == MOUNT_SECRET || kind == MOUNT_SSH;
	case FOR_TMPFS:
		return kind == MOUNT_TMPFS;
	}
	return false;
}

/** A mount being read. */
struct reading {
	struct mount *mount;
	bool has_access, has_sharing; /* ro or rw was said; sharing was */
	bool waits;                   /* values with variables are for later */
	bool has_waiting;             /* and there are some */
	bool has_waiting_type;
};

/** One option of a mount with its value, expanded. */
typedef result setter(struct reading *reading, const char *key, const char *value,
		      struct error *err);

static int fail_value(const char *key, const char *value, struct error *err)
{
	return fail(err, FAULT_INPUT, "invalid value for %s: %s", key, value);
}

static int fail_word(const char *what, const char *word, const char *const *known, size_t count,
		     struct error *err)
{
	char hint[HINT_MAX];

	return fail(err, FAULT_INPUT, "unsupported %s \"%s\"%s", what, word,
		    hint_text("", nearest_slip(word, known, count), hint));
}

/** The place of a word in a list, any case; `count` where it is not in it. */
static size_t word_find(const char *word, const char *const *words, size_t count)
{
	size_t at = 0;

	while (at < count && strcasecmp(words[at], word) != 0)
		at++;
	return at;
}

static result set_type(struct reading *reading, const char *key, const char *value,
		       struct error *err)
{
	size_t found = word_find(value, kind_names, countof(kind_names));

	(void)key;
	if (found == countof(kind_names))
		return fail_word("mount type", value, kind_names, countof(kind_names), err);
	reading->mount->kind = (enum mount_kind)found;
	return OK;
}

static result set_sharing(struct reading *reading, const char *key, const char *value,
			  struct error *err)
{
	size_t found = word_find(value, sharing_names, countof(sharing_names));

	(void)key;
	if (found == countof(sharing_names))
		return fail_word("sharing value", value, sharing_names, countof(sharing_names),
				 err);
	reading->mount->sharing = (enum sharing)found;
	reading->has_sharing = true;
	return OK;
}

static result set_text(char **text, const char *value)
{
	free(*text);
	*text = xstrdup(value);
	return OK;
}

static result set_from(struct reading *reading, const char *key, const char *value,
		       struct error *err)
{
	(void)key, (void)err;
	return set_text(&reading->mount->from, value);
}

static result set_source(struct reading *reading, const char *key, const char *value,
			 struct error *err)
{
	(void)key, (void)err;
	return set_text(&reading->mount->source, value);
}

static result set_target(struct reading *reading, const char *key, const char *value,
			 struct error *err)
{
	(void)key, (void)err;
	return set_text(&reading->mount->target, value);
}

static result set_id(struct reading *reading, const char *key, const char *value, struct error *err)
{
	(void)key, (void)err;
	return set_text(&reading->mount->id, value);
}

static result set_env(struct reading *reading, const char *key, const char *value,
		      struct error *err)
{
	(void)key, (void)err;
	return set_text(&reading->mount->env, value);
}

/** What Go's strconv.ParseBool takes. */
static result bool_parse(const char *key, const char *value, bool *out, struct error *err)
{
	static const char *const words[] = { "1", "t", "T", "TRUE",  "true",  "True",
					     "0", "f", "F", "FALSE", "false", "False" };

	for (size_t i = 0; i < countof(words); i++) {
		if (strcmp(words[i], value) == 0) {
			*out = i < countof(words) / 2;
			return OK;
		}
	}
	return fail_value(key, value, err);
}

static result set_read_only(struct reading *reading, const char *key, const char *value,
			    struct error *err)
{
	reading->has_access = true;
	return bool_parse(key, value, &reading->mount->read_only, err);
}

static result set_writable(struct reading *reading, const char *key, const char *value,
			   struct error *err)
{
	bool writable = false;

	if (bool_parse(key, value, &writable, err))
		return FAILED;
	reading->has_access = true;
	reading->mount->read_only = !writable;
	return OK;
}

static result set_required(struct reading *reading, const char *key, const char *value,
			   struct error *err)
{
	return bool_parse(key, value, &reading->mount->required, err);
}

static result set_size(struct reading *reading, const char *key, const char *value,
		       struct error *err)
{
	if (size_parse(value, &reading->mount->size, err))
		return fail_value(key, value, err);
	return OK;
}

/** Digits of a base, nothing else. */
static result digits_parse(const char *key, const char *value, int base, uint32_t max,
			   uint32_t *out, struct error *err)
{
	char *end;
	unsigned long number;

	if (!isdigit((unsigned char)*value) || strlen(value) > 12)
		return fail(err, FAULT_INPUT, "invalid value %s for %s", value, key);
	number = strtoul(value, &end, base);
	if (*end || number > max)
		return fail(err, FAULT_INPUT, "invalid value %s for %s", value, key);
	*out = (uint32_t)number;
	return OK;
}

static result set_mode(struct reading *reading, const char *key, const char *value,
		       struct error *err)
{
	uint32_t mode;

	if (digits_parse(key, value, 8, UINT32_MAX, &mode, err))
		return FAILED;
	reading->mount->mode = mode & 0777; /* no more is ever looked at */
	reading->mount->has_mode = true;
	return OK;
}

static result set_uid(struct reading *reading, const char *key, const char *value,
		      struct error *err)
{
	reading->mount->has_uid = true;
	return digits_parse(key, value, 10, UINT32_MAX, &reading->mount->uid, err);
}

static result set_gid(struct reading *reading, const char *key, const char *value,
		      struct error *err)
{
	reading->mount->has_gid = true;
	return digits_parse(key, value, 10, UINT32_MAX, &reading->mount->gid, err);
}

/* clang-format off */
static const struct {
	const char *key;
	setter *set;
	enum allowed allowed;
	bool may_be_bare; /* without =true */
} keys[] = {
	{ "type",        set_type,      FOR_ALL,        false },
	{ "from",        set_from,      FOR_ALL,        false },
	{ "source",      set_source,    FOR_ALL,        false },
	{ "src",         set_source,    FOR_ALL,        false },
	{ "target",      set_target,    FOR_ALL,        false },
	{ "dst",         set_target,    FOR_ALL,        false },
	{ "destination", set_target,    FOR_ALL,        false },
	{ "readonly",    set_read_only, FOR_ALL,        true },
	{ "ro",          set_read_only, FOR_ALL,        true },
	{ "readwrite",   set_writable,  FOR_ALL,        true },
	{ "rw",          set_writable,  FOR_ALL,        true },
	{ "id",          set_id,        FOR_ALL,        false },
	{ "sharing",     set_sharing,   FOR_ALL,        false },
	{ "required",    set_required,  FOR_SECRET_SSH, true },
	{ "size",        set_size,      FOR_TMPFS,      false },
	{ "mode",        set_mode,      FOR_ALL,        false },
	{ "uid",         set_uid,       FOR_ALL,        false },
	{ "gid",         set_gid,       FOR_ALL,        false },
	{ "env",         set_env,       FOR_ALL,        false },
};
/* clang-format on */

const char *mount_kind_name(enum mount_kind kind)
{
	return kind_names[kind];
}

void mount_drop(struct mount *mount)
{
	free(mount->from);
	free(mount->source);
	free(mount->target);
	free(mount->id);
	free(mount->env);
	*mount = (struct mount){};
}

/* ---- fields ---- */

/** The option's place in keys[]. */
static result key_find(const char *key, const char *field, size_t *out, struct error *err)
{
	const char *names[countof(keys)];
	char hint[HINT_MAX];

	for (size_t i = 0; i < countof(keys); i++) {
		names[i] = keys[i].key;
		if (strcasecmp(keys[i].key, key) == 0) {
			*out = i;
			return OK;
		}
	}
	return fail(err, FAULT_INPUT, "unexpected key '%s' in '%s'%s", key, field,
		    hint_text("", nearest_slip(key, names, countof(names)), hint));
}

/** Keep a value with variables for later; false where there are none, or they are known. */
static bool value_waits(struct reading *reading, size_t key, const char *value)
{
	if (!reading->waits || !strchr(value, '$'))
		return false;
	reading->has_waiting = true;
	reading->has_waiting_type |= keys[key].set == set_type;
	return true;
}

static result field_read(struct reading *reading, const char *field, char escape,
			 const struct strings *env, struct error *err)
{
	const char *equals = strchr(field, '='), *text = equals ? equals + 1 : "true";
	owned(str) char *key = xstrndup(field, strcspn(field, "=")), *value = NULL;
	struct error unknown = {};
	size_t at = 0;
	bool is_known = !key_find(key, field, &at, &unknown);

	if (!equals && !(is_known && keys[at].may_be_bare))
		return fail(err, FAULT_INPUT, "invalid field '%s' must be a key=value pair", field);
	if (!is_known) {
		*err = unknown;
		return FAILED;
	}
	if (!reading->has_waiting_type && !is_allowed(keys[at].allowed, reading->mount->kind))
		return fail(err, FAULT_INPUT, "unexpected key '%s' for mount type '%s'",
			    keys[at].key, kind_names[reading->mount->kind]);
	if (value_waits(reading, at, text))
		return OK;
	if (expand_word(text, escape, env, 0, &value, err))
		return FAILED;
	return keys[at].set(reading, keys[at].key, value, err);
}

static result owner_check(const struct mount *mount, struct error *err)
{
	const struct {
		bool is_set;
		const char *name;
	} fields[] = {
		{ mount->has_mode, "mode" },
		{ mount->has_uid, "uid" },
		{ mount->has_gid, "gid" },
	};

	if (mount->kind != MOUNT_BIND && mount->kind != MOUNT_TMPFS)
		return OK;
	for (size_t i = 0; i < countof(fields); i++) {
		if (fields[i].is_set)
			return fail(err, FAULT_INPUT, "%s not allowed for \"%s\" type mounts",
				    fields[i].name, kind_names[mount->kind]);
	}
	return OK;
}

static result secret_check(const struct mount *mount, struct error *err)
{
	if (mount->from && *mount->from)
		return fail(err, FAULT_INPUT, "secret mount should not have a from");
	if ((!mount->source || !*mount->source) && (!mount->target || !*mount->target) &&
	    (!mount->id || !*mount->id))
		return fail(err, FAULT_INPUT,
			    "invalid secret mount. one of source, target required");
	if (mount->source && *mount->source && mount->id && *mount->id)
		return fail(err, FAULT_INPUT, "both source and id can't be set");
	return OK;
}

static result mount_check(const struct reading *reading, struct error *err)
{
	struct mount *mount = reading->mount;

	if (owner_check(mount, err) || (mount->kind == MOUNT_SECRET && secret_check(mount, err)))
		return FAILED;
	if (reading->has_sharing && mount->kind != MOUNT_CACHE)
		return fail(err, FAULT_INPUT, "invalid cache sharing set for %s mount",
			    kind_names[mount->kind]);
	if (mount->kind == MOUNT_SSH && mount->source && *mount->source)
		return fail(err, FAULT_INPUT, "ssh does not support source");
	if (mount->target && *mount->target == '/') {
		owned(str) char *clean = path_absolute(mount->target);

		if (!clean[1])
			return fail(err, FAULT_INPUT, "invalid mount target \"/\"");
	}
	if (!reading->has_access)
		mount->read_only = mount->kind != MOUNT_CACHE && mount->kind != MOUNT_TMPFS;
	return OK;
}

static result mount_read(const char *text, char escape, const struct strings *env,
			 struct reading *reading, struct error *err)
{
	owned(strings) struct strings fields = {};

	if (csv_split(text, &fields, err))
		return FAILED;
	for (size_t i = 0; i < fields.count; i++) {
		if (field_read(reading, fields.items[i], escape, env, err))
			return FAILED;
	}
	return reading->has_waiting ? OK : mount_check(reading, err);
}

result mount_parse(const char *text, char escape, const struct strings *env, struct mount *out,
		   struct error *err)
{
	struct reading reading = { .mount = out };

	return mount_read(text, escape, env, &reading, err);
}

result mount_precheck(const char *text, char escape, struct error *err)
{
	struct mount mount = {};
	struct reading reading = { .mount = &mount, .waits = true };
	result status = mount_read(text, escape, NULL, &reading, err);

	mount_drop(&mount);
	return status;
}

result mount_from(const char *text, char **out, struct error *err)
{
	owned(strings) struct strings fields = {};
	owned(str) char *from = NULL;
	bool is_tmpfs = false;

	if (csv_split(text, &fields, err))
		return FAILED;
	for (size_t i = 0; i < fields.count; i++) {
		const char *field = fields.items[i], *dollar;

		is_tmpfs |= strcasecmp(field, "type=tmpfs") == 0;
		if (strncasecmp(field, "from=", 5) != 0)
			continue;
		dollar = strchr(field, '$');
		if (dollar && dollar[1])
			return fail(err, FAULT_INPUT,
				    "'from' doesn't support variable expansion, define alias stage "
				    "instead");
		free(from);
		from = xstrdup(field + 5);
	}
	*out = from && *from && !is_tmpfs ? take(from) : NULL;
	return OK;
}
