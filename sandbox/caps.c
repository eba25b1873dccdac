/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Names of capabilities are libcap's; the default set is what images are made for.
 */
#include "sandbox/caps.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>
#include <sys/capability.h>

static const cap_value_t kept[] = {
	CAP_CHOWN,      CAP_DAC_OVERRIDE, CAP_FOWNER,      CAP_FSETID,           CAP_KILL,
	CAP_SETGID,     CAP_SETUID,       CAP_SETPCAP,     CAP_NET_BIND_SERVICE, CAP_NET_RAW,
	CAP_SYS_CHROOT, CAP_MKNOD,        CAP_AUDIT_WRITE, CAP_SETFCAP,
};

static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

uint64_t capabilities_default(void)
{
	uint64_t set = 0;

	for (size_t i = 0; i < countof(kept); i++)
		set |= CAPABILITY_BIT(kept[i]);
	return set;
}

static uint64_t capabilities_all(void)
{
	return CAPABILITY_BIT(cap_max_bits()) - 1;
}

result capability_parse(const char *name, uint64_t *out, struct error *err)
{
	bool prefixed = strncasecmp(name, "cap_", 4) == 0;
	owned(str) char *full = xasprintf("%s%s", prefixed ? "" : "cap_", name);
	cap_value_t number;

	if (strcasecmp(name, "all") == 0) {
		*out = capabilities_all();
		return OK;
	}
	/* libcap stops reading at what is no part of a name. */
	if (name[strspn(name, name_bytes)] || cap_from_name(full, &number) < 0 || number >= 64)
		return fail(err, FAULT_INPUT, "no capability is called '%s'", name);
	*out = CAPABILITY_BIT(number);
	return OK;
}

/** The union of some names; *all is set where "all" is one of them. */
static result names_parse(const char *const *names, size_t count, uint64_t *set, bool *all,
			  struct error *err)
{
	*set = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t bit;

		if (capability_parse(names[i], &bit, err))
			return FAILED;
		if (strcasecmp(names[i], "all") == 0)
			*all = true;
		*set |= bit;
	}
	return OK;
}

result capabilities_tweak(const char *const *added, size_t added_count, const char *const *dropped,
			  size_t dropped_count, uint64_t *out, struct error *err)
{
	bool all_added = false, all_dropped = false;
	uint64_t more, less;

	if (names_parse(added, added_count, &more, &all_added, err))
		return fail_in(err, "--cap-add");
	if (names_parse(dropped, dropped_count, &less, &all_dropped, err))
		return fail_in(err, "--cap-drop");
	if (all_added)
		*out = all_dropped ? more : more & ~less;
	else
		*out = (capabilities_default() & ~less) | more;
	return OK;
}

void capabilities_text(uint64_t set, struct buf *out)
{
	for (cap_value_t number = 0; number < cap_max_bits(); number++) {
		char *name;

		if (!(set & CAPABILITY_BIT(number)))
			continue;
		name = cap_to_name(number);
		buf_printf(out, "%s%s", out->length ? " " : "", name ? name + 4 : "?");
		cap_free(name);
	}
}
