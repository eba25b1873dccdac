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
