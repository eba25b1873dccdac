/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/run_program.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { ENV_FILE_MAX = 1 << 20, WORDS_MAX = 4096 };

void run_program_drop(struct run_program *program)
{
	strings_drop(&program->env);
	strings_drop(&program->argv);
	free(program->user);
	free(program->cwd);
	*program = (struct run_program){};
}

/** "NAME=value", or "NAME" for what it is here; nothing where it is not set here. */
static void env_take(struct strings *env, const char *text)
{
	const char *equals = strchr(text, '=');
	owned(str) char *name = xstrndup(text, strcspn(text, "="));
	const char *value = equals ? equals + 1 : getenv(name);

	if (value && *name)
		env_set(env, name, value);
}

static result env_file_read(struct strings *env, const char *path, struct error *err)
{
	owned(buf) struct buf text = {};
	owned(strings) struct strings lines = {};

	if (read_file(AT_FDCWD, path, ENV_FILE_MAX, &text, err))
		return fail_in(err, "--env-file");
	strings_split(&lines, buf_text(&text), '\n');
	for (size_t i = 0; i < lines.count; i++) {
		char *line = lines.items[i] + strspn(lines.items[i], " \t");

		line[strcspn(line, "\r")] = '\0';
		if (*line && *line != '#')
			env_take(env, line);
	}
	return OK;
}

static result env_collect(const struct json_at *config, const struct program_options *wanted,
			  struct strings *env, struct error *err)
{
	if (json_get_strings(config, "Env", WORDS_MAX, env, err))
		return FAILED;
	for (size_t i = 0; i < wanted->env_files.count; i++) {
		if (env_file_read(env, wanted->env_files.items[i], err))
			return FAILED;
	}
	for (size_t i = 0; i < wanted->env.count; i++)
		env_take(env, wanted->env.items[i]);
	if (!env_get(env, "PATH"))
		env_set(env, "PATH", DEFAULT_PATH);
	return OK;
}

/** Entrypoint and command, as Docker puts them together. */
static result argv_collect(const struct json_at *config, const char *entrypoint,
			   char *const *arguments, struct strings *argv, struct error *err)
{
	if (entrypoint && *entrypoint)
		strings_add(argv, entrypoint);
	if (!entrypoint && json_get_strings(config, "Entrypoint", WORDS_MAX, argv, err))
		return FAILED;
	if (*arguments)
		strings_add_all(argv, arguments);
	else if (!entrypoint && json_get_strings(config, "Cmd", WORDS_MAX, argv, err))
		return FAILED;
	if (!argv->count)
		return fail(err, FAULT_USAGE, "the image has no default command; give one");
	return OK;
}

result run_program_read(const json_t *image_config, const struct program_options *wanted,
			char *const *arguments, struct run_program *out, struct error *err)
{
	struct json_at root = json_root(image_config, "config"), config;
	const char *user = NULL, *cwd = NULL;
	owned(json) json_t *none = NULL; /* stands for a config that is absent */

	if (json_get(&root, "config", &config, err))
		return FAILED;
	if (!config.value) {
		none = json_object();
		config = json_root(none, "config.config");
	}
	if (env_collect(&config, wanted, &out->env, err) ||
	    argv_collect(&config, wanted->entrypoint, arguments, &out->argv, err) ||
	    json_find_string(&config, "User", &user, err) ||
	    json_find_string(&config, "WorkingDir", &cwd, err))
		return FAILED;
	user = wanted->user ? wanted->user : user;
	cwd = wanted->workdir ? wanted->workdir : cwd;
	out->user = xstrdup(user ? user : "");
	out->cwd = cwd && *cwd && *cwd != '/' ? xstrdup(cwd) : path_absolute(cwd ? cwd : "");
	return OK;
}
