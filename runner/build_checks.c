/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/build_checks.h"

#include "base/mem.h"
#include "base/progress.h"
#include "runner/lint_print.h"
#include "runner/table.h"

result checks_run(struct build *build, struct error *err)
{
	const struct lint_options options = {
		.ignore = build->context->ignore,
		.check = env_get(&build->request->build_args, "BUILDKIT_DOCKERFILE_CHECK"),
	};

	if (lint_run(build->dockerfile, &options, &build->lint, err))
		return FAILED;
	/* --check shows them first. */
	return build->request->check ? OK : lint_violations(build->lint, err);
}

void checks_tell(const struct build *build)
{
	for (size_t i = 0; build->lint && i < build->lint->count; i++) {
		const struct lint_warning *warning = &build->lint->warnings[i];

		progress_warn(build->ctx, "%s:%u: %s: %s", build->dockerfile->name,
			      warning->first_line, lint_rules[warning->rule].name, warning->text);
	}
}

result checks_print(const struct build *build, struct error *err)
{
	const struct lint *lint = build->lint;
	owned(buf) struct buf out = {};

	if (build->request->check == CHECK_JSON)
		lint_json(lint, &out);
	else if (lint->count)
		lint_text(lint, build->dockerfile->name, &out);
	else
		buf_add_str(&out, "Check complete, no warnings found.\n");
	if (stdout_write(&out, err) || lint_violations(lint, err))
		return FAILED;
	return lint->count ? fail(err, FAULT_INPUT, "%zu warning%s found", lint->count,
				  lint->count == 1 ? "" : "s")
			   : OK;
}
