/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/emulation.h"

#include "base/mem.h"
#include "binfmt/binfmt.h"
#include "runner/engines.h"
#include "sandbox/sandbox.h"

#include <stdatomic.h>
#include <string.h>

/** Whether an emulator's registration was seen at work: each step would try it again. */
static atomic_bool *seen_at_work(const struct platform *platform)
{
	enum { EMULATORS_MAX = 128 };
	static atomic_bool seen[EMULATORS_MAX], none;
	const struct emulator *emulator = emulator_for(platform);
	size_t count, at = emulator ? (size_t)(emulator - emulators(&count)) : EMULATORS_MAX;

	return at < EMULATORS_MAX ? &seen[at] : &none;
}

static result require_registration(const struct platform *platform, struct error *err)
{
	struct platform_status status = {};
	char text[PLATFORM_TEXT_MAX];
	atomic_bool *seen = seen_at_work(platform);

	if (atomic_load(seen))
		return OK;
	if (platform_examine(platform, &status, err))
		return FAILED;
	if (status.state == PLATFORM_EMULATED) {
		atomic_store(seen, true);
		return OK;
	}
	return fail(err, FAULT_PRIVILEGE,
		    "%s does not run here (%s), and this kernel has no binfmt_misc of a user "
		    "namespace (Linux 6.7): run 'sudo mpemu setup --platform %s'",
		    platform_text(platform, text), status.why, text);
}

/** The rule of the emulator that is installed, or of its copy with the dispatcher. */
static result rule_make(const char *root, const struct emulator *emulator, const char *installed,
			struct buf *engine, char rule[BINFMT_RULE_MAX], struct error *err)
{
	owned(str) char *path = xasprintf("%s/%s", SANDBOX_ENGINE, emulator->name);
	struct error ignored;
	char flags[16];
	bool has_engine = engine_obtain(root, emulator, engine, &ignored) == OK;

	/* As it is installed, it obeys variables of the caller with the rights of a set-user-id
	 * program: so that it has none of these. */
	if (!has_engine)
		buf_clear(engine);
	binfmt_flags(has_engine, flags);
	return binfmt_rule(emulator, has_engine ? path : installed, flags, rule, err);
}

/** With its own rule where the kernel has that, or `hopes` to be told later that it has not. */
static result emulation_find(const char *root, const struct platform *platform, bool hopes,
			     struct strings *rules, struct buf *engine, struct buf *how,
			     struct error *err)
{
	const struct emulator *emulator;
	char path[PATH_MAX], rule[BINFMT_RULE_MAX], text[PLATFORM_TEXT_MAX];

	if (platform_is_native(platform)) {
		buf_add_str(how, "native");
		return OK;
	}
	emulator = emulator_for(platform);
	if (!emulator)
		return fail(err, FAULT_MISSING, "%s: no emulator is known for this platform",
			    platform_text(platform, text));
	if (emulator_find(emulator, NULL, path, err))
		return fail_in(err, "%s", platform_text(platform, text));
	buf_add_str(how, path);
	if (!hopes && !binfmt_private_supported())
		return require_registration(platform, err);
	if (rule_make(root, emulator, path, engine, rule, err))
		return FAILED;
	strings_add(rules, rule);
	return OK;
}

result emulation_prepare(const char *root, const struct platform *platform, struct strings *rules,
			 struct buf *engine, struct buf *how, struct error *err)
{
	return emulation_find(root, platform, false, rules, engine, how, err);
}

result emulation_expect(const char *root, const struct platform *platform, struct strings *rules,
			struct buf *engine, struct error *err)
{
	owned(buf) struct buf ignored = {};

	return emulation_find(root, platform, true, rules, engine, &ignored, err);
}

result emulation_fall_back(const struct platform *platform, struct error *err)
{
	return binfmt_private_supported() ? FAILED : require_registration(platform, err);
}

bool emulation_is_narrow(const struct platform *platform)
{
	const struct platform host = platform_host();

	return strcmp(platform->arch, host.arch) != 0 && platform_is_native(platform);
}
