/* SPDX-License-Identifier: Apache-2.0 */
#include "base/platform.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* clang-format off */
static const struct {
	const char *alias, *arch, *variant;
} aliases[] = {
	{ "x86_64",      "amd64",    ""   },
	{ "x86-64",      "amd64",    ""   },
	{ "aarch64",     "arm64",    ""   },
	{ "armhf",       "arm",      "v7" },
	{ "armel",       "arm",      "v6" },
	{ "i386",        "386",      ""   },
	{ "i486",        "386",      ""   },
	{ "i586",        "386",      ""   },
	{ "i686",        "386",      ""   },
	{ "ppc64el",     "ppc64le",  ""   },
	{ "powerpc64le", "ppc64le",  ""   },
	{ "mips64el",    "mips64le", ""   },
	{ "mipsel",      "mipsle",   ""   },
	{ "loongarch64", "loong64",  ""   },
};

static const char *const systems[] = {
	"aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux",
	"macos", "nacl", "netbsd", "openbsd", "plan9", "solaris", "windows", "zos",
};

/** Variants of one architecture from the best to the least: each runs what stands below it. */
static const struct {
	const char *arch, *variants[5];
} ladders[] = {
	{ "arm",   { "v8", "v7", "v6", "v5" } },
	{ "amd64", { "v4", "v3", "v2", "" } },
};
/* clang-format on */

/** Copy the field that ends at `end`; false where it is empty, too long or has odd characters. */
static bool copy_field(char *field, size_t size, const char *start, const char *end)
{
	size_t length = (size_t)(end - start);

	if (length == 0 || length >= size)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)start[i]) && !strchr("_-.", start[i]))
			return false;
		field[i] = (char)tolower((unsigned char)start[i]);
	}
	field[length] = '\0';
	return true;
}

static bool is_system(const char *name)
{
	for (size_t i = 0; i < countof(systems); i++) {
		if (strcmp(systems[i], name) == 0)
			return true;
	}
	return false;
}

void platform_normalise(struct platform *platform)
{
	if (strcmp(platform->os, "macos") == 0)
		strcpy(platform->os, "darwin");
	for (size_t i = 0; i < countof(aliases); i++) {
		if (strcmp(platform->arch, aliases[i].alias) != 0)
			continue;
		strcpy(platform->arch, aliases[i].arch);
		if (!platform->variant[0] || strcmp(platform->arch, "arm") == 0)
			strcpy(platform->variant, aliases[i].variant);
		break;
	}
	if (strcmp(platform->arch, "arm64") == 0) {
		if (strcmp(platform->variant, "8") == 0 || strcmp(platform->variant, "v8") == 0 ||
		    strcmp(platform->variant, "v8.0") == 0)
			platform->variant[0] = '\0';
		else if (strcmp(platform->variant, "9") == 0 ||
			 strcmp(platform->variant, "v9.0") == 0)
			strcpy(platform->variant, "v9");
	}
	if (strcmp(platform->arch, "arm") == 0) {
		if (!platform->variant[0] || strcmp(platform->variant, "7") == 0)
			strcpy(platform->variant, "v7");
		else if (strlen(platform->variant) == 1 && strchr("568", platform->variant[0])) {
			platform->variant[1] = platform->variant[0];
			platform->variant[0] = 'v';
			platform->variant[2] = '\0';
		}
	}
	if (strcmp(platform->arch, "amd64") == 0 && strcmp(platform->variant, "v1") == 0)
		platform->variant[0] = '\0';
}

result platform_parse(const char *text, struct platform *out, struct error *err)
{
	struct platform parsed = {};
	const char *end = text + strlen(text);
	const char *first = strchr(text, '/');
	const char *second = first ? strchr(first + 1, '/') : NULL;

	if (!first) {
		if (!copy_field(parsed.arch, sizeof(parsed.arch), text, end))
			goto bad;
		if (is_system(parsed.arch)) {
			strcpy(parsed.os, parsed.arch);
			strcpy(parsed.arch, platform_host().arch);
		} else {
			strcpy(parsed.os, "linux");
		}
	} else {
		if (!copy_field(parsed.os, sizeof(parsed.os), text, first) ||
		    !copy_field(parsed.arch, sizeof(parsed.arch), first + 1,
				second ? second : end) ||
		    (second &&
		     !copy_field(parsed.variant, sizeof(parsed.variant), second + 1, end)))
			goto bad;
		/* "arm64/v8": no system was named */
		if (!second && !is_system(parsed.os) &&
		    strlen(parsed.arch) < sizeof(parsed.variant)) {
			strcpy(parsed.variant, parsed.arch);
			strcpy(parsed.arch, parsed.os);
			strcpy(parsed.os, "linux");
		}
	}
	platform_normalise(&parsed);
	*out = parsed;
	return OK;
bad:
	return fail(err, FAULT_INPUT,
		    "platform '%.64s': want os/arch[/variant], such as linux/arm64", text);
}

result platforms_parse(const char *text, struct platform out[PLATFORMS_MAX], size_t *count,
		       struct error *err)
{
	size_t found = 0;

	for (const char *at = text;; at++) {
		const char *end = strchrnul(at, ',');
		struct platform platform;
		char part[64];
		bool known = false;

		snprintf(part, sizeof(part), "%.*s", (int)(end - at), at);
		if (platform_parse(part, &platform, err))
			return FAILED;
		for (size_t i = 0; i < found; i++)
			known |= platform_equal(&out[i], &platform);
		if (!known && found == PLATFORMS_MAX)
			return fail(err, FAULT_INPUT, "more than %d platforms", PLATFORMS_MAX);
		if (!known)
			out[found++] = platform;
		at = end;
		if (!*at)
			break;
	}
	*count = found;
	return OK;
}

struct platform platform_host(void)
{
	struct platform host = { .os = "linux" };

#if defined(__x86_64__)
	strcpy(host.arch, "amd64");
#elif defined(__aarch64__)
	strcpy(host.arch, "arm64");
#elif defined(__i386__)
	strcpy(host.arch, "386");
#elif defined(__arm__)
	strcpy(host.arch, "arm");
	strcpy(host.variant, __ARM_ARCH >= 7 ? "v7" : __ARM_ARCH == 6 ? "v6" : "v5");
#elif defined(__riscv) && __riscv_xlen == 64
	strcpy(host.arch, "riscv64");
#elif defined(__s390x__)
	strcpy(host.arch, "s390x");
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	strcpy(host.arch, "ppc64le");
#elif defined(__powerpc64__)
	strcpy(host.arch, "ppc64");
#elif defined(__mips64) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	strcpy(host.arch, "mips64le");
#elif defined(__loongarch64)
	strcpy(host.arch, "loong64");
#else
#error "name this architecture"
#endif
	return host;
}

bool platform_equal(const struct platform *a, const struct platform *b)
{
	return strcmp(a->os, b->os) == 0 && strcmp(a->arch, b->arch) == 0 &&
	       strcmp(a->variant, b->variant) == 0;
}

/** Where a variant stands on its ladder, from 1; 0 where it is on none. */
static int rung(const char *const *variants, const char *variant)
{
	for (int i = 0; i < 5 && variants[i]; i++) {
		if (strcmp(variants[i], variant) == 0)
			return i + 1;
	}
	return 0;
}

/** arm64: v9.y runs v9.x for x <= y and v8.z for z <= y + 5; "" is v8.0. */
static int arm64_distance(const char *offered, const char *wanted)
{
	static const char base[] = "v8";
	const char *o = *offered ? offered : base, *w = *wanted ? wanted : base;
	int o_major = 0, o_minor = 0, w_major = 0, w_minor = 0;

	if (sscanf(o, "v%d.%d", &o_major, &o_minor) < 1 ||
	    sscanf(w, "v%d.%d", &w_major, &w_minor) < 1 || o_major < 8 || w_major > 9)
		return 0;
	if (o_major > w_major)
		return 0;
	if (o_major < w_major)
		w_minor += 5;
	if (o_minor > w_minor)
		return 0;
	return 1 + (w_minor - o_minor) + 16 * (w_major - o_major);
}

int platform_distance(const struct platform *offered, const struct platform *wanted)
{
	if (strcmp(offered->os, wanted->os) != 0 || strcmp(offered->arch, wanted->arch) != 0)
		return 0;
	if (strcmp(offered->variant, wanted->variant) == 0)
		return 1;
	if (strcmp(offered->arch, "arm64") == 0)
		return arm64_distance(offered->variant, wanted->variant);
	for (size_t i = 0; i < countof(ladders); i++) {
		int have, want;

		if (strcmp(ladders[i].arch, offered->arch) != 0)
			continue;
		have = rung(ladders[i].variants, offered->variant);
		want = rung(ladders[i].variants, wanted->variant);
		return have && want && have > want ? have - want + 1 : 0;
	}
	/* Any other architecture without a variant serves whatever variant is asked for. */
	return offered->variant[0] ? 0 : 2;
}

const char *platform_text(const struct platform *platform, char text[PLATFORM_TEXT_MAX])
{
	snprintf(text, PLATFORM_TEXT_MAX, "%s/%s%s%s", platform->os, platform->arch,
		 platform->variant[0] ? "/" : "", platform->variant);
	return text;
}
