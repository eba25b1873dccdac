/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu platform`: names of platforms as containerd reads, normalises and matches them.
 *
 * base/platform.h is what builds use: it normalises at once and never takes an image of another
 * architecture.  Here a name is only parsed ("linux/arm" stays without a variant), and amd64 takes
 * 386, so that a script sees what other tools make of the same words.
 */
#include "runner/command.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/platform.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PART_MAX = 64 };

struct spec {
	char os[PART_MAX], version[PART_MAX], arch[PART_MAX], variant[PART_MAX];
};

static const char *const systems[] = {
	"aix",   "android", "darwin", "dragonfly", "freebsd", "hurd",    "illumos", "ios", "js",
	"linux", "nacl",    "netbsd", "openbsd",   "plan9",   "solaris", "windows", "zos",
};

static const char *const architectures[] = {
	"386",       "amd64",       "amd64p32", "arm",    "armbe",   "arm64",
	"arm64be",   "loong64",     "mips",     "mipsle", "mips64",  "mips64le",
	"mips64p32", "mips64p32le", "ppc",      "ppc64",  "ppc64le", "riscv",
	"riscv64",   "s390",        "s390x",    "sparc",  "sparc64", "wasm",
};

/* clang-format off */
/** A NULL variant stands for any; the first row that fits is taken. */
static const struct {
	const char *arch, *variant, *to_arch, *to_variant;
} normal_forms[] = {
	{ "i386",    NULL,   "386",   "" },
	{ "x86_64",  "v1",   "amd64", "" },
	{ "x86-64",  "v1",   "amd64", "" },
	{ "amd64",   "v1",   "amd64", "" },
	{ "x86_64",  NULL,   "amd64", NULL },
	{ "x86-64",  NULL,   "amd64", NULL },
	{ "aarch64", "8",    "arm64", "" },
	{ "aarch64", "v8",   "arm64", "" },
	{ "aarch64", "v8.0", "arm64", "" },
	{ "arm64",   "8",    "arm64", "" },
	{ "arm64",   "v8",   "arm64", "" },
	{ "arm64",   "v8.0", "arm64", "" },
	{ "aarch64", "9",    "arm64", "v9" },
	{ "aarch64", "9.0",  "arm64", "v9" },
	{ "aarch64", "v9.0", "arm64", "v9" },
	{ "arm64",   "9",    "arm64", "v9" },
	{ "arm64",   "9.0",  "arm64", "v9" },
	{ "arm64",   "v9.0", "arm64", "v9" },
	{ "aarch64", NULL,   "arm64", NULL },
	{ "armhf",   NULL,   "arm",   "v7" },
	{ "armel",   NULL,   "arm",   "v6" },
	{ "arm",     "",     "arm",   "v7" },
	{ "arm",     "7",    "arm",   "v7" },
	{ "arm",     "5",    "arm",   "v5" },
	{ "arm",     "6",    "arm",   "v6" },
	{ "arm",     "8",    "arm",   "v8" },
};
/* clang-format on */

static bool is_one_of(const char *word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(word, list[i]) == 0)
			return true;
	}
	return false;
}

static void spec_normalise(struct spec *spec)
{
	if (strcmp(spec->os, "macos") == 0)
		strcpy(spec->os, "darwin");
	for (size_t i = 0; i < countof(normal_forms); i++) {
		if (strcmp(spec->arch, normal_forms[i].arch) != 0 ||
		    (normal_forms[i].variant &&
		     strcmp(spec->variant, normal_forms[i].variant) != 0))
			continue;
		strcpy(spec->arch, normal_forms[i].to_arch);
		if (normal_forms[i].to_variant)
			strcpy(spec->variant, normal_forms[i].to_variant);
		return;
	}
}

/** Copy a part in lower case; false where it is empty, too long or has odd characters. */
static bool part_read(const char *text, size_t length, char out[PART_MAX])
{
	if (length == 0 || length >= PART_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr("_-.", text[i]))
			return false;
		out[i] = (char)tolower((unsigned char)text[i]);
	}
	out[length] = '\0';
	return true;
}

/** "os" or "os(version)". */
static bool system_read(const char *text, size_t length, struct spec *spec)
{
	const char *open = memchr(text, '(', length);

	if (!open)
		return part_read(text, length, spec->os);
	if (text[length - 1] != ')' || !part_read(text, (size_t)(open - text), spec->os))
		return false;
	length -= (size_t)(open - text) + 2;
	return length == 0 || part_read(open + 1, length, spec->version);
}

/** One word: a system that is known, else an architecture that is. */
static bool word_read(struct spec *spec)
{
	struct platform host = platform_host();
	struct spec word = *spec;

	spec_normalise(&word);
	if (is_one_of(word.os, systems, countof(systems))) {
		*spec = word;
		strcpy(spec->arch, host.arch);
		return true;
	}
	if (spec->version[0])
		return false;
	word = (struct spec){};
	strcpy(word.arch, spec->os);
	spec_normalise(&word);
	if (strcmp(word.arch, "arm") == 0 && strcmp(word.variant, "v7") == 0)
		word.variant[0] = '\0';
	strcpy(word.os, host.os);
	*spec = word;
	return is_one_of(word.arch, architectures, countof(architectures));
}

static result spec_parse(const char *text, struct spec *out, struct error *err)
{
	struct spec spec = {};
	owned(strings) struct strings parts = {};
	owned(buf) struct buf shown = {};
	bool valid;

	strings_split(&parts, text, '/');
	valid = parts.count <= 3 && system_read(parts.items[0], strlen(parts.items[0]), &spec) &&
		(parts.count < 2 || part_read(parts.items[1], strlen(parts.items[1]), spec.arch)) &&
		(parts.count < 3 ||
		 part_read(parts.items[2], strlen(parts.items[2]), spec.variant));
	text_escape(&shown, text, strnlen(text, 100));
	if (!valid)
		return fail(err, FAULT_INPUT,
			    "platform '%s': want os/arch[/variant], such as linux/arm64",
			    buf_text(&shown));
	if (parts.count == 1 && !word_read(&spec))
		return fail(err, FAULT_INPUT,
			    "platform '%s': unknown operating system or architecture",
			    buf_text(&shown));
	if (parts.count > 1)
		spec_normalise(&spec);
	/* a name says no more than was written: no v7 where there was no variant, but v8 if there
	 */
	if (parts.count == 2 && strcmp(spec.arch, "arm") == 0 && strcmp(spec.variant, "v7") == 0)
		spec.variant[0] = '\0';
	if (parts.count == 3 && strcmp(spec.arch, "arm64") == 0 && !spec.variant[0])
		strcpy(spec.variant, "v8");
	*out = spec;
	return OK;
}

static void spec_print(const struct spec *spec, bool json)
{
	owned(str) char *text = NULL;
	owned(json) json_t *object = NULL;

	if (!json) {
		printf("%s%s%s%s/%s%s%s\n", spec->os, spec->version[0] ? "(" : "", spec->version,
		       spec->version[0] ? ")" : "", spec->arch, spec->variant[0] ? "/" : "",
		       spec->variant);
		return;
	}
	object = json_object();
	json_object_set_new(object, "os", json_string(spec->os));
	if (spec->version[0])
		json_object_set_new(object, "os.version", json_string(spec->version));
	json_object_set_new(object, "architecture", json_string(spec->arch));
	if (spec->variant[0])
		json_object_set_new(object, "variant", json_string(spec->variant));
	text = json_text(object, false);
	puts(text);
}

struct platform_options {
	bool json, strict;
};

/* clang-format off */
static const struct option print_table[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct platform_options, json), NULL,
	  "one JSON object a line" },
};

static const struct option match_table[] = {
	{ "strict", 0, OPTION_FLAG, offsetof(struct platform_options, strict), NULL,
	  "only what is the same after normalising" },
};
/* clang-format on */

static result print_all(struct invocation *in, bool normalise, struct error *err)
{
	const struct platform_options *wanted = in->options;

	for (int i = 0; i < in->argc; i++) {
		struct spec spec;

		if (spec_parse(in->argv[i], &spec, err))
			return FAILED;
		if (normalise)
			spec_normalise(&spec);
		spec_print(&spec, wanted->json);
	}
	return OK;
}

static result parse_run(struct invocation *in, struct error *err)
{
	return print_all(in, false, err);
}

static result normalize_run(struct invocation *in, struct error *err)
{
	return print_all(in, true, err);
}

/** "v9.2" as 9 and 2; `none` is the major version of no variant. */
static bool version_read(const char *variant, int none, int *major, int *minor)
{
	char rest;

	*major = none;
	*minor = 0;
	return !*variant || sscanf(variant, "v%2d.%2d%c", major, minor, &rest) == 2 ||
	       (*minor = 0, sscanf(variant, "v%2d%c", major, &rest) == 1);
}

/** Steps down from what a 64-bit Arm runs best: 9.y, 8.(y + 5), then 32 bits. */
static int arm64_rank(const struct spec *wanted, const struct spec *offered)
{
	int w_major, w_minor, o_major, o_minor, steps;

	if (!version_read(wanted->variant, 8, &w_major, &w_minor))
		return -1;
	steps = w_major == 9 ? w_minor + 1 + w_minor + 5 + 1 : w_minor + 1;
	if (strcmp(offered->arch, "arm") == 0)
		return version_read(offered->variant, 7, &o_major, &o_minor) && o_minor == 0 &&
				       o_major >= 5 && o_major <= 8
			       ? steps + 8 - o_major
			       : -1;
	if (strcmp(offered->arch, "arm64") != 0 ||
	    !version_read(offered->variant, 8, &o_major, &o_minor))
		return -1;
	if (o_major == w_major)
		return o_minor <= w_minor ? w_minor - o_minor : -1;
	if (w_major == 9 && o_major == 8 && o_minor <= w_minor + 5)
		return w_minor + 1 + w_minor + 5 - o_minor;
	return -1;
}

/** How far down `offered` stands on the list of what runs on `wanted`; -1: not on it. */
static int rank(const struct spec *wanted, const struct spec *offered, bool strict)
{
	int want, have, minor;

	if (strcmp(wanted->os, offered->os) != 0)
		return -1;
	if (strcmp(wanted->arch, offered->arch) == 0 &&
	    strcmp(wanted->variant, offered->variant) == 0)
		return 0;
	if (strict)
		return -1;
	if (strcmp(wanted->arch, "arm64") == 0)
		return arm64_rank(wanted, offered);
	if (strcmp(wanted->arch, "amd64") == 0 && version_read(wanted->variant, 1, &want, &minor)) {
		if (strcmp(offered->arch, "386") == 0)
			return offered->variant[0] ? -1 : want;
		if (strcmp(offered->arch, "amd64") != 0 ||
		    !version_read(offered->variant, 1, &have, &minor))
			return -1;
		return have < want ? want - have : -1;
	}
	if (strcmp(wanted->arch, "arm") == 0 && strcmp(offered->arch, "arm") == 0 &&
	    version_read(wanted->variant, 7, &want, &minor) &&
	    version_read(offered->variant, 7, &have, &minor))
		return have < want && have >= 5 ? want - have : -1;
	return -1;
}

struct offer {
	const char *text;
	int rank, place;
};

static int offer_compare(const void *a, const void *b)
{
	const struct offer *left = a, *right = b;

	return left->rank != right->rank ? (left->rank > right->rank) - (left->rank < right->rank)
					 : left->place - right->place;
}

static result match_run(struct invocation *in, struct error *err)
{
	const struct platform_options *options = in->options;
	struct offer *offers = xcalloc((size_t)in->argc, sizeof(*offers));
	struct spec wanted, offered;
	size_t count = 0;
	result done = spec_parse(in->argv[0], &wanted, err);

	spec_normalise(&wanted);
	for (int i = 1; i < in->argc && !done; i++) {
		done = spec_parse(in->argv[i], &offered, err);
		if (done)
			break;
		spec_normalise(&offered);
		offers[count] =
			(struct offer){ in->argv[i], rank(&wanted, &offered, options->strict), i };
		count += offers[count].rank >= 0;
	}
	if (!done) {
		qsort(offers, count, sizeof(*offers), offer_compare);
		for (size_t i = 0; i < count; i++)
			puts(offers[i].text);
		if (!count)
			done = fail(err, FAULT_MISSING, "none of these runs on %s", in->argv[0]);
	}
	free(offers);
	return done;
}

static const struct command command_parse = {
	.name = "parse",
	.arguments = "[OPTIONS] PLATFORM...",
	.summary = "Print platforms as os/arch[/variant]",
	.example = "mpemu platform parse aarch64 armhf linux/arm64/v8",
	.text = "A single word is a system if it is a known one, else an architecture.",
	.options = print_table,
	.option_count = countof(print_table),
	.options_size = sizeof(struct platform_options),
	.arguments_min = 1,
	.arguments_max = -1,
	.run = parse_run,
};

static const struct command command_normalize = {
	.name = "normalize",
	.arguments = "[OPTIONS] PLATFORM...",
	.summary = "Print platforms in the form in which they are compared",
	.example = "mpemu platform normalize linux/arm linux/arm64/v8",
	.options = print_table,
	.option_count = countof(print_table),
	.options_size = sizeof(struct platform_options),
	.arguments_min = 1,
	.arguments_max = -1,
	.run = normalize_run,
};

static const struct command command_match = {
	.name = "match",
	.arguments = "[OPTIONS] WANTED OFFERED...",
	.summary = "Print those platforms whose images run on another, the best first",
	.example = "mpemu platform match linux/arm/v7 linux/arm/v6 linux/arm64",
	.text = "This is how containerd picks an image.  Where none runs, the exit status is 5.",
	.options = match_table,
	.option_count = countof(match_table),
	.options_size = sizeof(struct platform_options),
	.arguments_min = 2,
	.arguments_max = -1,
	.run = match_run,
};

static const struct command *const subcommands[] = {
	&command_parse,
	&command_normalize,
	&command_match,
	NULL,
};

const struct command command_platform = {
	.name = "platform",
	.arguments = "COMMAND",
	.summary = "Parse, normalize and compare names of platforms",
	.example = "mpemu platform normalize aarch64",
	.subcommands = subcommands,
};
