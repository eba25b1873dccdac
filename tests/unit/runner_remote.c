/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/remote.h"
#include "tests/tap.h"

#include <string.h>

static const struct {
	const char *text;
	enum remote_kind kind;
	const char *url, *name, *ref, *subdir;
} cases[] = {
	{ .text = "file.txt" },
	{ .text = "./git@host:path" },
	{ .text = "file:///etc/passwd" },
	{ .text = "ext::sh -c x" },
	{ .text = "HTTPS://example.org/x" },
	{ .text = "a:b" },
	{ "https://example.org/a/b.tar?x=/y", REMOTE_HTTP, "https://example.org/a/b.tar?x=/y",
	  "b.tar", NULL, NULL },
	{ "http://example.org", REMOTE_HTTP, "http://example.org", "__unnamed__", NULL, NULL },
	{ "http://example.org/a/%2e%2e", REMOTE_HTTP, "http://example.org/a/%2e%2e", "__unnamed__",
	  NULL, NULL },
	{ "http://example.org/x/", REMOTE_HTTP, "http://example.org/x/", "x", NULL, NULL },
	{ "http://example.org/a%20b", REMOTE_HTTP, "http://example.org/a%20b", "a b", NULL, NULL },
	{ "https://h/x.git", REMOTE_GIT, "https://h/x.git", NULL, NULL, NULL },
	{ "https://h/x.git#v1:docs/a", REMOTE_GIT, "https://h/x.git", NULL, "v1", "docs/a" },
	{ "https://h/x.git#:docs", REMOTE_GIT, "https://h/x.git", NULL, NULL, "docs" },
	{ "https://h/x.git?tag=v1&subdir=d", REMOTE_GIT, "https://h/x.git", NULL, "refs/tags/v1",
	  "d" },
	{ "https://h/x.git?branch=b", REMOTE_GIT, "https://h/x.git", NULL, "refs/heads/b", NULL },
	{ "git@host:a/b.git#main", REMOTE_GIT, "git@host:a/b.git", NULL, "main", NULL },
	{ "git://h/x", REMOTE_GIT, "git://h/x", NULL, NULL, NULL },
	{ "ssh://u@h:22/x#a/b", REMOTE_GIT, "ssh://u@h:22/x", NULL, "a/b", NULL },
};

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

TEST(sources_are_told_apart)
{
	for (size_t i = 0; i < countof(cases); i++) {
		owned(remote) struct remote remote = {};
		struct error err = {};

		if (remote_parse(cases[i].text, &remote, &err))
			tap_check(false, __FILE__, __LINE__, "%s: %s", cases[i].text, err.text);
		tap_check(remote.kind == cases[i].kind && same(remote.url, cases[i].url) &&
				  same(remote.name, cases[i].name) &&
				  same(remote.ref, cases[i].ref) &&
				  same(remote.subdir, cases[i].subdir),
			  __FILE__, __LINE__, "%s", cases[i].text);
	}
}

TEST(remotes_that_make_no_sense_are_refused)
{
	static const char *const texts[] = {
		"http:///x",
		"https://user:secret@h/x",
		"https://h/x y",
		"https://h/x\nHost: y",
		"git://-x/y",
		"ssh://u@-x/y",
		"ssh:///x",
		"https://h/x.git#-x",
		"https://h/x.git#a..b",
		"https://h/x.git#a b",
		"https://h/x.git##ref=a",
		"https://h/x.git?ref=a&branch=b",
		"https://h/x.git?ref=",
		"https://h/x.git?what=x",
		"https://h/x.git?commit=xyz",
		"https://h/x.git?keep-git-dir=maybe",
	};

	for (size_t i = 0; i < countof(texts); i++) {
		struct remote remote = {};
		struct error err = {};

		tap_check(remote_parse(texts[i], &remote, &err) && err.fault == FAULT_INPUT,
			  __FILE__, __LINE__, "'%s' is refused", texts[i]);
	}
}
