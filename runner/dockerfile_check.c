/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whether words make an instruction: how many there are, which flags, and the few values that can
 * be judged without a build.  The texts are those that people know and search for.
 */
#include "runner/dockerfile.h"
#include "runner/dockerfile_internal.h"
#include "runner/unicode.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum flag_kind { FLAG_NONE, FLAG_BOOL, FLAG_TEXT, FLAG_LIST };

struct flag_rule {
	const char *name;
	enum flag_kind kind;
};

enum { FLAGS_MAX = 8 };

/** What may follow a name. */
enum count_rule { COUNT_ANY, COUNT_SOME, COUNT_ONE, COUNT_TWO };

struct rule {
	enum count_rule count;
	result (*check)(const struct instruction *instruction, struct error *err); /* or NULL */
	struct flag_rule flags[FLAGS_MAX]; /* closed by FLAG_NONE */
};

static const char *const count_texts[] = {
	[COUNT_SOME] = "requires at least one argument",
	[COUNT_ONE] = "requires exactly one argument",
	[COUNT_TWO] = "requires at least two arguments, but only one was provided. Destination "
		      "could not be determined",
};

/** The name in capitals, as messages have it. */
static const char *shout(const char *name, char text[16])
{
	size_t i;

	for (i = 0; name[i] && i < 15; i++)
		text[i] = (char)toupper((unsigned char)name[i]);
	text[i] = '\0';
	return text;
}

/** The suggestion is in capitals where what was typed is. */
static int fail_unknown_instruction(const struct instruction *instruction, struct error *err)
{
	owned(buf) struct buf shown = {};
	owned(str) char *lower = xstrndup(instruction->keyword, 100);
	const char *names[INSTRUCTION_COUNT], *near;
	bool is_loud = true;
	char hint[HINT_MAX], text[16];

	text_escape(&shown, lower, strlen(lower));
	for (char *c = lower; *c; c++) {
		is_loud &= !islower((unsigned char)*c);
		*c = (char)tolower((unsigned char)*c);
	}
	for (enum instruction_kind kind = 0; kind < INSTRUCTION_COUNT; kind++)
		names[kind] = instruction_name(kind);
	near = nearest_slip(lower, names, countof(names));
	return fail(err, FAULT_INPUT, "unknown instruction: %s%s", buf_text(&shown),
		    hint_text("", near && is_loud ? shout(near, text) : near, hint));
}

static int fail_unknown_flag(const struct flag_rule *rules, const char *name, struct error *err)
{
	owned(buf) struct buf shown = {};
	const char *names[FLAGS_MAX];
	char hint[HINT_MAX];
	size_t count = 0;

	text_escape(&shown, name, strnlen(name, 100));
	for (; rules->kind; rules++)
		names[count++] = rules->name;
	return fail(err, FAULT_INPUT, "unknown flag: --%s%s", buf_text(&shown),
		    hint_text("", nearest_slip(name, names, count), hint));
}

static result flag_check(const struct flag_rule *rules, const struct instruction *instruction,
			 size_t index, struct error *err)
{
	const struct flag *flag = &instruction->flags[index];
	const struct flag_rule *rule = rules;

	while (rule->kind && strcmp(rule->name, flag->name) != 0)
		rule++;
	if (!rule->kind)
		return fail_unknown_flag(rules, flag->name, err);
	for (size_t i = 0; i < index && rule->kind != FLAG_LIST; i++) {
		if (strcmp(instruction->flags[i].name, flag->name) == 0)
			return fail(err, FAULT_INPUT, "duplicate flag specified: --%s", flag->name);
	}
	if (rule->kind == FLAG_BOOL ? flag->value && !*flag->value : !flag->value)
		return fail(err, FAULT_INPUT, "missing a value on flag: --%s", flag->name);
	if (rule->kind == FLAG_BOOL && flag->value && strcasecmp(flag->value, "true") != 0 &&
	    strcasecmp(flag->value, "false") != 0)
		return fail(err, FAULT_INPUT, "expecting boolean value for flag --%s, not: %.100s",
			    flag->name, flag->value);
	return OK;
}

static result check_names(const struct instruction *instruction, struct error *err)
{
	char text[16];

	for (size_t i = 0; i < instruction_pair_count(instruction); i++) {
		if (!instruction_pair(instruction, i).name_length)
			return fail(err, FAULT_INPUT, "%s names can not be blank",
				    shout(instruction_name(instruction->kind), text));
	}
	return OK;
}

static result check_copy(const struct instruction *instruction, struct error *err)
{
	struct arena *arena = arena_new();
	struct error ignored;
	struct heredoc heredoc = {};
	char text[16];
	const char *name;
	bool is_heredoc;

	is_heredoc = !heredoc_word_read(arena, instruction->args[instruction->arg_count - 1],
					&heredoc, &ignored) &&
		     heredoc.name;
	arena_drop(&arena);
	name = shout(instruction_name(instruction->kind), text);
	if (is_heredoc)
		return fail(err, FAULT_INPUT, "%s cannot accept a heredoc as a destination", name);
	return OK;
}

static bool is_stage_name(const char *name)
{
	if (!isalpha((unsigned char)*name))
		return false;
	while (isalnum((unsigned char)*name) || (*name && strchr("-_.", *name)))
		name++;
	return !*name;
}

static result check_from(const struct instruction *instruction, struct error *err)
{
	owned(buf) struct buf shown = {};

	if (instruction->arg_count == 1)
		return OK;
	if (instruction->arg_count != 3 || strcasecmp(instruction->args[1], "as") != 0)
		return fail(err, FAULT_INPUT, "FROM requires either one or three arguments");
	if (is_stage_name(instruction->args[2]))
		return OK;
	text_escape(&shown, instruction->args[2], strnlen(instruction->args[2], 100));
	return fail(err, FAULT_INPUT,
		    "invalid name for build stage: \"%s\", name can't start with a number or "
		    "contain symbols",
		    buf_text(&shown));
}

static result check_onbuild(const struct instruction *instruction, struct error *err)
{
	const struct instruction *trigger = instruction->trigger;
	char text[16];

	if (!trigger)
		return fail(err, FAULT_INPUT, "ONBUILD requires at least one argument");
	if (trigger->kind == INSTRUCTION_FROM || trigger->kind == INSTRUCTION_MAINTAINER)
		return fail(err, FAULT_INPUT, "%s isn't allowed as an ONBUILD trigger",
			    shout(instruction_name(trigger->kind), text));
	return OK;
}

static result check_volume(const struct instruction *instruction, struct error *err)
{
	for (size_t i = 0; i < instruction->arg_count; i++) {
		const char *arg = instruction->args[i];

		if (!arg[space_prefix(arg, strlen(arg))])
			return fail(err, FAULT_INPUT,
				    "VOLUME specified can not be an empty string");
	}
	return OK;
}

/** One of a flag's words, where it is given. */
static result check_word(const struct instruction *instruction, const char *flag,
			 const char *const *words, size_t count, struct error *err)
{
	const char *value = instruction_flag(instruction, flag);
	char hint[HINT_MAX];
	owned(buf) struct buf list = {};

	for (size_t i = 0; value && i < count; i++) {
		if (strcmp(words[i], value) == 0)
			return OK;
		buf_printf(&list, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", words[i]);
	}
	if (!value)
		return OK;
	return fail(err, FAULT_INPUT, "RUN --%s=%s: want %s%s", flag, value, buf_text(&list),
		    hint_text("", nearest_slip(value, words, count), hint));
}

static result check_run(const struct instruction *instruction, struct error *err)
{
	static const char *const networks[] = { "default", "none", "host" };
	static const char *const securities[] = { "sandbox", "insecure" };

	return check_word(instruction, "network", networks, countof(networks), err) ||
			       check_word(instruction, "security", securities, countof(securities),
					  err)
		       ? FAILED
		       : OK;
}

static result check_shell(const struct instruction *instruction, struct error *err)
{
	if (!instruction->json)
		return fail(err, FAULT_INPUT, "SHELL requires the arguments to be in JSON form");
	return OK;
}

/** At least a millisecond, or nothing. */
static result check_interval(const struct instruction *instruction, const char *name,
			     struct error *err)
{
	const char *value = instruction_flag(instruction, name);
	int64_t duration;

	if (!value || !*value)
		return OK;
	if (duration_parse(value, &duration, err))
		return FAILED;
	if (duration != 0 && duration < 1000000)
		return fail(err, FAULT_INPUT, "Interval \"%s\" cannot be less than 1ms", name);
	return OK;
}

static result check_retries(const struct instruction *instruction, struct error *err)
{
	const char *value = instruction_flag(instruction, "retries");
	uint64_t retries;

	if (!value || !*value)
		return OK;
	if (*value == '-' && !number_parse(value + 1, INT32_MAX, &retries, err) && retries)
		return fail(err, FAULT_INPUT, "--retries cannot be negative (%s)", value);
	if (number_parse(value + (*value == '+' || *value == '-'), INT32_MAX, &retries, err))
		return fail_in(err, "--retries");
	return OK;
}

static result check_health(const struct instruction *instruction, struct error *err)
{
	static const char *const intervals[] = { "interval", "timeout", "start-period",
						 "start-interval" };

	if (strcasecmp(instruction->args[0], "none") == 0) {
		if (instruction->arg_count > 1)
			return fail(err, FAULT_INPUT, "HEALTHCHECK NONE takes no arguments");
		return OK;
	}
	if (strcasecmp(instruction->args[0], "cmd") != 0) {
		owned(buf) struct buf shown = {};

		text_escape(&shown, instruction->args[0], strnlen(instruction->args[0], 100));
		for (size_t i = 0; i < shown.length; i++)
			shown.data[i] = (char)toupper((unsigned char)shown.data[i]);
		return fail(err, FAULT_INPUT, "Unknown type \"%s\" in HEALTHCHECK (try CMD)",
			    buf_text(&shown));
	}
	if (instruction->arg_count == 1)
		return fail(err, FAULT_INPUT, "Missing command after HEALTHCHECK CMD");
	for (size_t i = 0; i < countof(intervals); i++) {
		if (check_interval(instruction, intervals[i], err))
			return FAILED;
	}
	return check_retries(instruction, err);
}

/* clang-format off */
static const struct rule rules[INSTRUCTION_COUNT] = {
	[INSTRUCTION_ADD] = { COUNT_TWO, check_copy,
		{ { "chown", FLAG_TEXT }, { "chmod", FLAG_TEXT }, { "link", FLAG_BOOL },
		  { "keep-git-dir", FLAG_BOOL }, { "checksum", FLAG_TEXT }, { "exclude", FLAG_LIST },
		  { "unpack", FLAG_BOOL } } },
	[INSTRUCTION_ARG] = { COUNT_SOME, check_names, {} },
	[INSTRUCTION_CMD] = { COUNT_ANY, NULL, {} },
	[INSTRUCTION_COPY] = { COUNT_TWO, check_copy,
		{ { "from", FLAG_TEXT }, { "chown", FLAG_TEXT }, { "chmod", FLAG_TEXT },
		  { "link", FLAG_BOOL }, { "parents", FLAG_BOOL }, { "exclude", FLAG_LIST } } },
	[INSTRUCTION_ENTRYPOINT] = { COUNT_ANY, NULL, {} },
	[INSTRUCTION_ENV] = { COUNT_SOME, check_names, {} },
	[INSTRUCTION_EXPOSE] = { COUNT_SOME, NULL, {} },
	[INSTRUCTION_FROM] = { COUNT_ANY, check_from, { { "platform", FLAG_TEXT } } },
	[INSTRUCTION_HEALTHCHECK] = { COUNT_SOME, check_health,
		{ { "interval", FLAG_TEXT }, { "timeout", FLAG_TEXT }, { "start-period", FLAG_TEXT },
		  { "start-interval", FLAG_TEXT }, { "retries", FLAG_TEXT } } },
	[INSTRUCTION_LABEL] = { COUNT_SOME, check_names, {} },
	[INSTRUCTION_MAINTAINER] = { COUNT_ONE, NULL, {} },
	[INSTRUCTION_ONBUILD] = { COUNT_ANY, check_onbuild, {} },
	[INSTRUCTION_RUN] = { COUNT_ANY, check_run,
		{ { "mount", FLAG_LIST }, { "network", FLAG_TEXT }, { "security", FLAG_TEXT },
		  { "device", FLAG_LIST } } },
	[INSTRUCTION_SHELL] = { COUNT_SOME, check_shell, {} },
	[INSTRUCTION_STOPSIGNAL] = { COUNT_ONE, NULL, {} },
	[INSTRUCTION_USER] = { COUNT_ONE, NULL, {} },
	[INSTRUCTION_VOLUME] = { COUNT_SOME, check_volume, {} },
	[INSTRUCTION_WORKDIR] = { COUNT_ONE, NULL, {} },
};
/* clang-format on */

bool instruction_drops_flags(const struct instruction *instruction)
{
	return instruction->kind == INSTRUCTION_ARG ||
	       instruction->kind == INSTRUCTION_STOPSIGNAL ||
	       (instruction->kind == INSTRUCTION_HEALTHCHECK && instruction->arg_count &&
		strcasecmp(instruction->args[0], "none") == 0);
}

static bool count_fits(enum count_rule rule, size_t count)
{
	switch (rule) {
	case COUNT_ANY:
		break;
	case COUNT_SOME:
		return count >= 1;
	case COUNT_ONE:
		return count == 1;
	case COUNT_TWO:
		return count >= 2;
	}
	return true;
}

static result instruction_check(const struct instruction *instruction, struct error *err)
{
	const struct rule *rule;
	char text[16];

	if (instruction->kind >= INSTRUCTION_COUNT)
		return fail_unknown_instruction(instruction, err);
	rule = &rules[instruction->kind];
	if (!count_fits(rule->count, instruction->arg_count))
		return fail(err, FAULT_INPUT, "%s %s",
			    shout(instruction_name(instruction->kind), text),
			    count_texts[rule->count]);
	for (size_t i = 0; i < instruction->flag_count && !instruction_drops_flags(instruction);
	     i++) {
		if (flag_check(rule->flags, instruction, i, err))
			return FAILED;
	}
	return rule->check ? rule->check(instruction, err) : OK;
}

/** An argument of a program has no NUL, which only JSON can write. */
static result nul_check(const struct instruction *instruction, struct error *err)
{
	for (size_t i = 0; instruction->json && i < instruction->arg_count; i++) {
		if (strstr(instruction->args[i], JSON_WORDS_NUL))
			return fail(err, FAULT_INPUT, "an argument has a NUL character");
	}
	return OK;
}

/** What the instructions up to one amount to: each costs a little, all together too much. */
struct amount {
	size_t pairs, stages;
};

static result amount_add(struct amount *amount, const struct instruction *instruction,
			 struct error *err)
{
	amount->pairs += instruction_pair_count(instruction);
	amount->stages += instruction->kind == INSTRUCTION_FROM;
	if (amount->pairs > DOCKERFILE_PAIRS_MAX)
		return fail(err, FAULT_INPUT, "more than %d names are set by ENV, LABEL and ARG",
			    DOCKERFILE_PAIRS_MAX);
	if (amount->stages > DOCKERFILE_STAGES_MAX)
		return fail(err, FAULT_INPUT, "more than %u stages", DOCKERFILE_STAGES_MAX);
	if (amount->pairs * amount->stages > DOCKERFILE_STAGE_PAIRS_MAX)
		return fail(err, FAULT_INPUT,
			    "%zu names that ENV, LABEL and ARG set are too many for %zu stages",
			    amount->pairs, amount->stages);
	return OK;
}

/** `*sound` is the number of instructions before the one that is wrong. */
static result check(const struct dockerfile *dockerfile, bool runs, size_t *sound,
		    struct error *err)
{
	struct amount amount = {};

	for (*sound = 0; *sound < dockerfile->instruction_count; ++*sound) {
		const struct instruction *instruction = &dockerfile->instructions[*sound];

		if (amount_add(&amount, instruction, err) || instruction_check(instruction, err) ||
		    (runs && nul_check(instruction, err)))
			return fail_in(err, "%s:%u", dockerfile->name, instruction->first_line);
	}
	return OK;
}

result dockerfile_check(const struct dockerfile *dockerfile, struct error *err)
{
	size_t sound;

	return check(dockerfile, false, &sound, err);
}

result dockerfile_parse_begin(const char *text, size_t length, const char *name,
			      struct dockerfile **out, struct error *err)
{
	struct dockerfile *file = NULL;
	size_t sound;

	*out = NULL;
	if (dockerfile_read(text, length, name, &file, err))
		return FAILED;
	*out = file;
	if (!check(file, true, &sound, err))
		return OK;
	file->wrong = &file->instructions[sound];
	file->instruction_count = sound;
	return FAILED;
}

result dockerfile_parse(const char *text, size_t length, const char *name, struct dockerfile **out,
			struct error *err)
{
	owned(dockerfile) struct dockerfile *file = NULL;

	if (dockerfile_parse_begin(text, length, name, &file, err))
		return FAILED;
	*out = take(file);
	return OK;
}

result dockerfile_parse_one(const char *text, size_t length, const char *name,
			    struct dockerfile **out, struct error *err)
{
	owned(dockerfile) struct dockerfile *file = NULL;

	if (dockerfile_parse(text, length, name, &file, err))
		return FAILED;
	if (file->instruction_count != 1)
		return fail(err, FAULT_INPUT, "%s: want one instruction, not %zu", name,
			    file->instruction_count);
	*out = take(file);
	return OK;
}

/** Digits and a fraction at `*at` times `unit`, which must fit 63 bits. */
static bool duration_part(const char **at, int64_t *out)
{
	static const struct {
		const char *name;
		int64_t unit;
	} units[] = {
		{ "ns", 1 },          { "us", 1000 },         { "\u00b5s", 1000 },
		{ "\u03bcs", 1000 },  { "ms", 1000000 },      { "s", 1000000000 },
		{ "m", 60000000000 }, { "h", 3600000000000 },
	};
	const char *digits = *at;
	int64_t whole = 0, part = 0, fraction = 0;
	double scale = 1;
	bool any = false;

	for (; isdigit((unsigned char)*digits); digits++, any = true) {
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, *digits - '0', &whole))
			return false;
	}
	if (*digits == '.') {
		for (digits++; isdigit((unsigned char)*digits); digits++, any = true) {
			if (fraction > INT64_MAX / 10 - 10)
				continue; /* finer than a double can tell */
			scale *= 10;
			fraction = fraction * 10 + (*digits - '0');
		}
	}
	for (size_t i = 0; any && i < countof(units); i++) {
		size_t length = strlen(units[i].name);

		if (strncmp(digits, units[i].name, length) != 0 ||
		    (digits[length] && digits[length] != '.' &&
		     !isdigit((unsigned char)digits[length])))
			continue;
		*at = digits + length;
		return !__builtin_mul_overflow(whole, units[i].unit, &part) &&
		       !__builtin_add_overflow(
			       part, (int64_t)((double)fraction * ((double)units[i].unit / scale)),
			       &part) &&
		       !__builtin_add_overflow(*out, part, out);
	}
	return false;
}

result duration_parse(const char *text, int64_t *out, struct error *err)
{
	const char *at = text;
	bool negative = *at == '-';
	int64_t total = 0;

	at += *at == '-' || *at == '+';
	if (strcmp(at, "0") == 0) {
		*out = 0;
		return OK;
	}
	do {
		if (!duration_part(&at, &total))
			return fail(err, FAULT_INPUT,
				    "invalid duration \"%.100s\": want a number with a unit, such "
				    "as 1m30s",
				    text);
	} while (*at);
	*out = negative ? -total : total;
	return OK;
}
