/* SPDX-License-Identifier: Apache-2.0 */
#include "binfmt/entry.h"
#include "binfmt/persist.h"

#include "base/fd.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define HEAD "7f454c460201010000000000000000000200b700"
#define MASK "ffffffffffffff00fffffffffffffffffeffffff"

static const char usual[] = "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: POF\n"
			    "offset 0\nmagic " HEAD "\nmask " MASK "\n";

/* clang-format off */
static const struct {
	const char *text, *interpreter, *flags;
	bool enabled;
} accepted[] = {
	{ usual, "/usr/bin/qemu-aarch64-static", "POF", true },
	{ "disabled\ninterpreter /x y\nflags: \noffset 0\nmagic 4243", "/x y", "", false },
	{ "enabled\ninterpreter /usr/bin/jexec\nflags: \nextension .jar\n", "/usr/bin/jexec", "", true },
	{ "enabled\ninterpreter /i\nflags: F\noffset 255\nmagic 00\nmask ff\n", "/i", "F", true },
};

static const char *const refused[] = {
	"",
	"enabled\n",
	"enabled\ninterpreter /x\nflags: \n",
	"enabled\nflags: \noffset 0\nmagic 42\n",
	"enabled\ninterpreter /x\noffset 0\nmagic 4\n",
	"enabled\ninterpreter /x\noffset 0\nmagic 4g\n",
	"enabled\ninterpreter /x\noffset 0\nmagic 42\nmask ffff\n",
	"enabled\ninterpreter /x\noffset -1\nmagic 42\n",
	"enabled\ninterpreter /x\noffset 257\nmagic 42\n",
	"enabled\ninterpreter /x\nflags: POCFPOCFPOCFPOCF\noffset 0\nmagic 42\n",
	"enabled\ninterpreter /x\nnews 1\nmagic 42\n",
};

static const struct {
	const char *path, *flags;
} bad_rules[] = {
	{ "qemu",             "F"   },
	{ "",                 "F"   },
	{ "/opt/a:b/qemu",    "F"   },
	{ "/opt/a\nb/qemu",   "F"   },
	{ "/usr/bin/qemu",    "F:x" },
	{ "/usr/bin/qemu",    "F\n" },
};
/* clang-format on */

static const struct emulator *arm64(void)
{
	struct platform platform = { "linux", "arm64", "" };

	return emulator_for(&platform);
}

TEST(a_rule_has_its_bytes_written_as_escapes)
{
	char rule[BINFMT_RULE_MAX];
	struct error err = {};

	CHECK(binfmt_rule(arm64(), "/usr/bin/qemu-aarch64-static", "POF", rule, &err) == OK);
	CHECK_STR(rule, ":qemu-aarch64:M::"
			"\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
			"\\x00\\x00\\x02\\x00\\xb7\\x00:"
			"\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff"
			"\\xff\\xff\\xfe\\xff\\xff\\xff:"
			"/usr/bin/qemu-aarch64-static:POF");
}

TEST(a_rule_that_the_kernel_would_misread_is_refused)
{
	for (size_t i = 0; i < countof(bad_rules); i++) {
		char rule[BINFMT_RULE_MAX] = "as it was";
		struct error err = {};

		CHECK(binfmt_rule(arm64(), bad_rules[i].path, bad_rules[i].flags, rule, &err) ==
		      FAILED);
		CHECK(err.fault == FAULT_INPUT);
		CHECK_STR(rule, "as it was");
	}
}

TEST(a_rule_is_never_longer_than_the_kernel_takes)
{
	char path[PATH_MAX] = "/", rule[BINFMT_RULE_MAX];
	struct error err = {};
	size_t fits;

	CHECK(binfmt_rule(arm64(), path, "POF", rule, &err) == OK);
	fits = 1920 - strlen(rule) + 1;
	memset(path + 1, 'x', fits - 1);
	CHECK(binfmt_rule(arm64(), path, "POF", rule, &err) == OK);
	CHECK(strlen(rule) == 1920);
	path[fits] = 'x';
	CHECK(binfmt_rule(arm64(), path, "POF", rule, &err) == FAILED);
	CHECK(err.fault == FAULT_INPUT);
}

TEST(every_rule_fits_an_ordinary_path)
{
	size_t count;
	const struct emulator *all = emulators(&count);

	for (size_t i = 0; i < count; i++) {
		char rule[BINFMT_RULE_MAX];
		struct error err = {};

		CHECK(binfmt_rule(&all[i], "/usr/bin/qemu", "POCF", rule, &err) == OK);
		CHECK(strlen(rule) < 400);
	}
}

TEST(entries_of_the_kernel_are_understood)
{
	for (size_t i = 0; i < countof(accepted); i++) {
		struct entry entry;
		struct error err = {};

		if (!tap_check(entry_parse(accepted[i].text, &entry, &err) == OK, __FILE__,
			       __LINE__, "entry %zu: %s", i, err.text))
			continue;
		CHECK_STR(entry.interpreter, accepted[i].interpreter);
		CHECK_STR(entry.flags, accepted[i].flags);
		CHECK(entry.enabled == accepted[i].enabled);
	}
}

TEST(odd_entries_are_refused)
{
	for (size_t i = 0; i < countof(refused); i++) {
		struct entry entry;
		struct error err = {};

		tap_check(entry_parse(refused[i], &entry, &err) == FAILED, __FILE__, __LINE__,
			  "refused %zu", i);
		CHECK(err.fault == FAULT_INPUT);
	}
}

TEST(an_entry_matches_as_in_the_kernel)
{
	static const uint8_t head[20] = "\x7f"
					"ELF\2\1\1\x9\0\0\0\0\0\0\0\0\3\0\xb7";
	struct entry entry;
	struct error err = {};

	CHECK(entry_parse(usual, &entry, &err) == OK);
	CHECK(entry_is_for(&entry, arm64()));
	CHECK(entry_matches(&entry, head, sizeof(head)));
	CHECK(!entry_matches(&entry, head, 4));
	entry.offset = 21;
	CHECK(!entry_matches(&entry, head, sizeof(head)));
	CHECK(!entry_is_for(&entry, arm64()));
	CHECK(entry_parse(accepted[2].text, &entry, &err) == OK);
	CHECK(!entry_matches(&entry, head, sizeof(head)));
}

TEST(rules_are_taken_out_of_a_file_by_name)
{
	static const char text[] = "# ours\n:qemu-arm:M::a:b:/q:F\n\n:qemu-armeb:M::a:b:/q:F\n"
				   "; other\n:qemu-s390x:M::a:b:/q:F";
	owned(strings) struct strings names = {};
	owned(buf) struct buf left = {};

	strings_add(&names, "qemu-arm");
	CHECK(persist_filter(text, &names, &left) == 2);
	CHECK_STR(buf_text(&left), "# ours\n\n:qemu-armeb:M::a:b:/q:F\n; other\n"
				   ":qemu-s390x:M::a:b:/q:F\n");
	strings_add(&names, "qemu-armeb");
	strings_add(&names, "qemu-s390x");
	buf_clear(&left);
	CHECK(persist_filter(text, &names, &left) == 0);
}

TEST(a_file_of_rules_is_written_and_goes_with_its_last_rule)
{
	char dir[] = "/tmp/mpemu-test-XXXXXX", path[64];
	owned(strings) struct strings rules = {}, names = {};
	owned(buf) struct buf text = {};
	struct error err = {};

	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/binfmt.d/mpemu.conf", dir);
	strings_add(&rules, ":qemu-arm:M::\\x7f:\\xff:/q:F");
	CHECK(persist_remove(path, &names, &err) == OK);
	CHECK(persist_write(path, &rules, &err) == OK);
	CHECK(persist_write(path, &rules, &err) == OK);
	CHECK(read_file(AT_FDCWD, path, 4096, &text, &err) == OK);
	CHECK(starts_with(buf_text(&text), "# "));
	CHECK(ends_with(buf_text(&text), "\n:qemu-arm:M::\\x7f:\\xff:/q:F\n"));
	CHECK(persist_remove(path, &names, &err) == OK);
	CHECK(access(path, F_OK) == 0);
	strings_add(&names, "qemu-arm");
	CHECK(persist_remove(path, &names, &err) == OK);
	CHECK(access(path, F_OK) < 0);
	CHECK(remove_tree(AT_FDCWD, dir, &err) == OK);
}
