/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Variables that FROM lines see, and that a stage imports by naming them: platforms, global ARGs.
 */
#include "runner/plan_globals.h"

#include "base/mem.h"
#include "runner/expand.h"

#include <ctype.h>
#include <string.h>

static void platform_args(struct strings *env, const char *prefix, const struct platform *platform)
{
	char text[PLATFORM_TEXT_MAX];

	strings_printf(env, "%sPLATFORM=%s", prefix, platform_text(platform, text));
	strings_printf(env, "%sOS=%s", prefix, platform->os);
	strings_printf(env, "%sOSVERSION=", prefix);
	strings_printf(env, "%sARCH=%s", prefix, platform->arch);
	strings_printf(env, "%sVARIANT=%s", prefix, platform->variant);
}

/** ARGs before the first FROM see the ones before them and the platform's. */
static result global_args(const struct dockerfile *file, const struct strings *build_args,
			  struct strings *env, struct error *err)
{
	for (const struct instruction *at = file->instructions;
	     at < file->instructions + file->instruction_count && at->kind == INSTRUCTION_ARG;
	     at++) {
		for (size_t i = 0; i < instruction_pair_count(at); i++) {
			struct pair pair = instruction_pair(at, i);
			owned(str) char *name = xstrndup(pair.name, pair.name_length),
					*value = NULL;
			const char *given = env_get(build_args, name);

			if (!given && !pair.value)
				continue;
			if (!given && expand_word(pair.value, file->escape, env, 0, &value, err))
				return fail_in(err, "%s:%u", file->name, at->first_line);
			env_set(env, name, given ? given : value);
		}
	}
	return OK;
}

/** The name that was asked for, as it was, else that of the last stage. */
static void targetstage_arg(const struct dockerfile *file, const char *asked, struct strings *env)
{
	owned(buf) struct buf name = {};

	for (size_t i = file->instruction_count; !asked && i-- > 0;) {
		const struct instruction *at = &file->instructions[i];

		if (at->kind != INSTRUCTION_FROM)
			continue;
		for (const char *c = at->arg_count == 3 ? at->args[2] : ""; *c; c++)
			buf_add_char(&name, (char)tolower((unsigned char)*c));
		break;
	}
	asked = asked && *asked ? asked : buf_text(&name);
	strings_printf(env, "TARGETSTAGE=%s", *asked ? asked : "default");
}

result globals_make(const struct dockerfile *file, const struct strings *build_args,
		    const struct platform *target, const char *target_stage, struct strings *env,
		    struct error *err)
{
	const struct platform host = platform_host();

	platform_args(env, "BUILD", &host);
	platform_args(env, "TARGET", target);
	targetstage_arg(file, target_stage, env);
	for (size_t i = 0; i < env->count; i++) {
		owned(str) char *name = xstrndup(env->items[i], strcspn(env->items[i], "="));
		const char *given = env_get(build_args, name);

		if (given)
			env_set(env, name, given);
	}
	return global_args(file, build_args, env, err);
}
