/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/plan_support.h"

#include "base/mem.h"

#include <string.h>

/* clang-format off */
/** What the executor can do; a flag that is not listed is refused, never ignored. */
static const struct {
	enum instruction_kind kind;
	bool makes_layer;
	bool heredocs;
	const char *flags[10]; /* up to a NULL */
} supported[] = {
	{ INSTRUCTION_ADD,        true,  true,  { "chown", "chmod", "link", "exclude", "unpack",
						  "checksum", "keep-git-dir" } },
	{ INSTRUCTION_ARG,        false, false, {} },
	{ INSTRUCTION_CMD,        false, false, {} },
	{ INSTRUCTION_COPY,       true,  true,  { "from", "chown", "chmod", "link", "exclude",
						  "parents" } },
	{ INSTRUCTION_ENTRYPOINT, false, false, {} },
	{ INSTRUCTION_ENV,        false, false, {} },
	{ INSTRUCTION_EXPOSE,     false, false, {} },
	{ INSTRUCTION_FROM,       false, false, { "platform" } },
	{ INSTRUCTION_HEALTHCHECK, false, false, { "interval", "timeout", "start-period",
						   "start-interval", "retries" } },
	{ INSTRUCTION_LABEL,      false, false, {} },
	{ INSTRUCTION_MAINTAINER, false, false, {} },
	{ INSTRUCTION_ONBUILD,    false, true,  {} },
	{ INSTRUCTION_RUN,        true,  true,  { "mount", "network", "security" } },
	{ INSTRUCTION_SHELL,      false, false, {} },
	{ INSTRUCTION_STOPSIGNAL, false, false, {} },
	{ INSTRUCTION_USER,       false, false, {} },
	{ INSTRUCTION_VOLUME,     false, false, {} },
	{ INSTRUCTION_WORKDIR,    true,  false, {} },
};
/* clang-format on */

bool instruction_makes_layer(const struct instruction *instruction)
{
	for (size_t i = 0; i < countof(supported); i++) {
		if (supported[i].kind == instruction->kind)
			return supported[i].makes_layer;
	}
	return false;
}

static result check_flags(const struct instruction *instruction, const char *const *allowed,
			  struct error *err)
{
	for (size_t i = 0; i < instruction->flag_count; i++) {
		const char *name = instruction->flags[i].name;
		bool known = false;

		for (size_t j = 0; allowed[j]; j++)
			known |= strcmp(allowed[j], name) == 0;
		if (!known)
			return fail(err, FAULT_INPUT,
				    "%s --%s is not supported yet by this version of mpemu",
				    instruction->name, name);
	}
	return OK;
}

result instruction_check_supported(const struct instruction *instruction, struct error *err)
{
	for (size_t i = 0; i < countof(supported); i++) {
		if (supported[i].kind != instruction->kind)
			continue;
		if (instruction->heredoc_count && !supported[i].heredocs)
			return fail(
				err, FAULT_INPUT,
				"%s with a heredoc is not supported yet by this version of mpemu",
				instruction->name);
		return instruction_drops_flags(instruction)
			       ? OK
			       : check_flags(instruction, supported[i].flags, err);
	}
	return fail(err, FAULT_INPUT, "%s is not supported yet by this version of mpemu",
		    instruction->name);
}
