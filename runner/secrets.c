/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/secrets.h"

#include "base/fd.h"
#include "base/mem.h"
#include "runner/fields.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/** BuildKit's own limit. */
enum { SECRET_SIZE_MAX = 500 * 1024 };

void secrets_drop(struct secrets *secrets)
{
	for (size_t i = 0; i < secrets->count; i++) {
		free(secrets->items[i].id);
		free(secrets->items[i].file);
		free(secrets->items[i].variable);
	}
	for (size_t i = 0; i < secrets->agent_count; i++) {
		free(secrets->agents[i].id);
		free(secrets->agents[i].socket);
		agent_keys_drop(&secrets->agents[i].keys);
	}
	free(secrets->items);
	free(secrets->agents);
	*secrets = (struct secrets){};
}

/** The words of a --secret. */
struct words {
	const char *id, *type, *source, *variable;
};

static result word_take(struct words *words, char *field, struct error *err)
{
	static const char *const known[] = { "id", "type", "src", "source", "env" };
	char *equals = strchr(field, '=');
	char hint[HINT_MAX];

	if (!equals)
		return fail(err, FAULT_USAGE, "invalid field '%s' must be a key=value pair", field);
	*equals++ = '\0';
	if (strcasecmp(field, "id") == 0)
		words->id = equals;
	else if (strcasecmp(field, "type") == 0)
		words->type = equals;
	else if (strcasecmp(field, "src") == 0 || strcasecmp(field, "source") == 0)
		words->source = equals;
	else if (strcasecmp(field, "env") == 0)
		words->variable = equals;
	else
		return fail(err, FAULT_USAGE, "unexpected key '%s'%s", field,
			    hint_text("", nearest(field, known, countof(known)), hint));
	return OK;
}

static result words_check(struct words *words, struct error *err)
{
	bool is_env = words->type && strcmp(words->type, "env") == 0;

	if (words->type && !is_env && strcmp(words->type, "file") != 0)
		return fail(err, FAULT_USAGE, "unsupported secret type \"%s\": want file or env",
			    words->type);
	if (!words->id || !*words->id)
		return fail(err, FAULT_USAGE, "the secret has no id: want id=NAME,src=FILE");
	if (is_env && !words->variable) {
		words->variable = words->source;
		words->source = NULL;
	}
	if (words->source && words->variable)
		return fail(err, FAULT_USAGE, "src and env cannot both be given");
	/* As buildx has it: the id alone names a variable, or else a file. */
	if (!words->source && !words->variable && getenv(words->id))
		words->variable = words->id;
	if (!words->source && !words->variable)
		words->source = words->id;
	return OK;
}

/** A secret that is not there would be found missing only by the step that needs it. */
static result secret_check(const struct words *words, struct error *err)
{
	struct stat info;

	if (words->variable && !getenv(words->variable))
		return fail(err, FAULT_USAGE, "the environment has no variable %s",
			    words->variable);
	if (words->variable)
		return OK;
	if (stat(words->source, &info) < 0) {
		(void)fail_sys(err, "%s", words->source);
		err->fault = FAULT_USAGE;
		return FAILED;
	}
	if (S_ISREG(info.st_mode) && info.st_size > SECRET_SIZE_MAX)
		return fail(err, FAULT_USAGE, "%s is larger than %d bytes", words->source,
			    SECRET_SIZE_MAX);
	return OK;
}

result secrets_add(struct secrets *secrets, const char *text, struct error *err)
{
	owned(strings) struct strings fields = {};
	struct words words = {};
	bool failed = fields_split(text, &fields, err);

	for (size_t i = 0; !failed && i < fields.count; i++)
		failed = word_take(&words, fields.items[i], err);
	/* Not the whole option: somebody may have typed the secret itself. */
	if (failed || words_check(&words, err) || secret_check(&words, err))
		return fail_in(err, "--secret");
	array_grow(secrets->items, secrets->count);
	secrets->items[secrets->count++] = (struct secret){
		.id = xstrdup(words.id),
		.file = words.variable ? NULL : xstrdup(words.source),
		.variable = words.variable ? xstrdup(words.variable) : NULL,
	};
	return OK;
}

static bool is_socket(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISSOCK(info.st_mode);
}

/** The agent that runs here already. */
static result agent_lend(const char *text, const char *socket, struct agent *out, struct error *err)
{
	if (!socket || !*socket)
		return fail(err, FAULT_USAGE,
			    "--ssh %s: there is no agent: SSH_AUTH_SOCK is not set; start one "
			    "with 'eval $(ssh-agent)' and 'ssh-add'",
			    text);
	if (!is_socket(socket))
		return fail(err, FAULT_USAGE, "--ssh %s: %s is not an agent's socket", text,
			    socket);
	out->socket = xstrdup(socket);
	return OK;
}

/** Paths behind the id: one socket, or files with keys. */
static result agent_make(const char *text, const char *paths, struct agent *out, struct error *err)
{
	owned(strings) struct strings files = {};

	strings_split(&files, paths, ',');
	if (files.count == 1 && is_socket(files.items[0]))
		return agent_lend(text, files.items[0], out, err);
	for (size_t i = 0; i < files.count; i++) {
		if (is_socket(files.items[i]))
			return fail(err, FAULT_USAGE,
				    "--ssh %s: %s is an agent's socket, which goes alone", text,
				    files.items[i]);
	}
	if (agent_keys_start(&files, &out->keys, err))
		return fail_in(err, "--ssh %s", text);
	out->socket = xstrdup(agent_keys_socket(out->keys));
	return OK;
}

result secrets_add_agent(struct secrets *secrets, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	owned(str) char *id = xstrndup(text, strcspn(text, "="));
	struct agent agent = {};

	if (!*id)
		return fail(err, FAULT_USAGE, "--ssh %s: want default or ID=SOCKET|KEY[,KEY]",
			    text);
	if (secrets_agent(secrets, id))
		return fail(err, FAULT_USAGE, "--ssh %s: %s is given twice", text, id);
	if (equals ? agent_make(text, equals + 1, &agent, err)
		   : agent_lend(text, getenv("SSH_AUTH_SOCK"), &agent, err))
		return FAILED;
	agent.id = take(id);
	array_grow(secrets->agents, secrets->agent_count);
	secrets->agents[secrets->agent_count++] = agent;
	return OK;
}

result secrets_read(const struct secrets *secrets, const char *id, struct buf *out, bool *found,
		    struct error *err)
{
	*found = false;
	for (size_t i = secrets->count; i-- > 0;) {
		const struct secret *secret = &secrets->items[i];

		if (strcmp(secret->id, id) != 0)
			continue;
		*found = true;
		if (secret->file)
			return read_file(AT_FDCWD, secret->file, SECRET_SIZE_MAX, out, err);
		buf_add_str(out, getenv(secret->variable));
		return OK;
	}
	return OK;
}

const char *secrets_agent(const struct secrets *secrets, const char *id)
{
	for (size_t i = 0; i < secrets->agent_count; i++) {
		if (strcmp(secrets->agents[i].id, id) == 0)
			return secrets->agents[i].socket;
	}
	return NULL;
}
