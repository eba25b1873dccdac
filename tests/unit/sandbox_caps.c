/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/caps.h"
#include "tests/tap.h"

static const struct {
	const char *name;
	uint64_t want; /* 0: refused */
} names[] = {
	{ "chown", 1 },           { "CAP_CHOWN", 1 }, { "Cap_Net_Admin", 1 << 12 },
	{ "sys_admin", 1 << 21 }, { "", 0 },          { "cap_", 0 },
	{ "chown ", 0 },          { "63", 0 },        { "cap_cap_chown", 0 },
};

TEST(capabilities_by_default_are_those_of_docker)
{
	owned(buf) struct buf text = {};

	CHECK(capabilities_default() == 0xa80425fb);
	capabilities_text(capabilities_default(), &text);
	CHECK_STR(buf_text(&text), "chown dac_override fowner fsetid kill setgid setuid setpcap "
				   "net_bind_service net_raw sys_chroot mknod audit_write setfcap");
}

TEST(capabilities_are_read_by_name)
{
	uint64_t set;
	struct error err = {};

	for (size_t i = 0; i < countof(names); i++) {
		bool failed = capability_parse(names[i].name, &set, &err);

		if (names[i].want)
			tap_check(!failed && set == names[i].want, __FILE__, __LINE__, "'%s'",
				  names[i].name);
		else
			tap_check(failed && err.fault == FAULT_INPUT, __FILE__, __LINE__,
				  "'%s' should be refused", names[i].name);
	}
	CHECK(!capability_parse("ALL", &set, &err) && (set & 0xa80425fb) == 0xa80425fb);
}
