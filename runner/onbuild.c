/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/onbuild.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { TRIGGERS_MAX = 1000 };

static void entry_free(struct triggers *entry)
{
	for (size_t i = 0; i < entry->count; i++)
		dockerfile_drop(&entry->documents[i]);
	free(entry->documents);
	free(entry->image);
	free(entry);
}

void triggers_drop(struct triggers **list)
{
	while (*list) {
		struct triggers *next = (*list)->next;

		entry_free(*list);
		*list = next;
	}
}

result trigger_parse(const char *text, struct dockerfile **out, struct error *err)
{
	owned(dockerfile) struct dockerfile *document = NULL;
	enum instruction_kind kind;

	if (dockerfile_parse_one(text, strlen(text), "ONBUILD", &document, err))
		return FAILED;
	kind = document->instructions[0].kind;
	if (kind == INSTRUCTION_ONBUILD || kind == INSTRUCTION_FROM ||
	    kind == INSTRUCTION_MAINTAINER)
		return fail(err, FAULT_INPUT, "%s isn't allowed as an ONBUILD trigger",
			    document->instructions[0].keyword);
	*out = take(document);
	return OK;
}

result triggers_read(struct triggers **list, const char *image, const struct platform *platform,
		     const json_t *config, struct error *err)
{
	struct json_at root = json_root(config, "config"), inner = {};
	owned(strings) struct strings texts = {};
	owned(triggers) struct triggers *entry = NULL;

	if ((config && json_get(&root, "config", &inner, err)) ||
	    (inner.value && json_get_strings(&inner, "OnBuild", TRIGGERS_MAX, &texts, err)))
		return fail_in(err, "FROM %s", image);
	entry = xnew(struct triggers);
	entry->image = xstrdup(image);
	entry->platform = *platform;
	entry->is_here = config != NULL;
	entry->documents = xcalloc(texts.count, sizeof(struct dockerfile *));
	for (; entry->count < texts.count; entry->count++) {
		if (trigger_parse(texts.items[entry->count], &entry->documents[entry->count], err))
			return fail_in(err, "FROM %s: trigger of the base image", image);
	}
	entry->next = *list;
	*list = take(entry);
	return OK;
}

const struct triggers *triggers_of(const struct triggers *list, const char *image,
				   const struct platform *platform)
{
	while (list &&
	       (strcmp(list->image, image) != 0 || !platform_equal(&list->platform, platform)))
		list = list->next;
	return list;
}
