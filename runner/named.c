/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/named.h"

#include "base/mem.h"
#include "registry/registry.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void named_free(struct named *named)
{
	free(named->name);
	free(named->value);
}

void named_list_drop(struct named_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		named_free(&list->items[i]);
	free(list->items);
	*list = (struct named_list){};
}

static result value_set(struct named *named, const char *text, struct error *err)
{
	static const char image[] = "docker-image://", layout[] = "oci-layout://";
	struct reference ref;

	named->kind = NAMED_FILES;
	if (starts_with(text, "target:") || starts_with(text, "bake:"))
		return fail(err, FAULT_USAGE, "a target of a bake file is not supported");
	if (starts_with(text, image)) {
		text += strlen(image);
		if (reference_parse(text, &ref, err)) {
			err->fault = FAULT_USAGE;
			return FAILED;
		}
		named->kind = NAMED_IMAGE;
	} else if (starts_with(text, layout)) {
		named->kind = NAMED_IMAGE;
	}
	named->value = xstrdup(text);
	return *text ? OK : (result)fail(err, FAULT_USAGE, "want NAME=VALUE");
}

static bool is_same(const struct named *a, const struct named *b)
{
	return strcasecmp(a->name, b->name) == 0 && a->has_platform == b->has_platform &&
	       (!a->has_platform || platform_equal(&a->platform, &b->platform));
}

static result named_parse(const char *text, struct named *out, struct error *err)
{
	const char *equal = strchr(text, '=');
	size_t length = equal ? (size_t)(equal - text) : 0;
	char *mark;

	if (!length)
		return fail(err, FAULT_USAGE, "want NAME=VALUE");
	out->name = xstrndup(text, length);
	mark = strstr(out->name, "::");
	if (mark == out->name)
		return fail(err, FAULT_USAGE, "want NAME=VALUE");
	if (mark) {
		*mark = '\0';
		out->has_platform = true;
		if (platform_parse(mark + 2, &out->platform, err)) {
			err->fault = FAULT_USAGE;
			return FAILED;
		}
	}
	return value_set(out, equal + 1, err);
}

result named_add(struct named_list *list, const char *text, struct error *err)
{
	struct named named = {};

	if (named_parse(text, &named, err)) {
		named_free(&named);
		return fail_in(err, "--build-context %s", text);
	}
	for (size_t i = 0; i < list->count; i++) {
		if (is_same(&list->items[i], &named)) {
			named_free(&list->items[i]);
			list->items[i] = named;
			return OK;
		}
	}
	array_grow(list->items, list->count);
	list->items[list->count++] = named;
	return OK;
}

static bool names_agree(const char *a, const char *b)
{
	struct reference one, other;
	char first[REFERENCE_TEXT_MAX], second[REFERENCE_TEXT_MAX];
	struct error ignored;

	if (strcasecmp(a, b) == 0)
		return true;
	if (reference_parse(a, &one, &ignored) || reference_parse(b, &other, &ignored))
		return false;
	return strcmp(reference_text(&one, first), reference_text(&other, second)) == 0;
}

const struct named *named_find(const struct named_list *list, const char *name,
			       const struct platform *platform)
{
	const struct named *found = NULL;

	/* Nothing is nothing. */
	if (strcmp(name, "scratch") == 0)
		return NULL;
	for (size_t i = 0; list && i < list->count; i++) {
		const struct named *named = &list->items[i];

		if (!names_agree(named->name, name))
			continue;
		if (named->has_platform && platform_equal(&named->platform, platform))
			return named;
		if (!named->has_platform)
			found = named;
	}
	return found;
}
