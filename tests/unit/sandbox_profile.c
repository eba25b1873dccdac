/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Profiles in Docker's format: for whom rules count, and what the filter answers.
 */
#include "sandbox/profile.h"
#include "tests/tap.h"
#include "tests/unit/sandbox_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <sys/syscall.h>

#define ALLOW            SECCOMP_RET_ALLOW
#define DENY             (SECCOMP_RET_ERRNO | EPERM)
#define ERROR(n)         (SECCOMP_RET_ERRNO | (n))
#define CAP(n)           (UINT64_C(1) << (n))
#define RULES(rules)     "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" rules "]}"
#define RULE(name, more) "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_ALLOW\"" more "}"

#ifdef __x86_64__

/* clang-format off */
static const struct {
	const char *text;
	int number;
	uint64_t args[2];
	uint32_t want;
} answers[] = {
	{ RULES(""), SYS_read, {}, DENY },
	{ RULES(RULE("read", "")), SYS_read, {}, ALLOW },
	{ RULES(RULE("read", "")), SYS_write, {}, DENY },
	{ RULES(RULE("no_such_call\",\"read", "")), SYS_read, {}, ALLOW },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", SYS_mount, {}, ALLOW },
	{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38}", SYS_read, {}, ERROR(38) },
	{ "{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\"}", SYS_read, {}, SECCOMP_RET_KILL_PROCESS },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"name\":\"read\","
	  "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":5}]}", SYS_read, {}, ERROR(5) },
	/* for whom */
	{ RULES(RULE("mount", ",\"includes\":{\"caps\":[\"CAP_CHOWN\"]}")), SYS_mount, {}, ALLOW },
	{ RULES(RULE("mount", ",\"includes\":{\"caps\":[\"CAP_CHOWN\",\"CAP_SYS_ADMIN\"]}")), SYS_mount, {}, DENY },
	{ RULES(RULE("mount", ",\"excludes\":{\"caps\":[\"CAP_CHOWN\",\"CAP_SYS_ADMIN\"]}")), SYS_mount, {}, DENY },
	{ RULES(RULE("mount", ",\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}")), SYS_mount, {}, ALLOW },
	{ RULES(RULE("mount", ",\"includes\":{\"arches\":[\"amd64\"]}")), SYS_mount, {}, ALLOW },
	{ RULES(RULE("mount", ",\"includes\":{\"arches\":[\"s390x\"]}")), SYS_mount, {}, DENY },
	{ RULES(RULE("mount", ",\"excludes\":{\"arches\":[\"amd64\"]}")), SYS_mount, {}, DENY },
	{ RULES(RULE("mount", ",\"includes\":{\"minKernel\":\"6.1\"}")), SYS_mount, {}, ALLOW },
	{ RULES(RULE("mount", ",\"includes\":{\"minKernel\":\"6.2\"}")), SYS_mount, {}, DENY },
	{ RULES(RULE("mount", ",\"includes\":{\"minKernel\":\"4.8\"},\"excludes\":{}")), SYS_mount, {}, ALLOW },
	/* arguments */
	{ RULES(RULE("dup2", ",\"args\":[{\"index\":1,\"value\":7,\"op\":\"SCMP_CMP_EQ\"}]")), SYS_dup2, { 0, 7 }, ALLOW },
	{ RULES(RULE("dup2", ",\"args\":[{\"index\":1,\"value\":7,\"op\":\"SCMP_CMP_EQ\"}]")), SYS_dup2, { 7, 0 }, DENY },
	{ RULES(RULE("dup2", ",\"args\":[{\"index\":0,\"value\":12,\"valueTwo\":4,\"op\":\"SCMP_CMP_MASKED_EQ\"}]")), SYS_dup2, { 7 }, ALLOW },
	{ RULES(RULE("dup2", ",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]")), SYS_dup2, { 2 }, ALLOW },
	{ RULES(RULE("dup2", ",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},{\"index\":1,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]")), SYS_dup2, { 1, 3 }, DENY },
};
/* clang-format on */

TEST(profiles_mean_what_they_mean_to_docker)
{
	const struct profile_target target = { CAP(0), "amd64", 6, 1 };

	for (size_t i = 0; i < countof(answers); i++) {
		struct seccomp_data data = {
			.nr = answers[i].number,
			.arch = AUDIT_ARCH_X86_64,
			.args = { answers[i].args[0], answers[i].args[1] },
		};
		struct filter filter = {};
		struct error err = {};
		uint32_t got;

		if (!tap_check(!profile_compile(answers[i].text, strlen(answers[i].text), &target,
						&filter, &err),
			       __FILE__, __LINE__, "%s: %s", answers[i].text, err.text))
			continue;
		got = interpret(&filter, &data);
		tap_check(got == answers[i].want, __FILE__, __LINE__, "%s: %x, want %x",
			  answers[i].text, got, answers[i].want);
		free(filter.instructions);
	}
}

#endif

/* clang-format off */
static const struct {
	const char *text, *want;
} refused[] = {
	{ "", "profile:1:0: not JSON" },
	{ "[]", "profile" },
	{ "{}", "profile.defaultAction" },
	{ "{\"defaultAction\":\"ALLOW\"}", "profile.defaultAction: ALLOW is not supported" },
	{ "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "SCMP_ACT_NOTIFY is not supported" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"X\"]}", "profile.flags is not supported yet" },
	{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_Z80\"]}", "SCMP_ARCH_Z80" },
	{ RULES("{}"), "profile.syscalls[0]: no names" },
	{ RULES("7"), "profile.syscalls[0]" },
	{ RULES(RULE("read", ",\"args\":[{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]")), "index" },
	{ RULES(RULE("read", ",\"args\":[{\"index\":0,\"op\":\"EQ\"}]")), "args[0].op: EQ" },
	{ RULES(RULE("read", ",\"args\":[{\"index\":0,\"value\":-1.5,\"op\":\"SCMP_CMP_EQ\"}]")), "args[0].value" },
	{ RULES(RULE("read", ",\"includes\":{\"minKernel\":\"new\"}")), "minKernel: 'new' is no version" },
};
/* clang-format on */

TEST(profiles_that_are_wrong_are_refused_with_the_place)
{
	const struct profile_target target = { CAP(0), "amd64", 6, 1 };

	for (size_t i = 0; i < countof(refused); i++) {
		struct filter filter = {};
		struct error err = {};

		if (!tap_check(profile_compile(refused[i].text, strlen(refused[i].text), &target,
					       &filter, &err),
			       __FILE__, __LINE__, "%s should be refused", refused[i].text))
			continue;
		tap_check(strstr(err.text, refused[i].want) && err.fault == FAULT_INPUT, __FILE__,
			  __LINE__, "%s: %s", refused[i].text, err.text);
	}
}
