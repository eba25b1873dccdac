/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/dockerfile.h"
#include "runner/dockerfile_print.h"
#include "runner/lint.h"
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/** Lines grow, triggers parse by themselves, and all of it prints as JSON and can be linted. */
void fuzz_one(const char *text, size_t size)
{
	owned(dockerfile) struct dockerfile *file = NULL;
	owned(lint) struct lint *lint = NULL;
	owned(str) char *printed = NULL;
	const struct lint_options options = { .experimental = true };
	struct error err = {};
	unsigned line = 0;
	size_t length;
	FILE *print;

	if (dockerfile_read(text, size, "F", &file, &err))
		return;
	print = open_memstream(&printed, &length);
	dockerfile_print(file, print);
	fclose(print);
	for (size_t i = 0; i < file->instruction_count; i++) {
		const struct instruction *at = &file->instructions[i];

		if (at->first_line <= line || at->last_line < at->first_line)
			abort();
		line = at->last_line;
		for (size_t a = 0; a < at->arg_count; a++)
			(void)instruction_heredoc(at, at->args[a]);
	}
	if (!dockerfile_check(file, &err) && !lint_run(file, &options, &lint, &err) && !lint)
		abort();
}
