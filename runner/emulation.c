/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/emulation.h"

#include "binfmt/binfmt.h"

#include <string.h>

static result require_registration(const struct platform *platform, struct error *err)
{
	struct platform_status status = {};
	char text[PLATFORM_TEXT_MAX];

	if (platform_examine(platform, &status, err))
		return FAILED;
	if (status.state == PLATFORM_EMULATED)
		return OK;
	return fail(err, FAULT_PRIVILEGE,
		    "%s does not run here (%s), and this kernel has no binfmt_misc of a user "
		    "namespace (Linux 6.7): run 'sudo mpemu setup --platform %s'",
		    platform_text(platform, text), status.why, text);
}

result emulation_prepare(const struct platform *platform, struct strings *rules, struct buf *how,
			 struct error *err)
{
	const struct emulator *emulator;
	char path[PATH_MAX], rule[BINFMT_RULE_MAX], text[PLATFORM_TEXT_MAX], flags[16];

	if (platform_is_native(platform)) {
		if (how)
			buf_add_str(how, "native");
		return OK;
	}
	emulator = emulator_for(platform);
	if (!emulator)
		return fail(err, FAULT_MISSING, "%s: no emulator is known for this platform",
			    platform_text(platform, text));
	if (emulator_find(emulator, NULL, path, err))
		return fail_in(err, "%s", platform_text(platform, text));
	if (how)
		buf_add_str(how, path);
	if (!binfmt_private_supported())
		return require_registration(platform, err);
	/* Without C: QEMU obeys QEMU_* variables of set-user-id programs, which would then be
	 * root's. */
	binfmt_flags(false, flags);
	if (binfmt_rule(emulator, path, flags, rule, err))
		return FAILED;
	strings_add(rules, rule);
	return OK;
}
