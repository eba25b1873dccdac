/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A profile is a default action, architectures, and rules: names, an action, conditions on
 * arguments, and for whom the rule is.  As in Docker, names that are unknown here are passed over,
 * and conditions on the same argument are alternatives.
 */
#include "sandbox/profile.h"
#include "sandbox/caps.h"
#include "sandbox/filter_cache.h"

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/platform.h"

#include <ctype.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

enum { PROFILE_MAX = 4 << 20, RULES_MAX = 4096, NAMES_MAX = 4096, ARGUMENTS_MAX = 6 };

static const struct {
	const char *name;
	uint32_t action;
	bool has_errno;
} actions[] = {
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true },
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, false },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG, false },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP, false },
};

static const struct {
	const char *name;
	enum scmp_compare compare;
} comparisons[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

/** A profile being compiled. */
struct compiler {
	const struct profile_target *target;
	scmp_filter_ctx seccomp;
	uint32_t default_action;
};

static result action_get(const struct json_at *at, const char *key, const char *number_key,
			 uint32_t *out, struct error *err)
{
	enum { ERRNO_MAX = 4095 };
	uint64_t number = EPERM;
	struct json_at given;
	const char *name;

	if (json_get_string(at, key, &name, err) || json_get(at, number_key, &given, err))
		return FAILED;
	if (given.value && json_get_number(at, number_key, ERRNO_MAX, &number, err))
		return FAILED;
	for (size_t i = 0; i < countof(actions); i++) {
		if (strcmp(actions[i].name, name) == 0) {
			*out = actions[i].action | (actions[i].has_errno ? (uint32_t)number : 0);
			return OK;
		}
	}
	return fail(err, FAULT_INPUT, "%s.%s: %s is not supported", at->path, key, name);
}

/* ---- for whom a rule is ---- */

/** Whether the kernel is at least "4.8". */
static result kernel_reaches(const struct compiler *compiler, const struct json_at *at,
			     const char *text, bool *out, struct error *err)
{
	const struct profile_target *target = compiler->target;
	unsigned version, patch;
	char rest;

	if (sscanf(text, "%3u.%3u%c", &version, &patch, &rest) != 2)
		return fail(err, FAULT_INPUT, "%s.minKernel: '%s' is no version", at->path, text);
	*out = target->version > version || (target->version == version && target->patch >= patch);
	return OK;
}

/** What a rule's includes or excludes say of us. */
struct condition {
	bool has_arches, arch, any_capability, all_capabilities, has_kernel, kernel;
};

static result condition_get(const struct compiler *compiler, const struct json_at *rule,
			    const char *key, struct condition *out, struct error *err)
{
	owned(strings) struct strings arches = {}, names = {};
	const char *kernel = NULL;
	struct json_at at;

	*out = (struct condition){ .all_capabilities = true };
	if (json_get(rule, key, &at, err))
		return FAILED;
	if (!at.value)
		return OK;
	if (json_get_strings(&at, "arches", NAMES_MAX, &arches, err) ||
	    json_get_strings(&at, "caps", NAMES_MAX, &names, err) ||
	    json_find_string(&at, "minKernel", &kernel, err))
		return FAILED;
	out->has_arches = arches.count > 0;
	out->arch = strings_have(&arches, compiler->target->arch);
	for (size_t i = 0; i < names.count; i++) {
		uint64_t bit = 0;
		struct error unknown;
		/* One that is newer than libcap is held by nobody. */
		bool held = capability_parse(names.items[i], &bit, &unknown) == OK &&
			    (compiler->target->capabilities & bit) == bit;

		out->any_capability |= held;
		out->all_capabilities &= held;
	}
	out->has_kernel = kernel != NULL;
	return kernel ? kernel_reaches(compiler, &at, kernel, &out->kernel, err) : OK;
}

static result rule_counts(const struct compiler *compiler, const struct json_at *rule, bool *out,
			  struct error *err)
{
	struct condition in, ex;

	if (condition_get(compiler, rule, "includes", &in, err) ||
	    condition_get(compiler, rule, "excludes", &ex, err))
		return FAILED;
	*out = (!in.has_arches || in.arch) && in.all_capabilities &&
	       (!in.has_kernel || in.kernel) && !(ex.has_arches && ex.arch) && !ex.any_capability &&
	       !(ex.has_kernel && ex.kernel);
	return OK;
}

/* ---- rules ---- */

/** A number that may be left out: 0 then. */
static result word_get(const struct json_at *at, const char *key, uint64_t *out, struct error *err)
{
	struct json_at member;

	*out = 0;
	if (json_get(at, key, &member, err))
		return FAILED;
	return member.value ? json_get_number(at, key, INT64_MAX, out, err) : OK;
}

static result argument_get(const struct json_at *at, struct scmp_arg_cmp *out, struct error *err)
{
	uint64_t index = 0;
	const char *name;
	struct json_at given;

	if (json_get(at, "index", &given, err) ||
	    (given.value && json_get_number(at, "index", ARGUMENTS_MAX - 1, &index, err)) ||
	    word_get(at, "value", &out->datum_a, err) ||
	    word_get(at, "valueTwo", &out->datum_b, err) || json_get_string(at, "op", &name, err))
		return FAILED;
	out->arg = (unsigned)index;
	for (size_t i = 0; i < countof(comparisons); i++) {
		if (strcmp(comparisons[i].name, name) == 0) {
			out->op = comparisons[i].compare;
			return OK;
		}
	}
	return fail(err, FAULT_INPUT, "%s.op: %s is not supported", at->path, name);
}

static result arguments_get(const struct json_at *rule, struct scmp_arg_cmp *out, unsigned *count,
			    struct error *err)
{
	struct json_at at;
	size_t length;

	if (json_get(rule, "args", &at, err) || json_length(&at, 2 * ARGUMENTS_MAX, &length, err))
		return FAILED;
	for (size_t i = 0; i < length; i++) {
		const struct json_at element = json_element(&at, i);

		if (argument_get(&element, &out[i], err))
			return FAILED;
	}
	*count = (unsigned)length;
	return OK;
}

static result names_get(const struct json_at *rule, struct strings *out, struct error *err)
{
	const char *name = NULL;

	if (json_get_strings(rule, "names", NAMES_MAX, out, err) ||
	    json_find_string(rule, "name", &name, err))
		return FAILED;
	if (name)
		strings_add(out, name);
	if (!out->count)
		return fail(err, FAULT_INPUT, "%s: no names", rule->path);
	return OK;
}

static bool have_same_argument(const struct scmp_arg_cmp *args, unsigned count)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < count; i++) {
		if (seen & 1U << args[i].arg)
			return true;
		seen |= 1U << args[i].arg;
	}
	return false;
}

static int call_add(const struct compiler *compiler, uint32_t action, int number,
		    const struct scmp_arg_cmp *args, unsigned count)
{
	int status = 0;

	if (!have_same_argument(args, count))
		return seccomp_rule_add_array(compiler->seccomp, action, number, count, args);
	for (unsigned i = 0; i < count && !status; i++)
		status = seccomp_rule_add_array(compiler->seccomp, action, number, 1, &args[i]);
	return status;
}

static result rule_add(const struct compiler *compiler, const struct json_at *rule,
		       struct error *err)
{
	struct scmp_arg_cmp args[2 * ARGUMENTS_MAX];
	owned(strings) struct strings names = {};
	unsigned count;
	uint32_t action;
	bool counts;

	if (names_get(rule, &names, err) || action_get(rule, "action", "errnoRet", &action, err) ||
	    arguments_get(rule, args, &count, err) || rule_counts(compiler, rule, &counts, err))
		return FAILED;
	if (!counts || action == compiler->default_action)
		return OK;
	for (size_t i = 0; i < names.count; i++) {
		int number = seccomp_syscall_resolve_name(names.items[i]);
		int status = number == __NR_SCMP_ERROR
				     ? 0
				     : call_add(compiler, action, number, args, count);

		if (status < 0)
			return fail(err, FAULT_INPUT, "%s: %s: %s", rule->path, names.items[i],
				    strerror(-status));
	}
	return OK;
}

static result rules_add(const struct compiler *compiler, const struct json_at *root,
			struct error *err)
{
	struct json_at at;
	size_t count;

	if (json_get(root, "syscalls", &at, err) || json_length(&at, RULES_MAX, &count, err))
		return FAILED;
	for (size_t i = 0; i < count; i++) {
		const struct json_at rule = json_element(&at, i);

		if (rule_add(compiler, &rule, err))
			return FAILED;
	}
	return OK;
}

/* ---- architectures ---- */

/** "SCMP_ARCH_X86_64"; 0 where there is no such. */
static uint32_t arch_find(const char *name)
{
	static const char prefix[] = "SCMP_ARCH_";
	owned(str) char *lower = NULL;

	if (!starts_with(name, prefix))
		return 0;
	lower = xstrdup(name + strlen(prefix));
	for (char *at = lower; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return seccomp_arch_resolve_name(lower);
}

static result arches_add(const struct compiler *compiler, const struct strings *names,
			 const char *path, struct error *err)
{
	for (size_t i = 0; i < names->count; i++) {
		uint32_t arch = arch_find(names->items[i]);
		int status;

		if (!arch)
			return fail(err, FAULT_INPUT, "%s: no architecture is called '%s'", path,
				    names->items[i]);
		status = seccomp_arch_add(compiler->seccomp, arch);
		if (status < 0 && status != -EEXIST)
			return fail(err, FAULT_INPUT, "%s: %s: %s", path, names->items[i],
				    strerror(-status));
	}
	return OK;
}

/** "architectures", or of "archMap" the entry that is for this machine. */
static result arches_take(const struct compiler *compiler, const struct json_at *root,
			  struct error *err)
{
	owned(strings) struct strings names = {};
	struct json_at map;
	size_t count;

	if (json_get_strings(root, "architectures", NAMES_MAX, &names, err) ||
	    json_get(root, "archMap", &map, err) || json_length(&map, NAMES_MAX, &count, err))
		return FAILED;
	if (names.count && count)
		return fail(err, FAULT_INPUT, "%s: has both architectures and archMap", root->path);
	for (size_t i = 0; i < count; i++) {
		const struct json_at entry = json_element(&map, i);
		const char *name;

		if (json_get_string(&entry, "architecture", &name, err))
			return FAILED;
		if (arch_find(name) == seccomp_arch_native() &&
		    json_get_strings(&entry, "subArchitectures", NAMES_MAX, &names, err))
			return FAILED;
	}
	return arches_add(compiler, &names, root->path, err);
}

/* ---- all of it ---- */

static result filter_export(const struct compiler *compiler, struct filter *out, struct error *err)
{
	owned(fd) int fd = memfd_create("filter", MFD_CLOEXEC);
	owned(buf) struct buf code = {};

	if (fd < 0)
		return fail_sys(err, "memfd_create");
	/* A tree instead of a list, where this version of it can. */
	(void)seccomp_attr_set(compiler->seccomp, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (seccomp_export_bpf(compiler->seccomp, fd) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return fail(err, FAULT_INPUT, "libseccomp cannot compile it");
	if (read_all(fd, BPF_MAXINSNS * sizeof(struct sock_filter), &code, err))
		return FAILED;
	out->count = (unsigned short)(code.length / sizeof(struct sock_filter));
	out->instructions = (struct sock_filter *)(void *)buf_take(&code);
	return OK;
}

static result members_check(const struct json_at *root, struct error *err)
{
	static const char *const unsupported[] = { "flags", "listenerPath", "listenerMetadata" };

	for (size_t i = 0; i < countof(unsupported); i++) {
		struct json_at at;

		if (json_get(root, unsupported[i], &at, err))
			return FAILED;
		if (at.value)
			return fail(err, FAULT_INPUT,
				    "%s is not supported yet by this version of mpemu", at.path);
	}
	return OK;
}

result profile_compile(const char *text, size_t length, const struct profile_target *target,
		       struct filter *out, struct error *err)
{
	owned(json) json_t *json = NULL;
	struct compiler compiler = { .target = target };
	struct json_at root;
	result status;

	if (json_parse(text, length, "profile", &json, err))
		return FAILED;
	root = json_root(json, "profile");
	if (members_check(&root, err) ||
	    action_get(&root, "defaultAction", "defaultErrnoRet", &compiler.default_action, err))
		return FAILED;
	compiler.seccomp = seccomp_init(compiler.default_action);
	if (!compiler.seccomp)
		return fail(err, FAULT_SYSTEM, "libseccomp does not start");
	status = arches_take(&compiler, &root, err) || rules_add(&compiler, &root, err) ||
				 filter_export(&compiler, out, err)
			 ? FAILED
			 : OK;
	seccomp_release(compiler.seccomp);
	return status;
}

/** Of the profile's text, and of what its conditions ask for. */
static struct digest profile_key(const struct buf *text, const struct profile_target *target)
{
	struct hasher *hasher = filter_key_new();
	struct digest key;

	hasher_add(hasher, &target->capabilities, sizeof(target->capabilities));
	hasher_add_str(hasher, target->arch);
	hasher_add(hasher, &target->version, sizeof(target->version));
	hasher_add(hasher, &target->patch, sizeof(target->patch));
	hasher_add(hasher, text->data, text->length);
	key = hasher_finish(hasher);
	hasher_drop(&hasher);
	return key;
}

result profile_read(const char *path, uint64_t capabilities, struct filter *out, struct error *err)
{
	const struct platform host = platform_host();
	struct profile_target target = { .capabilities = capabilities, .arch = host.arch };
	owned(buf) struct buf text = {};
	struct utsname name;
	struct digest key;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &target.version, &target.patch) != 2)
		return fail(err, FAULT_SYSTEM, "cannot tell the version of the kernel");
	if (read_file(AT_FDCWD, path, PROFILE_MAX, &text, err))
		return FAILED;
	key = profile_key(&text, &target);
	if (filter_load(&key, out))
		return OK;
	if (profile_compile(buf_text(&text), text.length, &target, out, err))
		return fail_in(err, "%s", path);
	filter_save(&key, out);
	return OK;
}
