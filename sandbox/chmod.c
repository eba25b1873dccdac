/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Symbolic modes, as chmod(1) has them: [ugoa...][[+-=][perms...]...],...
 *
 * A clause without "ugoa" means all: no umask takes anything away, so that the result does not
 * depend on who builds.
 */
#include "sandbox/sandbox.h"

#include <string.h>
#include <sys/stat.h>

enum { CLASS_ALL = 06777, STICKY = 01000, EXECUTE = 0111 };

/* clang-format off */
static const struct { char letter; mode_t who; unsigned shift; } classes[] = {
	{ 'u', 04700, 6 },
	{ 'g', 02070, 3 },
	{ 'o', 00007, 0 },
};

static const struct { char letter; mode_t bits; } permissions[] = {
	{ 'r', 0444 },
	{ 'w', 0222 },
	{ 'x', 0111 },
	{ 's', 06000 },
	{ 't', STICKY },
};
/* clang-format on */

/** One clause being read: the part after an operator. */
struct clause {
	struct mode_change *change;
	mode_t who, bits;
	bool wants_x, cleared;
	char how;
};

static result op_add(struct clause *clause, char kind, mode_t bits, struct error *err)
{
	struct mode_change *change = clause->change;
	mode_t allowed = clause->who ? clause->who : ~(mode_t)0;

	if (change->count == MODE_OPS_MAX)
		return fail(err, FAULT_INPUT, "more than %d changes", MODE_OPS_MAX);
	change->ops[change->count++] = (struct mode_op){
		.kind = kind,
		.how = clause->how,
		.who = clause->who,
		.bits = bits & allowed,
	};
	return OK;
}

/** Write down what was gathered; "=" clears even where it gives nothing. */
static result clause_flush(struct clause *clause, bool is_end, struct error *err)
{
	if ((clause->bits || (is_end && clause->how == '=' && !clause->cleared)) &&
	    op_add(clause, clause->how, clause->bits, err))
		return FAILED;
	clause->cleared = true;
	if (clause->wants_x && op_add(clause, 'X', EXECUTE, err))
		return FAILED;
	clause->bits = 0;
	clause->wants_x = false;
	return OK;
}

static mode_t class_of(char letter)
{
	for (size_t i = 0; i < countof(classes); i++) {
		if (classes[i].letter == letter)
			return classes[i].who;
	}
	return letter == 'a' ? CLASS_ALL : 0;
}

/** Take a letter after an operator; false where it is none. */
static bool letter_take(struct clause *clause, char letter)
{
	bool has_special = !clause->who || clause->who & ~(mode_t)07;

	if (letter == 'X') {
		clause->wants_x = true;
		return true;
	}
	for (size_t i = 0; letter && i < countof(permissions); i++) {
		if (permissions[i].letter != letter)
			continue;
		if (permissions[i].bits > 0777 && !has_special)
			return true; /* others have no set-id and no sticky bit */
		if (letter == 't')
			clause->who |= STICKY;
		clause->bits |= permissions[i].bits;
		return true;
	}
	return false;
}

static result operator_read(const char **at, struct clause *clause, struct error *err)
{
	clause->how = *(*at)++;
	clause->cleared = false;
	for (;; ++*at) {
		if (letter_take(clause, **at))
			continue;
		if (!**at || !strchr("ugo", **at))
			return clause_flush(clause, true, err);
		if (clause_flush(clause, false, err) || op_add(clause, **at, 0, err))
			return FAILED;
	}
}

static result clause_read(const char **at, struct mode_change *change, struct error *err)
{
	struct clause clause = { .change = change };

	for (mode_t who; (who = class_of(**at)) != 0; ++*at)
		clause.who |= who;
	do {
		if (!**at || !strchr("+-=", **at))
			return fail(err, FAULT_INPUT, "want one of + - = at '%s'", *at);
		clause.who &= ~(mode_t)STICKY;
		if (operator_read(at, &clause, err))
			return FAILED;
	} while (**at && **at != ',');
	return OK;
}

static result octal_parse(const char *text, struct mode_change *out, struct error *err)
{
	mode_t mode = 0;

	for (const char *at = text; *at; at++) {
		if (*at < '0' || *at > '7' || (mode = mode * 8 + (mode_t)(*at - '0')) > 07777)
			return fail(err, FAULT_INPUT,
				    "invalid chmod parameter: '%s'. it should be octal string and "
				    "between 0 and 07777",
				    text);
	}
	*out = (struct mode_change){ .is_absolute = true, .mode = mode };
	return OK;
}

result mode_parse(const char *text, struct mode_change *out, struct error *err)
{
	struct mode_change change = {};
	const char *at = text;

	if (*text >= '0' && *text <= '9')
		return octal_parse(text, out, err);
	for (;; at++) {
		if (clause_read(&at, &change, err))
			return fail_in(err, "invalid chmod parameter: '%s'", text);
		if (!*at)
			break;
	}
	*out = change;
	return OK;
}

/** What copying the bits of one class to others makes of a mode. */
static mode_t class_copy(const struct mode_op *op, mode_t mode)
{
	mode_t value = 0;

	for (size_t i = 0; i < countof(classes); i++) {
		if (classes[i].letter == op->kind)
			value = mode >> classes[i].shift & 7;
	}
	for (size_t i = 0; i < countof(classes); i++) {
		mode_t bits = value << classes[i].shift;

		if (op->who && !(op->who & classes[i].who))
			continue;
		if (op->how == '=')
			mode &= ~((mode_t)7 << classes[i].shift);
		mode = op->how == '-' ? mode & ~bits : mode | bits;
	}
	return mode;
}

mode_t mode_apply(const struct mode_change *change, mode_t old)
{
	mode_t mode = old & 07777;

	if (change->is_absolute)
		return (old & S_IFMT) | change->mode;
	for (size_t i = 0; i < change->count; i++) {
		const struct mode_op *op = &change->ops[i];

		switch (op->kind) {
		case '=':
			mode &= ~(op->who ? op->who : CLASS_ALL);
			mode |= op->bits;
			break;
		case '+':
			mode |= op->bits;
			break;
		case '-':
			mode &= ~op->bits;
			break;
		case 'X':
			if (!(old & EXECUTE) && !S_ISDIR(old))
				break;
			mode = op->how == '-' ? mode & ~op->bits : mode | op->bits;
			break;
		default:
			mode = class_copy(op, mode);
		}
	}
	return (old & S_IFMT) | (mode & 07777);
}
