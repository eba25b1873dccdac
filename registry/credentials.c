/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Docker's config.json: which entry belongs to a repository, and changing one of them.
 *
 * "auths" is asked before the helpers, so that what `mpemu login` wrote is what counts.
 */
#include "registry/credentials.h"

#include "base/base64.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

static const char docker_host[] = "docker.io", docker_server[] = "https://index.docker.io/v1/";

/** Names by which files know Docker Hub. */
static const char *const docker_hosts[] = { "docker.io", "index.docker.io",
					    "registry-1.docker.io" };

/** What may follow the host in a key that stands for all of the host. */
static const char *const whole_host[] = { "", "/", "/v1", "/v1/", "/v2", "/v2/" };

void credentials_drop(struct credentials *credentials)
{
	str_drop(&credentials->user);
	if (credentials->password)
		explicit_bzero(credentials->password, strlen(credentials->password));
	str_drop(&credentials->password);
	str_drop(&credentials->identity_token);
}

/* ---- base64 ---- */

static char *base64_text(const char *text)
{
	struct buf encoded = {};

	base64_encode(text, strlen(text), &encoded);
	return buf_take(&encoded);
}

/** NULL where it is no base64 or holds a NUL; padding may be missing. */
static char *base64_plain(const char *text)
{
	const size_t length = strlen(text);
	struct buf plain = {};

	if (length > CREDENTIALS_BYTES_MAX || !base64_decode(text, length, &plain) ||
	    strlen(buf_text(&plain)) != plain.length) {
		buf_drop(&plain);
		return NULL;
	}
	return buf_take(&plain);
}

char *credentials_basic(const struct credentials *credentials)
{
	owned(str) char *pair = xasprintf("%s:%s", credentials->user, credentials->password);
	owned(str) char *encoded = base64_text(pair);

	return xasprintf("Basic %s", encoded);
}

/* ---- the file ---- */

static char *home_directory(void)
{
	const char *home = getenv("HOME");
	char room[4096];
	struct passwd entry, *found = NULL;

	if (home && *home)
		return xstrdup(home);
	if (getpwuid_r(geteuid(), &entry, room, sizeof(room), &found) == 0 && found)
		return xstrdup(found->pw_dir);
	return xstrdup("/");
}

static char *file_path(const char *file)
{
	const char *registry = getenv("REGISTRY_AUTH_FILE"), *docker = getenv("DOCKER_CONFIG");
	owned(str) char *home = NULL;

	if (file && *file)
		return xstrdup(file);
	if (registry && *registry)
		return xstrdup(registry);
	if (docker && *docker)
		return xasprintf("%s/config.json", docker);
	home = home_directory();
	return xasprintf("%s/.docker/config.json", home);
}

/** The document; one that is not there is an empty object. */
static result config_load(const char *path, json_t **out, struct error *err)
{
	owned(buf) struct buf text = {};

	if (read_file(AT_FDCWD, path, CREDENTIALS_BYTES_MAX, &text, err)) {
		if (err->fault != FAULT_SYSTEM || (err->sys != ENOENT && err->sys != ENOTDIR))
			return FAILED;
		*out = json_object();
		return OK;
	}
	if (text.length == 0) { /* podman and CI jobs make empty ones */
		*out = json_object();
		return OK;
	}
	return json_parse(buf_text(&text), text.length, path, out, err);
}

/** Where it is a link, as among files that are kept elsewhere, it stays one. */
static result config_save(const char *path, const json_t *json, struct error *err)
{
	owned(str) char *text = json_text(json, true);

	return outfile_put(path, text, strlen(text), 0600, err);
}

/** Two logins at a time must not undo each other: a lock on the directory, made if it `makes`. */
static result config_lock(const char *path, bool makes, int *out, struct error *err)
{
	const char *slash = strrchr(path, '/');
	owned(str) char *parent = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	owned(fd) int fd = makes ? open_dirs(AT_FDCWD, parent, 0700)
				 : open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && (makes || errno != ENOENT))
		return fail_sys(err, "%s", parent);
	if (fd >= 0 && lock_await(NULL, fd, LOCK_EX, err))
		return fail_in(err, "%s", parent);
	*out = fd_take(&fd);
	return OK;
}

/* ---- which entry ---- */

static bool same_host(const char *key, size_t length, const char *host)
{
	if (strlen(host) == length && memcmp(key, host, length) == 0)
		return true;
	if (strcmp(host, docker_host) != 0)
		return false;
	for (size_t i = 0; i < countof(docker_hosts); i++)
		if (strlen(docker_hosts[i]) == length && memcmp(key, docker_hosts[i], length) == 0)
			return true;
	return false;
}

/** How closely a key names a repository: 0 not, 1 its host, more: a part of its path. */
static size_t key_match(const char *key, const char *host, const char *repository)
{
	const char *path;
	size_t length;

	if (starts_with(key, "https://"))
		key += strlen("https://");
	else if (starts_with(key, "http://"))
		key += strlen("http://");
	path = key + strcspn(key, "/");
	if (!same_host(key, (size_t)(path - key), host))
		return 0;
	for (size_t i = 0; i < countof(whole_host); i++)
		if (strcmp(path, whole_host[i]) == 0)
			return 1;
	length = strlen(path + 1);
	if (strncmp(repository, path + 1, length) != 0 ||
	    (repository[length] && repository[length] != '/'))
		return 0;
	return 1 + length;
}

/** One entry of "auths"; one that is empty (a helper has the secret) leaves `out` empty. */
static result entry_read(const struct json_at *entry, struct credentials *out, struct error *err)
{
	const char *auth = NULL, *token = NULL, *colon;
	owned(str) char *plain = NULL;

	if (json_find_string(entry, "auth", &auth, err) ||
	    json_find_string(entry, "identitytoken", &token, err))
		return FAILED;
	if (token && *token) {
		out->identity_token = xstrdup(token);
		return OK;
	}
	if (!auth || !*auth)
		return OK;
	plain = base64_plain(auth);
	colon = plain ? strchr(plain, ':') : NULL;
	if (!colon)
		return fail(err, FAULT_AUTH, "%s.auth: not the base64 of USER:PASSWORD",
			    entry->path);
	out->user = xstrndup(plain, (size_t)(colon - plain));
	out->password = xstrdup(colon + 1);
	explicit_bzero(plain, strlen(plain));
	return OK;
}

static result find_in_auths(const struct json_at *root, const char *host, const char *repository,
			    struct credentials *out, struct error *err)
{
	struct json_at auths, entry;
	size_t best = 0;
	const char *key;
	json_t *value;

	if (json_get(root, "auths", &auths, err))
		return FAILED;
	json_object_foreach((json_t *)auths.value, key, value)
	{
		owned(credentials) struct credentials found = {};
		size_t match = key_match(key, host, repository);

		if (match <= best)
			continue;
		if (json_get(&auths, key, &entry, err))
			return FAILED;
		if (!entry.value)
			continue;
		if (entry_read(&entry, &found, err))
			return FAILED;
		if (!credentials_exist(&found))
			continue;
		best = match;
		credentials_drop(out);
		*out = found;
		found = (struct credentials){};
	}
	return OK;
}

/** The name of the helper for a host, or NULL. */
static result helper_find(const struct json_at *root, const char *host, const char **out,
			  struct error *err)
{
	struct json_at helpers;
	const char *key;
	json_t *value;

	*out = NULL;
	if (json_get(root, "credHelpers", &helpers, err))
		return FAILED;
	json_object_foreach((json_t *)helpers.value, key, value)
	{
		if (key_match(key, host, "") == 1)
			return json_get_string(&helpers, key, out, err);
	}
	return json_find_string(root, "credsStore", out, err);
}

result credentials_find(const struct ctx *ctx, const char *file, const char *host,
			const char *repository, struct credentials *out, struct error *err)
{
	owned(str) char *path = file_path(file);
	owned(json) json_t *json = NULL;
	struct json_at root;
	const char *helper = NULL;

	if (config_load(path, &json, err))
		return FAILED;
	root = json_root(json, path);
	if (find_in_auths(&root, host, repository, out, err))
		return FAILED;
	if (credentials_exist(out))
		return OK;
	if (helper_find(&root, host, &helper, err))
		return FAILED;
	if (!helper || !*helper)
		return OK;
	return helper_get(ctx, helper, strcmp(host, docker_host) == 0 ? docker_server : host, out,
			  err);
}

/* ---- login and logout ---- */

static const char *key_of(const char *host)
{
	return strcmp(host, docker_host) == 0 ? docker_server : host;
}

/** "auths" of the document, made where it is absent; borrowed. */
static result auths_of(json_t *json, const char *path, json_t **out, struct error *err)
{
	json_t *auths = json_object_get(json, "auths");

	if (!json_is_object(json) || (auths && !json_is_object(auths)))
		return fail(err, FAULT_INPUT, "%s: auths: wrong type, want an object", path);
	if (!auths) {
		auths = json_object();
		json_object_set_new(json, "auths", auths);
	}
	*out = auths;
	return OK;
}

result credentials_store(const char *file, const char *host, const char *user, const char *password,
			 struct error *err)
{
	owned(str) char *path = file_path(file);
	owned(str) char *pair = xasprintf("%s:%s", user, password);
	owned(str) char *encoded = base64_text(pair);
	owned(json) json_t *json = NULL;
	owned(fd) int lock = -1;
	json_t *auths = NULL, *entry;

	if (config_lock(path, true, &lock, err) || config_load(path, &json, err) ||
	    auths_of(json, path, &auths, err))
		return FAILED;
	entry = json_object();
	json_object_set_new(entry, "auth", json_string(encoded));
	json_object_set_new(auths, key_of(host), entry);
	return config_save(path, json, err);
}

result credentials_remove(const char *file, const char *host, bool *found, struct error *err)
{
	owned(str) char *path = file_path(file);
	owned(json) json_t *json = NULL;
	owned(fd) int lock = -1;
	json_t *auths = NULL, *value;
	const char *key;
	void *next;
	bool any = false;

	if (config_lock(path, false, &lock, err) || config_load(path, &json, err) ||
	    auths_of(json, path, &auths, err))
		return FAILED;
	json_object_foreach_safe(auths, next, key, value)
	{
		if (key_match(key, host, "") == 1) {
			any = true;
			json_object_del(auths, key);
		}
	}
	if (any && config_save(path, json, err))
		return FAILED;
	*found = any;
	return OK;
}
