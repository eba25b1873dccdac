/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lint_print.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

static json_t *position_json(unsigned line)
{
	json_t *position = json_object();

	json_object_set_new(position, "line", json_integer(line));
	return position;
}

json_t *location_json(unsigned first_line, unsigned last_line)
{
	json_t *location = json_object(), *ranges = json_array(), *range = json_object();

	json_object_set_new(range, "start", position_json(first_line));
	json_object_set_new(range, "end", position_json(last_line));
	json_array_append_new(ranges, range);
	json_object_set_new(location, "ranges", ranges);
	return location;
}

static json_t *warning_json(const struct lint_warning *warning)
{
	const struct lint_rule_text *rule = &lint_rules[warning->rule];
	owned(str) char *url = xasprintf("%s%s/", LINT_URL, rule->page);
	owned(buf) struct buf safe = {};
	json_t *object = json_object();

	text_escape(&safe, warning->text, strlen(warning->text));
	json_object_set_new(object, "ruleName", json_string(rule->name));
	json_object_set_new(object, "description", json_string(rule->description));
	json_object_set_new(object, "url", json_string(url));
	json_object_set_new(object, "detail", json_string(buf_text(&safe)));
	json_object_set_new(object, "line", json_integer(warning->first_line));
	json_object_set_new(object, "location",
			    location_json(warning->first_line, warning->last_line));
	return object;
}

static json_t *error_json(const struct dockerfile *file, const struct error *wrong)
{
	owned(buf) struct buf safe = {};
	json_t *object = json_object();

	text_escape(&safe, wrong->text, strlen(wrong->text));
	json_object_set_new(object, "message", json_string(buf_text(&safe)));
	if (file && file->wrong)
		json_object_set_new(object, "location",
				    location_json(file->wrong->first_line, file->wrong->last_line));
	return object;
}

void lint_json(const struct lint *lint, const struct dockerfile *file, const struct error *wrong,
	       struct buf *out)
{
	owned(json) json_t *document = json_object();
	owned(str) char *text = NULL;
	json_t *warnings = json_array();

	for (size_t i = 0; lint && i < lint->count; i++)
		json_array_append_new(warnings, warning_json(&lint->warnings[i]));
	json_object_set_new(document, "warnings", warnings);
	if (wrong)
		json_object_set_new(document, "buildError", error_json(file, wrong));
	text = json_text(document, true);
	buf_printf(out, "%s\n", text);
}

void lint_text(const struct lint *lint, const char *name, struct buf *out)
{
	for (size_t i = 0; lint && i < lint->count; i++) {
		const struct lint_warning *warning = &lint->warnings[i];
		owned(buf) struct buf safe = {};

		text_escape(&safe, warning->text, strlen(warning->text));
		buf_printf(out, "%s:%u: %s: %s\n", name, warning->first_line,
			   lint_rules[warning->rule].name, buf_text(&safe));
	}
}

result lint_violations(const struct lint *lint, struct error *err)
{
	owned(buf) struct buf names = {};
	bool told[LINT_RULE_COUNT] = {};

	if (!lint->config.is_error || !lint->count)
		return OK;
	for (size_t i = 0; i < lint->count; i++) {
		if (!told[lint->warnings[i].rule])
			buf_printf(&names, "%s%s", names.length ? ", " : "",
				   lint_rules[lint->warnings[i].rule].name);
		told[lint->warnings[i].rule] = true;
	}
	return fail(err, FAULT_INPUT, "lint violation found for rules: %s", buf_text(&names));
}
