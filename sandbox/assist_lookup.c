/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/assist_lookup.h"

/* Freestanding: this file is part of the dispatcher too, which has no C library. */

bool assist_begins(const char *text, const char *with)
{
	while (*with) {
		if (*text++ != *with++)
			return false;
	}
	return true;
}

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* ---- the table ---- */

bool assist_table_check(const void *table, size_t size)
{
	const struct assist_header *header = table;
	const char *bytes = table;
	uint64_t buckets_end, entries_end;

	if (size < sizeof(*header) + 2 || size > ASSIST_TABLE_MAX ||
	    header->magic != ASSIST_MAGIC || header->size != size)
		return false;
	buckets_end = (uint64_t)header->buckets + (uint64_t)header->bucket_count * sizeof(uint32_t);
	entries_end = (uint64_t)header->entries +
		      (uint64_t)header->entry_count * sizeof(struct assist_entry);
	return header->bucket_count && !(header->bucket_count & (header->bucket_count - 1)) &&
	       header->buckets >= sizeof(*header) && header->buckets % sizeof(uint32_t) == 0 &&
	       header->entries >= sizeof(*header) && header->entries % sizeof(uint64_t) == 0 &&
	       buckets_end <= size && entries_end <= size - 2 &&
	       /* So that every text and every list ends inside. */
	       !bytes[size - 1] && !bytes[size - 2];
}

bool assist_file_equal(const struct assist_file *a, const struct assist_file *b)
{
	return a->inode == b->inode && a->size == b->size && a->mtime == b->mtime &&
	       a->ctime == b->ctime;
}

uint32_t assist_bucket(const struct assist_file *file, uint32_t bucket_count)
{
	uint64_t mixed = (file->inode ^ (uint64_t)file->ctime) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)(mixed >> 32) & (bucket_count - 1);
}

const struct assist_entry *assist_find(const void *table, const struct assist_file *file)
{
	const struct assist_header *header = table;
	const uint32_t *buckets = (const void *)((const char *)table + header->buckets);
	const struct assist_entry *entries = (const void *)((const char *)table + header->entries);
	uint32_t at = assist_bucket(file, header->bucket_count);

	for (uint32_t i = 0; i < header->bucket_count; i++) {
		uint32_t index = buckets[(at + i) & (header->bucket_count - 1)];

		if (!index || index > header->entry_count)
			return NULL;
		if (assist_file_equal(&entries[index - 1].file, file))
			return &entries[index - 1];
	}
	return NULL;
}

uint32_t assist_answer_word(const char *name, size_t length)
{
	uint32_t mixed = 2166136261u;

	for (size_t i = 0; i < length; i++)
		mixed = (mixed ^ (unsigned char)name[i]) * 16777619u;
	return mixed % ASSIST_ANSWERS;
}

bool assist_is_packaged(const char *path)
{
	static const char usr[] = "/usr/", local[] = "/usr/local/", source[] = "/usr/src/";

	if (assist_begins(path, usr))
		return !assist_begins(path, local) && !assist_begins(path, source);
	return assist_begins(path, "/bin/") || assist_begins(path, "/sbin/") ||
	       assist_begins(path, "/lib");
}

const char *assist_text(const void *table, uint32_t at)
{
	const struct assist_header *header = table;

	return at && at < header->size ? (const char *)table + at
				       : (const char *)table + header->size - 1;
}

const char *assist_next(const char *text)
{
	while (*text)
		text++;
	return text + 1;
}

/* ---- judging ---- */

static bool ends_with(const char *text, const char *end)
{
	size_t length = 0, want = 0;

	while (text[length])
		length++;
	while (end[want])
		want++;
	return want <= length && equal(text + length - want, end);
}

bool assist_match(const char *pattern, const char *text)
{
	if (*pattern == '~')
		return ends_with(text, pattern + 1);
	for (; *pattern; pattern++, text++) {
		if (*pattern == '*' && !pattern[1])
			return true;
		if (*pattern != *text)
			return false;
	}
	return !*text;
}

static bool argument_matches(const void *table, uint32_t list, const char *argument, bool is_last)
{
	for (const char *pattern = assist_text(table, list); *pattern;
	     pattern = assist_next(pattern)) {
		const bool is_special = *pattern == '!' || *pattern == '$';

		if (is_special ? equal(pattern + 1, argument) && (is_last || *pattern == '!')
			       : assist_match(pattern, argument))
			return *pattern != '!';
	}
	return false;
}

bool assist_match_any(const void *table, uint32_t list, char *const *arguments)
{
	for (; *arguments; arguments++) {
		if (argument_matches(table, list, *arguments, !arguments[1]))
			return true;
	}
	return false;
}

/** The rest of "NAME=VALUE" behind `name`, if it is that and not empty. */
static bool is_set(const char *variable, const char *name)
{
	for (; *name; name++, variable++) {
		if (*variable != *name)
			return false;
	}
	return *variable == '=' && variable[1];
}

/**
 * What the loader and the C library obey: it names files of the target's machine, or it asks for
 * what only the foreign loader can tell (ldd).
 */
static bool variable_decides(const char *variable, uint32_t flags)
{
	if (variable[0] == 'L' && variable[1] == 'D' && variable[2] == '_') {
		if (is_set(variable, "LD_LIBRARY_PATH"))
			return !(flags & ASSIST_LIBRARY_PATH_OK);
		return is_set(variable, "LD_PRELOAD") || is_set(variable, "LD_AUDIT") ||
		       is_set(variable, "LD_DEBUG") || is_set(variable, "LD_PROFILE") ||
		       is_set(variable, "LD_ORIGIN_PATH") || is_set(variable, "LD_SHOW_AUXV") ||
		       is_set(variable, "LD_BIND_NOT") || is_set(variable, "LD_DYNAMIC_WEAK") ||
		       is_set(variable, "LD_TRACE_LOADED_OBJECTS");
	}
	if (variable[0] == 'G')
		return is_set(variable, "GCONV_PATH") || is_set(variable, "GLIBC_TUNABLES") ||
		       is_set(variable, "GCC_EXEC_PREFIX");
	return false;
}

/** Letters of options without a value, of perl and python: what is run is behind them. */
static bool is_plain_letter(char letter)
{
	return letter == 'E' || letter == 's' || letter == 'S' || letter == 'B' || letter == 'u' ||
	       letter == 'O' || letter == 'w' || letter == 'T' || letter == 'q' || letter == 'b';
}

/** "m:NAME" is all of what -m names, "c:TEXT" of what -c runs; "c:TEXT*" how that begins. */
static bool code_allowed(const void *table, uint32_t list, char kind, const char *code)
{
	for (const char *allowed = assist_text(table, list); *allowed;
	     allowed = assist_next(allowed)) {
		if (allowed[0] != kind || allowed[1] != ':')
			continue;
		if (assist_match(allowed + 2, code))
			return true;
	}
	return false;
}

/**
 * Whether an interpreter runs only what it may: the code that its row allows, or a script, which is
 * as good as a program where it is one of the table's.
 */
static bool scripts_judge(const void *table, uint32_t list, char *const *arguments,
			  const char **script)
{
	for (; *arguments; arguments++) {
		const char *at = *arguments;

		if (*at != '-' || !at[1]) {
			*script = *at == '-' ? NULL : at;
			return *script;
		}
		if (at[1] == '-') {
			*script = at[2] ? NULL : arguments[1];
			return *script;
		}
		do
			at++;
		while (is_plain_letter(*at));
		if (*at == 'm' || *at == 'c') {
			const char *code = at[1] ? at + 1 : arguments[1];

			return code && code_allowed(table, list, *at, code);
		}
		if (*at)
			return false;
	}
	return false; /* it would read its standard input */
}

/** Whether a name has no directory, or one of the two that lead to /usr/bin. */
static bool is_in_bin(const char *name)
{
	if (!name)
		return false;
	if (assist_begins(name, "/usr/bin/"))
		name += sizeof("/usr/bin/") - 1;
	else if (assist_begins(name, "/bin/"))
		name += sizeof("/bin/") - 1;
	for (; *name; name++) {
		if (*name == '/')
			return false;
	}
	return true;
}

/** Whether the last part of argv[0] is one of the names. */
static bool name_allowed(const void *table, uint32_t list, const char *called)
{
	const char *name = called ? called : "";

	for (const char *at = name; *at; at++) {
		if (*at == '/')
			name = at + 1;
	}
	for (const char *pattern = assist_text(table, list); *pattern;
	     pattern = assist_next(pattern)) {
		if (assist_match(pattern, name))
			return true;
	}
	return false;
}

/** What an interpreter takes code from that is no script's. */
static bool variable_brings_code(const char *variable)
{
	if (variable[0] != 'P')
		return false;
	return is_set(variable, "PERL5LIB") || is_set(variable, "PERLLIB") ||
	       is_set(variable, "PERL5OPT") || is_set(variable, "PERL5DB") ||
	       is_set(variable, "PYTHONPATH") || is_set(variable, "PYTHONHOME");
}

/** Whether a linker is told of a plugin that is none of those with a counterpart. */
static bool plugin_is_other(const void *table, const struct assist_entry *entry,
			    char *const *arguments)
{
	const char *known = assist_text(table, entry->plugin_from);

	for (; *known && *arguments; arguments++) {
		const char *name = *arguments;

		if (*name != '-')
			continue;
		name += name[1] == '-' ? 2 : 1;
		if (assist_begins(name, "plugin=") ||
		    (equal(name, "plugin") && arguments[1] && !assist_begins(arguments[1], known)))
			return true;
	}
	return false;
}

enum assist_verdict assist_judge(const void *table, const struct assist_entry *entry,
				 char *const *arguments, char *const *environment,
				 const char **script)
{
	const bool scripts_only = entry->flags & ASSIST_SCRIPTS_ONLY;

	*script = NULL;
	if (entry->flags & (ASSIST_IS_SCRIPT | ASSIST_IS_LIBRARY))
		return ASSIST_NO_TWIN;
	for (; *environment; environment++) {
		if (variable_decides(*environment, entry->flags) ||
		    (scripts_only && variable_brings_code(*environment)))
			return ASSIST_ENVIRONMENT;
	}
	if (entry->flags & ASSIST_PLACE_MATTERS && !is_in_bin(*arguments))
		return ASSIST_ARGUMENT;
	if (entry->names && !name_allowed(table, entry->names, *arguments))
		return ASSIST_ARGUMENT;
	arguments += *arguments != NULL;
	if ((entry->refuse && assist_match_any(table, entry->refuse, arguments)) ||
	    plugin_is_other(table, entry, arguments))
		return ASSIST_ARGUMENT;
	if (scripts_only && !scripts_judge(table, entry->scripts, arguments, script))
		return ASSIST_SCRIPT;
	return ASSIST_NATIVE;
}

const char *assist_variable(char *const *environment, const char *name)
{
	for (; *environment; environment++) {
		const char *at = *environment, *want = name;

		for (; *want && *at == *want; want++)
			at++;
		if (!*want && *at == '=')
			return at + 1;
	}
	return NULL;
}

/* ---- what the twin gets ---- */

static size_t list_length(const void *table, uint32_t list)
{
	size_t count = 0;

	for (const char *text = assist_text(table, list); *text; text = assist_next(text))
		count++;
	return count;
}

size_t assist_room(const void *table, const struct assist_entry *entry, char *const *list)
{
	size_t count = 0, insert = list_length(table, entry->insert);
	size_t env = list_length(table, entry->env);

	while (list[count])
		count++;
	return count * (entry->before ? 2 : 1) + (insert > env ? insert : env) + 1;
}

/** Put the inserted texts there that are meant for this place; where the next one goes. */
static char **inserts_put(const void *table, uint32_t list, bool at_end, char **out)
{
	for (const char *text = assist_text(table, list); *text; text = assist_next(text)) {
		if ((*text == '+') == at_end)
			*out++ = (char *)(uintptr_t)(text + at_end);
	}
	return out;
}

/** What is to be put before an argument, or NULL. */
static const char *text_before(const void *table, uint32_t list, const char *argument)
{
	for (const char *text = assist_text(table, list); *text;
	     text = assist_next(assist_next(text))) {
		if (equal(text, argument))
			return assist_next(text);
	}
	return NULL;
}

void assist_arguments(const void *table, const struct assist_entry *entry, char *const *arguments,
		      char **out)
{
	const char *from = assist_text(table, entry->plugin_from);
	bool inserts;

	*out++ = *arguments++;
	inserts =
		!entry->insert_unless || !assist_match_any(table, entry->insert_unless, arguments);
	if (inserts)
		out = inserts_put(table, entry->insert, false, out);
	for (; *arguments; arguments++) {
		const char *before = text_before(table, entry->before, *arguments);
		bool replaced = *from && assist_begins(*arguments, from);

		if (before)
			*out++ = (char *)(uintptr_t)before;
		*out++ = replaced ? (char *)(uintptr_t)assist_text(table, entry->plugin_to)
				  : *arguments;
	}
	if (inserts)
		out = inserts_put(table, entry->insert, true, out);
	*out = NULL;
}

/** The same variable, whatever the values are. */
static bool same_name(const char *a, const char *b)
{
	while (*a && *a == *b && *a != '=') {
		a++;
		b++;
	}
	return *a == '=' && *b == '=';
}

void assist_environment(const void *table, const struct assist_entry *entry,
			char *const *environment, char **out)
{
	char **end = out;

	for (; *environment; environment++)
		*end++ = *environment;
	for (const char *text = assist_text(table, entry->env); *text; text = assist_next(text)) {
		bool keep = *text == '?';
		const char *variable = text + keep;
		char **at = out;

		while (at < end && !same_name(*at, variable))
			at++;
		if (at == end)
			end++;
		else if (keep)
			continue;
		*at = (char *)(uintptr_t)variable;
	}
	*end = NULL;
}
