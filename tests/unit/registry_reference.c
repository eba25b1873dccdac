/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"
#include "tests/tap.h"

#include <string.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *text, *want;
} good[] = {
	{ "debian", "docker.io/library/debian:latest" },
	{ "debian:bookworm", "docker.io/library/debian:bookworm" },
	{ "team/app", "docker.io/team/app:latest" },
	{ "docker.io/debian", "docker.io/library/debian:latest" },
	{ "index.docker.io/debian:12", "docker.io/library/debian:12" },
	{ "docker.io/library/debian", "docker.io/library/debian:latest" },
	{ "localhost/x", "localhost/x:latest" },
	{ "localhost:5000/x:1", "localhost:5000/x:1" },
	{ "localhost:5000", "docker.io/library/localhost:5000" },
	{ "test.com:5000", "docker.io/library/test.com:5000" },
	{ "host.tld/x/y@sha256:" HEX, "host.tld/x/y@sha256:" HEX },
	{ "host.tld/x:t@sha256:" HEX, "host.tld/x:t@sha256:" HEX },
	{ "debian@sha256:" HEX, "docker.io/library/debian@sha256:" HEX },
	{ "Registry/x", "Registry/x:latest" },
	{ "xn--n3h.com/a:xn--n3h.com", "xn--n3h.com/a:xn--n3h.com" },
	{ "192.168.1.1:5000/repo:5050", "192.168.1.1:5000/repo:5050" },
	{ "[::1]:5000/repo", "[::1]:5000/repo:latest" },
	{ "[2001:db8::1]/repo:tag", "[2001:db8::1]/repo:tag" },
	{ "a__b/c---d/e.f_g:_1.2-3", "docker.io/a__b/c---d/e.f_g:_1.2-3" },
	{ "oci:1", "docker.io/library/oci:1" },
	{ "oci:5000/x", "oci:5000/x:latest" },
	{ "test_com/foo", "docker.io/test_com/foo:latest" },
};

TEST(reference_fills_in_what_docker_fills_in)
{
	for (size_t i = 0; i < countof(good); i++) {
		struct reference ref;
		struct error err = {};
		char text[REFERENCE_TEXT_MAX];

		if (tap_check(!reference_parse(good[i].text, &ref, &err), __FILE__, __LINE__, "%s",
			      err.text))
			CHECK_STR(reference_text(&ref, text), good[i].want);
	}
}

static const struct {
	const char *text, *why; /* part of the message */
} bad[] = {
	{ "", "empty" },
	{ ":tag", "the repository is empty" },
	{ "@sha256:" HEX, "the repository is empty" },
	{ "debian:", "the tag is empty" },
	{ "Debian", "lower case" },
	{ "test:5000/Upper/lower:tag", "lower case" },
	{ "debian:" HEX HEX "a", "longer than 128" },
	{ "debian:-x", "the tag may have" },
	{ "debian:a/b:c", "host" },
	{ "a//b", "the repository may have" },
	{ "../x", "host" },
	{ "x/..", "the repository may have" },
	{ "/x", "the repository may have" },
	{ "x/", "the repository may have" },
	{ "-oX", "lower case" },
	{ "-ox", "the repository may have" },
	{ "a-", "the repository may have" },
	{ "a..b", "the repository may have" },
	{ "a___b", "the repository may have" },
	{ "a%2e%2e", "the repository may have" },
	{ "caf\xc3\xa9", "the repository may have" },
	{ "a b", "the repository may have" },
	{ "a\r\nb", "\\x0d\\x0a" },
	{ "reg:99999/x", "1 to 65535" },
	{ "reg:0/x", "1 to 65535" },
	{ "reg:/x", "1 to 65535" },
	{ "reg:port/x", "1 to 65535" },
	{ "-a.com/x", "the host must be" },
	{ "a_b.com:1/x", "the host must be" },
	{ "a..com/x", "the host must be" },
	{ "[::1/x", "no IPv6" },
	{ "[fe80::1%eth0]:5000/x", "no IPv6" },
	{ "[::1]a/x", "only a port" },
	{ "[2001:db8::1]:5000", "the repository" },
	{ "x@sha256:short", "64 lower-case hex" },
	{ "x@sha256:" HEX "0", "64 lower-case hex" },
	{ "x@md5:" HEX, "64 lower-case hex" },
	{ "x@sha256:../../etc/passwd", "64 lower-case hex" },
	{ "x@sha256:" HEX "@sha256:" HEX, "64 lower-case hex" },
	{ HEX, "image ID" },
	{ "oci:/tmp/x:1", "'oci:' is a transport" },
	{ "docker://debian", "'docker:' is a transport" },
	{ "https://host/x", "'https:' is a transport" },
};

TEST(reference_refuses_and_says_why)
{
	for (size_t i = 0; i < countof(bad); i++) {
		struct reference ref = { .tag = "kept" };
		struct error err = {};

		tap_check(reference_parse(bad[i].text, &ref, &err) && err.fault == FAULT_INPUT &&
				  strstr(err.text, bad[i].why),
			  __FILE__, __LINE__, "'%s' gives: %s", bad[i].text, err.text);
		CHECK_STR(ref.tag, "kept");
	}
}

TEST(reference_lengths_end_at_255_and_128)
{
	char text[600];
	struct reference ref;
	struct error err = {};

	memset(text, 'a', sizeof(text));
	memcpy(text, "h.x/", 4);
	text[4 + 255] = '\0';
	CHECK(!reference_parse(text, &ref, &err));
	CHECK(strlen(ref.repository) == 255);
	text[4 + 255] = 'a';
	text[4 + 256] = '\0';
	CHECK(reference_parse(text, &ref, &err));
	memset(text, 'a', sizeof(text));
	text[255] = '\0'; /* "library/" comes on top */
	CHECK(reference_parse(text, &ref, &err));
	memset(text, 'a', sizeof(text));
	memcpy(text + 252, ".x/y", 5);
	CHECK(!reference_parse(text, &ref, &err));
	memset(text, 'a', sizeof(text));
	memcpy(text + 254, ".x/y", 5);
	CHECK(reference_parse(text, &ref, &err) && strstr(err.text, "host is longer"));
}
