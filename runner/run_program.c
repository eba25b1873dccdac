/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/run_program.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <limits.h>
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
static result env_take(struct strings *env, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	owned(str) char *name = xstrndup(text, strcspn(text, "="));
	const char *value = equals ? equals + 1 : getenv(name);

	if (!*name)
		return fail(err, FAULT_USAGE, "'%s' has no name of a variable", text);
	if (value)
		env_set(env, name, value);
	return OK;
}

/** One of a file: blanks before it are nothing, in a name they are a mistake. */
static result env_line_take(struct strings *env, char *line, struct error *err)
{
	line += strspn(line, " \t");
	line[strcspn(line, "\r")] = '\0';
	if (!*line || *line == '#')
		return OK;
	if (strcspn(line, " \t") < strcspn(line, "="))
		return fail(err, FAULT_USAGE, "'%s' has blanks in the name of a variable", line);
	return env_take(env, line, err);
}

static result env_file_read(struct strings *env, const char *path, struct error *err)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	owned(buf) struct buf text = {};
	owned(strings) struct strings lines = {};
	const char *start;

	if (read_file(AT_FDCWD, path, ENV_FILE_MAX, &text, err))
		return fail_in(err, "--env-file");
	start = buf_text(&text);
	start += starts_with(start, byte_order_mark) ? strlen(byte_order_mark) : 0;
	strings_split(&lines, start, '\n');
	for (size_t i = 0; i < lines.count; i++) {
		if (env_line_take(env, lines.items[i], err))
			return fail_in(err, "--env-file %s: line %zu", path, i + 1);
	}
	return OK;
}

static void env_default(struct strings *env, const char *name, const char *value)
{
	if (!env_get(env, name))
		env_set(env, name, value);
}

static result env_collect(const struct json_at *config, const struct program_options *wanted,
			  struct run_program *out, struct error *err)
{
	struct strings *env = &out->env;

	if (json_get_strings(config, "Env", WORDS_MAX, env, err))
		return FAILED;
	for (size_t i = 0; i < wanted->env_files.count; i++) {
		if (env_file_read(env, wanted->env_files.items[i], err))
			return FAILED;
	}
	for (size_t i = 0; i < wanted->env.count; i++) {
		if (env_take(env, wanted->env.items[i], err))
			return fail_in(err, "-e");
	}
	env_default(env, "PATH", DEFAULT_PATH);
	env_default(env, "HOSTNAME", out->hostname);
	if (wanted->terminal)
		env_default(env, "TERM", "xterm");
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
	out->hostname = wanted->hostname && *wanted->hostname ? wanted->hostname : "localhost";
	if (strlen(out->hostname) > HOST_NAME_MAX)
		return fail(err, FAULT_USAGE, "--hostname: more than %d characters", HOST_NAME_MAX);
	if (env_collect(&config, wanted, out, err) ||
	    argv_collect(&config, wanted->entrypoint, arguments, &out->argv, err) ||
	    json_find_string(&config, "User", &user, err) ||
	    json_find_string(&config, "WorkingDir", &cwd, err))
		return FAILED;
	user = wanted->user ? wanted->user : user;
	cwd = wanted->workdir ? wanted->workdir : cwd;
	if (wanted->workdir && *cwd != '/')
		return fail(err, FAULT_USAGE, "-w %s: want an absolute path", cwd);
	out->user = xstrdup(user ? user : "");
	out->cwd = cwd && *cwd && *cwd != '/' ? xstrdup(cwd) : path_absolute(cwd ? cwd : "");
	return OK;
}
