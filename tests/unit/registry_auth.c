/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/auth.h"
#include "tests/tap.h"

#include "base/fd.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- challenges ---- */

static const struct {
	const char *header;
	int scheme; /* -1: refused */
	const char *realm, *service, *scope;
} headers[] = {
	{ "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
	  "scope=\"repository:library/debian:pull\"",
	  AUTH_BEARER, "https://auth.docker.io/token", "registry.docker.io",
	  "repository:library/debian:pull" },
	{ "Basic realm=\"Registry Realm\"", AUTH_BASIC, "Registry Realm", "", "" },
	{ "bearer REALM=\"https://x/\"", AUTH_BEARER, "https://x/", "", "" },
	{ "Bearer realm=token", AUTH_BEARER, "token", "", "" },
	{ "Bearer realm = \"https://x/\" , service = \"s\"", AUTH_BEARER, "https://x/", "s", "" },
	{ "Bearer realm=\"a\\\"b\\\\c\"", AUTH_BEARER, "a\"b\\c", "", "" },
	{ "Basic realm=\"b\", Bearer realm=\"https://x/\"", AUTH_BEARER, "https://x/", "", "" },
	{ "Bearer realm=\"https://x/\", Basic realm=\"b\"", AUTH_BEARER, "https://x/", "", "" },
	{ "Bearer realm=\"https://x/\",scope=\"a:b:pull,push\",error=\"insufficient_scope\"",
	  AUTH_BEARER, "https://x/", "", "a:b:pull,push" },
	{ "Bearer realm=\"first\",realm=\"second\"", AUTH_BEARER, "first", "", "" },
	{ "Negotiate, Basic realm=\"b\"", AUTH_BASIC, "b", "", "" },
	{ "Negotiate YII==, Basic realm=\"b\"", AUTH_BASIC, "b", "", "" },
	{ "Digest qop=\"auth,auth-int\", nonce=abc, Basic realm=\"b\"", AUTH_BASIC, "b", "", "" },
	{ ", ,Basic realm=\"b\", ,", AUTH_BASIC, "b", "", "" },
	{ "Basic", AUTH_BASIC, "", "", "" },
	{ "Negotiate", AUTH_NONE, "", "", "" },
	{ "", AUTH_NONE, "", "", "" },
	{ "Bearer", -1, NULL, NULL, NULL },
	{ "Bearer service=\"s\"", -1, NULL, NULL, NULL },
	{ "Bearer realm=\"open", -1, NULL, NULL, NULL },
	{ "Bearer realm=\"open\\", -1, NULL, NULL, NULL },
	{ "Bearer realm=", -1, NULL, NULL, NULL },
	{ "Bearer realm=\"a\r\nX-Evil: 1\"", -1, NULL, NULL, NULL },
	{ "\"Bearer\" realm=\"x\"", -1, NULL, NULL, NULL },
	{ "Bearer realm=\"x\" service=\"y\"", -1, NULL, NULL, NULL },
};

TEST(a_challenge_is_read_as_rfc_9110_says)
{
	for (size_t i = 0; i < countof(headers); i++) {
		struct challenge got = {};
		struct error err = {};
		bool failed = challenge_parse(headers[i].header, &got, &err);

		if (!tap_check(failed == (headers[i].scheme < 0), __FILE__, __LINE__, "'%s' %s",
			       headers[i].header, failed ? err.text : "was taken"))
			continue;
		if (failed) {
			CHECK(err.fault == FAULT_INPUT);
			continue;
		}
		tap_check((int)got.scheme == headers[i].scheme, __FILE__, __LINE__, "'%s' is %d",
			  headers[i].header, got.scheme);
		CHECK_STR(got.realm, headers[i].realm);
		CHECK_STR(got.service, headers[i].service);
		CHECK_STR(got.scope, headers[i].scope);
	}
}

TEST(a_challenge_has_limits)
{
	owned(buf) struct buf header = {};
	struct challenge got = { .scheme = AUTH_BASIC };
	struct error err = {};

	buf_add_str(&header, "Bearer realm=\"");
	for (size_t i = 0; i < sizeof(got.realm); i++)
		buf_add_char(&header, 'x');
	buf_add_char(&header, '"');
	CHECK(challenge_parse(buf_text(&header), &got, &err) && err.fault == FAULT_INPUT);
	buf_clear(&header);
	for (size_t i = 0; i <= CHALLENGE_BYTES_MAX; i++)
		buf_add_char(&header, ',');
	CHECK(challenge_parse(buf_text(&header), &got, &err) && err.fault == FAULT_INPUT);
	CHECK(got.scheme == AUTH_BASIC);
}

static const struct {
	const char *realm, *registry;
	bool allowed;
} realms[] = {
	{ "https://auth.docker.io/token", "https://registry-1.docker.io", true },
	{ "https://example.com:8443/token", "https://registry.example.com", true },
	{ "http://auth.docker.io/token", "https://registry-1.docker.io", false },
	{ "http://127.0.0.1:81/token", "https://registry.example.com", false },
	{ "https://127.0.0.1:81/token", "https://registry.example.com", false },
	{ "https://169.254.169.254/latest", "https://registry.example.com", false },
	{ "http://169.254.169.254/latest", "http://registry.example.com", false },
	{ "http://[::1]/token", "http://registry.example.com", false },
	{ "https://0x7f.1/token", "https://registry.example.com", false },
	{ "file:///etc/passwd", "https://registry.example.com", false },
	{ "ftp://registry.example.com/", "https://registry.example.com", false },
	{ "token", "https://registry.example.com", false },
	{ "", "https://registry.example.com", false },
	{ "https://a b/", "https://registry.example.com", false },
	{ "https://x/\r\nHost: y", "https://registry.example.com", false },
	{ "http://127.0.0.1:5001/token", "http://127.0.0.1:5000", true },
	{ "http://localhost:5001/token", "http://127.0.0.1:5000", true },
	{ "http://insecure.example.com:81/t", "http://insecure.example.com:5000", true },
	{ "http://other.example.com/t", "http://insecure.example.com:5000", false },
	{ "https://other.example.com/t", "http://insecure.example.com:5000", true },
};

TEST(a_token_is_asked_for_only_where_credentials_may_go)
{
	for (size_t i = 0; i < countof(realms); i++) {
		struct error err = {};
		bool refused = realm_check(realms[i].realm, realms[i].registry, &err);

		tap_check(refused != realms[i].allowed, __FILE__, __LINE__, "'%s' for %s: %s",
			  realms[i].realm, realms[i].registry, refused ? err.text : "allowed");
		if (refused)
			CHECK(err.fault == FAULT_AUTH);
	}
}

/* ---- the file ---- */

/** A file of the test's own, gone at its end. */
struct scratch {
	char dir[32], file[64];
};

static struct scratch scratch_new(const char *text)
{
	struct scratch scratch = { .dir = "/tmp/mpemu-auth-XXXXXX" };
	struct error err = {};

	if (!mkdtemp(scratch.dir))
		abort();
	snprintf(scratch.file, sizeof(scratch.file), "%s/config.json", scratch.dir);
	if (text && file_replace(AT_FDCWD, scratch.file, text, strlen(text), 0600, &err))
		abort();
	return scratch;
}

static void scratch_drop(struct scratch *scratch)
{
	struct error err = {};

	(void)remove_tree(AT_FDCWD, scratch->dir, &err);
}

static struct ctx idle_ctx(void)
{
	return (struct ctx){};
}

/* user:secret, other:secret, me:a:b */
static const char auths[] = "{\"auths\": {"
			    "\"https://index.docker.io/v1/\": {\"auth\": \"dXNlcjpzZWNyZXQ=\"},"
			    "\"quay.io\": {\"auth\": \"dXNlcjpzZWNyZXQ=\"},"
			    "\"quay.io/team\": {\"auth\": \"b3RoZXI6c2VjcmV0\"},"
			    "\"https://ghcr.io/v2/\": {\"auth\": \"bWU6YTpi\"},"
			    "\"token.io\": {\"auth\": \"\", \"identitytoken\": \"abc\"},"
			    "\"empty.io\": {},"
			    "\"host:5000\": {\"auth\": \"dXNlcjpzZWNyZXQ\"}}}";

static const struct {
	const char *host, *repository, *user, *password, *token;
} lookups[] = {
	{ "docker.io", "library/debian", "user", "secret", "" },
	{ "quay.io", "other/app", "user", "secret", "" },
	{ "quay.io", "team/app", "other", "secret", "" },
	{ "quay.io", "team", "other", "secret", "" },
	{ "quay.io", "teams/app", "user", "secret", "" },
	{ "ghcr.io", "x/y", "me", "a:b", "" },
	{ "token.io", "x/y", "", "", "abc" },
	{ "empty.io", "x/y", "", "", "" },
	{ "host:5000", "x/y", "user", "secret", "" },
	{ "host", "x/y", "", "", "" },
	{ "nothing.io", "x/y", "", "", "" },
};

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

TEST(the_closest_entry_of_auths_is_found)
{
	owned(scratch) struct scratch scratch = scratch_new(auths);
	struct ctx ctx = idle_ctx();

	for (size_t i = 0; i < countof(lookups); i++) {
		owned(credentials) struct credentials got = {};
		struct error err = {};

		if (!tap_check(!credentials_find(&ctx, scratch.file, lookups[i].host,
						 lookups[i].repository, &got, &err),
			       __FILE__, __LINE__, "%s: %s", lookups[i].host, err.text))
			continue;
		CHECK_STR(or_empty(got.user), lookups[i].user);
		CHECK_STR(or_empty(got.password), lookups[i].password);
		CHECK_STR(or_empty(got.identity_token), lookups[i].token);
	}
}

static const struct {
	const char *text;
	enum fault fault;
} bad_files[] = {
	{ "{\"auths\": {\"x.io\": {\"auth\": \"bm9jb2xvbg==\"}}}", FAULT_AUTH },
	{ "{\"auths\": {\"x.io\": {\"auth\": \"!!!!\"}}}", FAULT_AUTH },
	{ "{\"auths\": {\"x.io\": {\"auth\": \"A\"}}}", FAULT_AUTH },
	{ "{\"auths\": {\"x.io\": {\"auth\": 1}}}", FAULT_INPUT },
	{ "{\"auths\": {\"x.io\": {\"auth\": \"OgA6\"}}}", FAULT_AUTH }, /* a NUL */
	{ "{\"credsStore\": \"../../x\"}", FAULT_AUTH },
	{ "{\"credsStore\": \"a b\"}", FAULT_AUTH },
	{ "{\"credHelpers\": {\"x.io\": \"/bin/sh\"}}", FAULT_AUTH },
	{ "{\"credsStore\": \"surely-not-installed\"}", FAULT_AUTH },
	{ "[]", FAULT_INPUT },
	{ "{", FAULT_INPUT },
};

TEST(a_wrong_auth_file_is_refused_and_named)
{
	for (size_t i = 0; i < countof(bad_files); i++) {
		owned(scratch) struct scratch scratch = scratch_new(bad_files[i].text);
		owned(credentials) struct credentials got = {};
		struct ctx ctx = idle_ctx();
		struct error err = {};

		tap_check(credentials_find(&ctx, scratch.file, "x.io", "a/b", &got, &err) &&
				  err.fault == bad_files[i].fault,
			  __FILE__, __LINE__, "%s: '%s'", bad_files[i].text, err.text);
	}
}

TEST(a_login_is_kept_beside_the_others_and_forgotten)
{
	owned(scratch) struct scratch scratch = scratch_new("{\"auths\": {\"a.io\": {\"auth\": "
							    "\"dXNlcjpzZWNyZXQ=\"}}, \"x\": 1}");
	owned(credentials) struct credentials got = {};
	owned(credentials) struct credentials none = {};
	owned(buf) struct buf text = {};
	struct ctx ctx = idle_ctx();
	struct error err = {};
	struct stat info;
	bool found = false;

	CHECK(!credentials_store(scratch.file, "docker.io", "me", "pass:word", &err));
	CHECK(!credentials_find(&ctx, scratch.file, "docker.io", "a/b", &got, &err));
	CHECK_STR(or_empty(got.user), "me");
	CHECK_STR(or_empty(got.password), "pass:word");
	CHECK(stat(scratch.file, &info) == 0 && (info.st_mode & 0777) == 0600);
	CHECK(!credentials_remove(scratch.file, "docker.io", &found, &err) && found);
	CHECK(!credentials_remove(scratch.file, "docker.io", &found, &err) && !found);
	CHECK(!credentials_find(&ctx, scratch.file, "docker.io", "a/b", &none, &err));
	CHECK(!credentials_exist(&none));
	CHECK(!read_file(AT_FDCWD, scratch.file, 4096, &text, &err));
	CHECK(strstr(buf_text(&text), "dXNlcjpzZWNyZXQ=") && strstr(buf_text(&text), "\"x\": 1"));
}

/** People keep such files elsewhere, under version control. */
TEST(a_login_leaves_a_link_what_it_is)
{
	owned(scratch) struct scratch scratch = scratch_new("{}");
	owned(str) char *link = xasprintf("%s/link.json", scratch.dir);
	owned(credentials) struct credentials got = {};
	struct ctx ctx = idle_ctx();
	struct error err = {};
	struct stat info;

	CHECK(symlink(scratch.file, link) == 0);
	CHECK(!credentials_store(link, "a.io", "me", "secret", &err));
	CHECK(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
	CHECK(!credentials_find(&ctx, scratch.file, "a.io", "a/b", &got, &err));
	CHECK_STR(or_empty(got.password), "secret");
}

enum { LOGINS = 8 };

TEST(logins_at_the_same_time_are_all_kept)
{
	owned(scratch) struct scratch scratch = scratch_new(NULL);
	struct ctx ctx = idle_ctx();
	struct error err = {};
	bool found = true;
	int status;

	CHECK(!credentials_remove(scratch.file, "a.io", &found, &err) && !found);
	for (int i = 0; i < LOGINS; i++) {
		owned(str) char *host = xasprintf("host%d.io", i);

		if (fork() == 0)
			_exit(credentials_store(scratch.file, host, "me", "secret", &err) ? 1 : 0);
	}
	for (int i = 0; i < LOGINS; i++)
		CHECK(wait(&status) > 0 && status == 0);
	for (int i = 0; i < LOGINS; i++) {
		owned(str) char *host = xasprintf("host%d.io", i);
		owned(credentials) struct credentials got = {};

		CHECK(!credentials_find(&ctx, scratch.file, host, "a/b", &got, &err));
		CHECK(credentials_exist(&got));
	}
}

TEST(a_file_that_is_not_there_has_no_credentials)
{
	owned(scratch) struct scratch scratch = scratch_new(NULL);
	owned(credentials) struct credentials got = {};
	struct ctx ctx = idle_ctx();
	struct error err = {};

	CHECK(!credentials_find(&ctx, scratch.file, "x.io", "a/b", &got, &err));
	CHECK(!credentials_exist(&got));
}

/* ---- helpers ---- */

static void helper_install(const struct scratch *scratch, const char *script)
{
	owned(str) char *path = xasprintf("%s/docker-credential-test", scratch->dir);
	owned(str) char *search = xasprintf("%s:%s", scratch->dir, getenv("PATH"));
	struct error err = {};

	if (file_replace(AT_FDCWD, path, script, strlen(script), 0755, &err))
		abort();
	setenv("PATH", search, 1);
}

TEST(a_helper_is_asked_without_a_shell)
{
	owned(scratch) struct scratch scratch =
		scratch_new("{\"credHelpers\": {\"x.io\": \"test\"}}");
	owned(credentials) struct credentials got = {};
	owned(credentials) struct credentials none = {};
	struct ctx ctx = idle_ctx();
	struct error err = {};

	helper_install(&scratch, "#!/bin/sh\nread -r server\n"
				 "echo \"{\\\"Username\\\": \\\"$1\\\", "
				 "\\\"Secret\\\": \\\"$server\\\"}\"\n");
	CHECK(!credentials_find(&ctx, scratch.file, "x.io", "a/b", &got, &err));
	CHECK_STR(or_empty(got.user), "get");
	CHECK_STR(or_empty(got.password), "x.io");
	CHECK(!credentials_find(&ctx, scratch.file, "y.io", "a/b", &none, &err));
	CHECK(!credentials_exist(&none));
}

static const struct {
	const char *script, *text; /* NULL: no credentials, no error */
} helpers[] = {
	{ "#!/bin/sh\necho credentials not found in native keychain; exit 1\n", NULL },
	{ "#!/bin/sh\necho locked; exit 3\n", "docker-credential-test: exit status 3: locked" },
	{ "#!/bin/sh\nexec cat /dev/zero\n",
	  "docker-credential-test: answer is larger than 65536 bytes" },
	{ "#!/bin/sh\necho '{\"Username\": 1}'\n",
	  "docker-credential-test: answer.Username: wrong type, want a string" },
};

TEST(a_helper_has_limits_and_its_failures_are_told)
{
	owned(scratch) struct scratch scratch = scratch_new(NULL);
	struct ctx ctx = idle_ctx();

	for (size_t i = 0; i < countof(helpers); i++) {
		owned(credentials) struct credentials got = {};
		struct error err = {};
		bool failed;

		helper_install(&scratch, helpers[i].script);
		failed = helper_get(&ctx, "test", "x.io", &got, &err);
		CHECK(failed == (helpers[i].text != NULL));
		if (helpers[i].text)
			CHECK_STR(err.text, helpers[i].text);
		CHECK(!credentials_exist(&got));
	}
}

TEST(a_helper_that_hangs_is_ended_by_cancel)
{
	owned(scratch) struct scratch scratch = scratch_new(NULL);
	owned(credentials) struct credentials got = {};
	owned(cancel) struct cancel *cancel = cancel_new();
	struct ctx ctx = { .cancel = cancel };
	struct error err = {};
	time_t began = time(NULL);

	helper_install(&scratch, "#!/bin/sh\nsleep 100\n");
	cancel_fire(cancel, NULL);
	CHECK(helper_get(&ctx, "test", "x.io", &got, &err) && err.fault == FAULT_CANCELLED);
	CHECK(time(NULL) - began < 5);
}
