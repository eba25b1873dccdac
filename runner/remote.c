/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/remote.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { REMOTE_MAX = 4096 };

void remote_drop(struct remote *remote)
{
	free(remote->url);
	free(remote->name);
	free(remote->ref);
	free(remote->subdir);
	free(remote->checksum);
	*remote = (struct remote){};
}

bool is_commit(const char *text)
{
	size_t length = strspn(text, "0123456789abcdef");

	return !text[length] && (length == 40 || length == 64);
}

/** The length of "scheme://" at the start, 0 where there is none. */
static size_t scheme_length(const char *text)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]))
		length++;
	return length && starts_with(text + length, "://") ? length : 0;
}

/** "user@host:path", as scp and git have it. */
static bool is_scp_style(const char *text)
{
	size_t user = strcspn(text, "@:/#?"), host;

	if (!user || text[user] != '@')
		return false;
	host = strcspn(text + user + 1, ":/@#?");
	return host && text[user + 1 + host] == ':' && text[user + 2 + host];
}

/** Where the path of "scheme://host/path" begins and ends, query and fragment left out. */
static void url_path(const char *text, size_t scheme, const char **path, size_t *length)
{
	const char *host = text + scheme + 3;

	*path = host + strcspn(host, "/?#");
	*length = strcspn(*path, "?#");
}

static int hex_value(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/** A part of a URL with its %XX undone; NUL and malformed ones are kept as written. */
static char *url_unescape(const char *text, size_t length, bool plus_is_blank)
{
	owned(buf) struct buf out = {};

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '%' && i + 2 < length && isxdigit((unsigned char)text[i + 1]) &&
		    isxdigit((unsigned char)text[i + 2]) &&
		    (text[i + 1] != '0' || text[i + 2] != '0')) {
			buf_add_char(&out,
				     (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])));
			i += 2;
		} else {
			buf_add_char(&out, plus_is_blank && text[i] == '+' ? ' ' : text[i]);
		}
	}
	return xstrdup(buf_text(&out));
}

/** "#REF:SUBDIR" */
static void fragment_read(const char *fragment, struct remote *remote)
{
	owned(str) char *whole = url_unescape(fragment, strlen(fragment), false);
	char *colon = strchr(whole, ':');

	if (colon)
		*colon++ = '\0';
	if (*whole)
		remote->ref = xstrdup(whole);
	if (colon && *colon)
		remote->subdir = xstrdup(colon);
}

static result set_once(char **field, const char *name, const char *value, struct error *err)
{
	if (!*value)
		return fail(err, FAULT_INPUT, "query \"%s\" has no value", name);
	if (*field && strcmp(*field, value) != 0)
		return fail(err, FAULT_INPUT, "%s conflicts: \"%s\" vs \"%s\"", name, *field,
			    value);
	if (!*field)
		*field = xstrdup(value);
	return OK;
}

static result choice_read(const char *name, const char *value, enum choice *out, struct error *err)
{
	static const char *const yes[] = { "", "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < countof(yes); i++) {
		if (strcmp(yes[i], value) == 0)
			return *out = CHOICE_YES, OK;
	}
	for (size_t i = 0; i < countof(no); i++) {
		if (strcmp(no[i], value) == 0)
			return *out = CHOICE_NO, OK;
	}
	return fail(err, FAULT_INPUT, "invalid %s value: \"%s\"", name, value);
}

/** The name below refs/heads or refs/tags, written out. */
static result ref_in(const char *prefix, const char *name, const char *value, char **field,
		     struct error *err)
{
	owned(str) char *full = starts_with(value, prefix) || !*value
					? xstrdup(value)
					: xasprintf("%s%s", prefix, value);

	return set_once(field, name, full, err);
}

static result query_read(const char *name, const char *value, struct remote *remote,
			 struct error *err)
{
	if (strcmp(name, "ref") == 0)
		return set_once(&remote->ref, name, value, err);
	if (strcmp(name, "branch") == 0)
		return ref_in("refs/heads/", name, value, &remote->ref, err);
	if (strcmp(name, "tag") == 0)
		return ref_in("refs/tags/", name, value, &remote->ref, err);
	if (strcmp(name, "subdir") == 0)
		return set_once(&remote->subdir, name, value, err);
	if (strcmp(name, "checksum") == 0 || strcmp(name, "commit") == 0)
		return set_once(&remote->checksum, name, value, err);
	if (strcmp(name, "keep-git-dir") == 0)
		return choice_read(name, value, &remote->keep_git_dir, err);
	if (strcmp(name, "submodules") == 0)
		return choice_read(name, value, &remote->submodules, err);
	return fail(err, FAULT_INPUT, "unexpected query \"%s\"", name);
}

/** "?ref=v1&subdir=docs" */
static result queries_read(const char *query, size_t length, struct remote *remote,
			   struct error *err)
{
	owned(str) char *copy = xstrndup(query, length);
	owned(strings) struct strings parts = {};

	strings_split(&parts, copy, '&');
	for (size_t i = 0; i < parts.count; i++) {
		size_t at = strcspn(parts.items[i], "=");
		const char *text = parts.items[i] + at + (parts.items[i][at] == '=');
		owned(str) char *name = url_unescape(parts.items[i], at, true);
		owned(str) char *value = url_unescape(text, strlen(text), true);

		if (*parts.items[i] && query_read(name, value, remote, err))
			return FAILED;
	}
	if (remote->checksum && !remote->ref)
		remote->ref = xstrdup(remote->checksum);
	return OK;
}

/** What git could take for an option, or a shell for more, is nobody's branch. */
static result git_check(const struct remote *remote, struct error *err)
{
	const char *host = strstr(remote->url, "://");
	const char *at;

	host = host ? host + 3 : remote->url;
	at = strpbrk(host, "@/");
	if (*host == '-' || *host == '/' || !*host || (at && *at == '@' && at[1] == '-'))
		return fail(err, FAULT_INPUT, "'%.200s' has no host that makes sense", remote->url);
	if (remote->ref && (*remote->ref == '-' || strpbrk(remote->ref, " ~^:?*[\\") ||
			    strstr(remote->ref, "..") || strstr(remote->ref, "@{")))
		return fail(err, FAULT_INPUT, "'%.200s' is no name of a branch, tag or commit",
			    remote->ref);
	if (remote->checksum &&
	    (!*remote->checksum || remote->checksum[strspn(remote->checksum, "0123456789abcdef")]))
		return fail(err, FAULT_INPUT, "'%.200s' is no commit", remote->checksum);
	return OK;
}

static result git_parse(const char *text, struct remote *remote, struct error *err)
{
	size_t end = strcspn(text, "#"), query = strcspn(text, "?#");

	remote->url = xstrndup(text, query);
	if (text[end] && strncmp(text + end, "##", 2) == 0)
		return fail(err, FAULT_INPUT, "'%.200s': the form with ## is not supported", text);
	if (text[end])
		fragment_read(text + end + 1, remote);
	if (query < end && queries_read(text + query + 1, end - query - 1, remote, err))
		return FAILED;
	return git_check(remote, err);
}

static char *http_name(const char *path, size_t length)
{
	owned(str) char *whole = url_unescape(path, length, false);
	size_t end = strlen(whole);
	const char *slash;

	while (end && whole[end - 1] == '/')
		whole[--end] = '\0';
	slash = strrchr(whole, '/');
	slash = slash ? slash + 1 : whole;
	if (!*slash || strcmp(slash, ".") == 0 || strcmp(slash, "..") == 0 || strlen(slash) > 255)
		return xstrdup("__unnamed__");
	return xstrdup(slash);
}

static result http_check(const char *text, size_t scheme, struct error *err)
{
	const char *host = text + scheme + 3;
	size_t length = strcspn(host, "/?#");

	if (memchr(host, '@', length))
		return fail(err, FAULT_INPUT,
			    "user name and password in a URL are not supported yet by this version "
			    "of mpemu");
	return length ? OK : fail(err, FAULT_INPUT, "'%.200s' has no host", text);
}

static result kind_parse(const char *text, struct remote *remote, struct error *err)
{
	size_t scheme = scheme_length(text), length;
	const char *path;

	if (!scheme) {
		if (!is_scp_style(text))
			return OK;
		remote->kind = REMOTE_GIT;
		return git_parse(text, remote, err);
	}
	url_path(text, scheme, &path, &length);
	if (strncasecmp(text, "git://", 6) == 0 || strncasecmp(text, "ssh://", 6) == 0) {
		remote->kind = REMOTE_GIT;
		return git_parse(text, remote, err);
	}
	/* As BuildKit: what is no http(s) in lower case is a path, whatever it looks like. */
	if (!starts_with(text, "http://") && !starts_with(text, "https://"))
		return OK;
	if (length >= 4 && strncmp(path + length - 4, ".git", 4) == 0) {
		remote->kind = REMOTE_GIT;
		return git_parse(text, remote, err);
	}
	remote->kind = REMOTE_HTTP;
	remote->url = xstrdup(text);
	remote->name = http_name(path, length);
	return http_check(text, scheme, err);
}

result remote_parse(const char *text, struct remote *out, struct error *err)
{
	struct remote remote = {};

	if (kind_parse(text, &remote, err)) {
		remote_drop(&remote);
		return FAILED;
	}
	if (remote.kind != REMOTE_NONE && strlen(text) > REMOTE_MAX) {
		remote_drop(&remote);
		return fail(err, FAULT_INPUT, "a URL of more than %d bytes", REMOTE_MAX);
	}
	for (const char *c = text; remote.kind != REMOTE_NONE && *c; c++) {
		if ((unsigned char)*c > ' ' && *c != 0x7f)
			continue;
		remote_drop(&remote);
		return fail(err, FAULT_INPUT, "a blank or control character in a URL");
	}
	*out = remote;
	return OK;
}
