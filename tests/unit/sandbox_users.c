/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/userns.h"
#include "sandbox/users.h"
#include "tests/tap.h"

#include <stdio.h>

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# a comment\n"
			     "\n"
			     "broken line\n"
			     "daemon:x:1:1::/usr/sbin:\n"
			     "bob:x:1000:1001:Bob,,,:/home/bob:/bin/sh\n"
			     "1000:x:7:7::/seven:\n"
			     "huge:x:4294967296:0::/:\n"
			     "minus:x:-1:0::/:\n"
			     "nohome:x:20:20::relative:\n"
			     "short:x:21\n"
			     "last:x:30:30::/last";

static const char group[] = "root:x:0:\n"
			    "wheel:x:10:root,bob\n"
			    "audio:x:29:bob\n"
			    "bob:x:1001:\n"
			    "spaced:x:40: alice , bob \n"
			    "bad:x:99999999999:bob\n";

static const struct {
	const char *text, *want; /* "uid:gid home groups", or NULL: refused */
} cases[] = {
	{ NULL, "0:0 /root 0 10" },
	{ "", "0:0 /root 0 10" },
	{ "root", "0:0 /root 0 10" },
	{ "bob", "1000:1001 /home/bob 1001 10 29 40" },
	{ "1000", "1000:1001 /home/bob 1001 10 29 40" },
	{ "bob:audio", "1000:29 /home/bob 29" },
	{ "bob:1234", "1000:1234 /home/bob 1234" },
	{ "bob:", "1000:1001 /home/bob 1001 10 29 40" },
	{ ":audio", "0:29 /root 29" },
	{ "4242", "4242:0 / 0" },
	{ "4242:10", "4242:10 / 10" },
	{ "2147483647", "2147483647:0 / 0" },
	{ "last", "30:30 /last 30" },
	{ "nohome", "20:20 / 20" },
	{ "nobody", NULL },
	{ "bob:nogroup", NULL },
	{ "bob:bad", NULL },
	{ "huge", NULL },
	{ "minus", NULL },
	{ "short", NULL },
	{ "broken line", NULL },
	{ "2147483648", NULL },
	{ "4294967296", NULL },
	{ "99999999999999999999", NULL },
	{ "-1", NULL },
	{ "0x10", NULL },
	{ "bob:-1", NULL },
	{ "bob:4294967296", NULL },
};

static void describe(const struct user *user, char text[256])
{
	int at = snprintf(text, 256, "%u:%u %s", user->uid, user->gid, user->home);

	for (size_t i = 0; i < user->group_count; i++)
		at += snprintf(text + at, 256 - (size_t)at, " %u", user->groups[i]);
}

TEST(users_are_those_of_the_image_with_exact_ids)
{
	for (size_t i = 0; i < countof(cases); i++) {
		struct user user;
		struct error err = {};
		char text[256];
		bool failed = user_resolve(cases[i].text, passwd, group, &user, &err);

		if (!cases[i].want) {
			tap_check(failed && err.fault == FAULT_INPUT, __FILE__, __LINE__,
				  "'%s' should be refused", cases[i].text);
			continue;
		}
		if (!tap_check(!failed, __FILE__, __LINE__, "'%s': %s", cases[i].text, err.text))
			continue;
		describe(&user, text);
		CHECK_STR(text, cases[i].want);
	}
}

TEST(users_need_no_files_for_numbers)
{
	struct user user;
	struct error err = {};

	if (CHECK(!user_resolve(NULL, "", "", &user, &err)))
		CHECK(user.uid == 0 && user.gid == 0 && user.group_count == 1);
	CHECK(user_resolve("bob", "", "", &user, &err));
	CHECK_STR(err.text, "user bob is not in the image's /etc/passwd");
	CHECK(user_resolve("0:bob", "", "", &user, &err));
	CHECK_STR(err.text, "group bob is not in the image's /etc/group");
}

static const struct {
	const char *text;
	uint32_t first, count; /* count 0: none */
} subordinates[] = {
	{ "bob:100000:65536\n", 100000, 65536 },
	{ "alice:1:2\nbob:100000:65536", 100000, 65536 },
	{ "1000:200000:10\n", 200000, 10 },
	{ "bob:1:2:3\nbob:x:5\nbob:300000:7\n", 300000, 7 },
	{ "bobby:100000:65536\n", 0, 0 },
	{ "bob:4294967295:1\n", 0, 0 },
	{ "bob:4294967000:1000\n", 0, 0 },
	{ "bob:100000:0\n", 0, 0 },
	{ "", 0, 0 },
};

TEST(subordinate_ids_are_found_by_name_or_number)
{
	for (size_t i = 0; i < countof(subordinates); i++) {
		struct id_range range = {};
		bool found = subordinate_find(subordinates[i].text, "bob", 1000, &range);

		tap_check(found == (subordinates[i].count > 0) &&
				  range.outside == subordinates[i].first &&
				  range.count == subordinates[i].count,
			  __FILE__, __LINE__, "\"%s\" gives %u, %u", subordinates[i].text,
			  range.outside, range.count);
	}
}

TEST(the_user_that_nobody_named_is_root_by_a_damaged_line_too)
{
	static const char *const files[] = { "root:x:0:\n", "root:x:0:none:\n", "root\n", "" };

	for (size_t i = 0; i < countof(files); i++) {
		struct user user;
		struct error err = {};

		if (tap_check(!user_resolve("", files[i], "", &user, &err), __FILE__, __LINE__,
			      "'%s': %s", files[i], err.text))
			CHECK(user.uid == 0 && user.gid == 0);
	}
}
