/* SPDX-License-Identifier: Apache-2.0 */
/**
 * `mpemu login` and `mpemu logout`: credentials in the file that docker and podman use.
 */
#include "registry/registry.h"
#include "runner/command.h"

#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PASSWORD_BYTES_MAX = 64 << 10 };

struct login_options {
	const char *user, *auth_file;
	bool password_stdin, insecure;
};

static const struct option login_options[] = {
	{ "username", 'u', OPTION_TEXT, offsetof(struct login_options, user), "NAME", "user name" },
	{ "password-stdin", 0, OPTION_FLAG, offsetof(struct login_options, password_stdin), NULL,
	  "read the password from standard input" },
	{ "insecure", 0, OPTION_FLAG, offsetof(struct login_options, insecure), NULL,
	  "allow plain HTTP and certificates that cannot be verified" },
	{ "authfile", 0, OPTION_TEXT, offsetof(struct login_options, auth_file), "FILE",
	  "where to keep them (default: $REGISTRY_AUTH_FILE, ~/.docker/config.json)" },
};

static const struct option logout_options[] = {
	{ "authfile", 0, OPTION_TEXT, offsetof(struct login_options, auth_file), "FILE",
	  "where they are (default: $REGISTRY_AUTH_FILE, ~/.docker/config.json)" },
};

/** The registry that the argument names, as references have it; docker.io where there is none. */
static result host_read(const struct invocation *in,
			char out[sizeof(((struct reference *)0)->host)], struct error *err)
{
	const char *given = in->argc ? in->argv[0] : "docker.io";
	owned(str) char *name = xasprintf("%s/x/x", given);
	struct reference ref;

	/* What is no host by Docker's rules would be taken for a part of the path. */
	if (strchr(given, '/') || reference_parse(name, &ref, err) ||
	    strcmp(ref.repository, "x/x") != 0)
		return fail(err, FAULT_USAGE,
			    "'%.200s' is not a registry: want HOST[:PORT], such as docker.io",
			    given);
	memcpy(out, ref.host, sizeof(ref.host));
	return OK;
}

/** All of standard input but the newline that ends it. */
static result password_read(struct buf *out, struct error *err)
{
	if (read_all(STDIN_FILENO, PASSWORD_BYTES_MAX, out, err))
		return fail_in(err, "password");
	while (out->length &&
	       (out->data[out->length - 1] == '\n' || out->data[out->length - 1] == '\r'))
		out->data[--out->length] = '\0';
	if (strlen(buf_text(out)) != out->length)
		return fail(err, FAULT_INPUT, "password: has a NUL byte");
	return OK;
}

static result login_run(struct invocation *in, struct error *err)
{
	const struct login_options *chosen = in->options;
	struct transport transport = {
		.insecure = chosen->insecure,
		.auth_file = chosen->auth_file,
	};
	char host[sizeof(((struct reference *)0)->host)];
	owned(buf) struct buf password = {};
	result status;

	if (!chosen->user)
		return fail(err, FAULT_USAGE, "--username is needed");
	if (!chosen->password_stdin)
		return fail(err, FAULT_USAGE,
			    "--password-stdin is needed: the password is read from standard input");
	if (host_read(in, host, err) || password_read(&password, err))
		return FAILED;
	status = registry_login(in->ctx, host, chosen->user, buf_text(&password), &transport, err);
	if (password.data)
		explicit_bzero(password.data, password.length);
	if (status == OK)
		progress_note(in->ctx, "logged in to %s as %s", host, chosen->user);
	return status;
}

static result logout_run(struct invocation *in, struct error *err)
{
	const struct login_options *chosen = in->options;
	struct transport transport = { .auth_file = chosen->auth_file };
	char host[sizeof(((struct reference *)0)->host)];
	bool found = false;

	if (host_read(in, host, err) || registry_logout(host, &transport, &found, err))
		return FAILED;
	progress_note(in->ctx, found ? "logged out of %s" : "was not logged in to %s", host);
	return OK;
}

const struct command command_login = {
	.name = "login",
	.arguments = "[OPTIONS] [HOST[:PORT]]",
	.summary = "Keep user name and password for a registry",
	.example = "mpemu login --username me --password-stdin registry.example.com <password.txt",
	.text = "They are tried first, and kept as docker keeps them, readable by you only: in "
		"the\n"
		"file's \"auths\". Without HOST the registry is docker.io.\n",
	.options = login_options,
	.option_count = countof(login_options),
	.options_size = sizeof(struct login_options),
	.arguments_min = 0,
	.arguments_max = 1,
	.run = login_run,
};

const struct command command_logout = {
	.name = "logout",
	.arguments = "[OPTIONS] [HOST[:PORT]]",
	.summary = "Forget user name and password for a registry",
	.example = "mpemu logout registry.example.com",
	.options = logout_options,
	.option_count = countof(logout_options),
	.options_size = sizeof(struct login_options),
	.arguments_min = 0,
	.arguments_max = 1,
	.run = logout_run,
};
