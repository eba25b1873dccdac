/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Image references by Docker's rules: what is left out is filled in, what is odd is refused here,
 * so that no other file has to ask whether a name may be put into a path, a URL or a header.
 *
 * The grammar is that of distribution/reference; stricter in two places: a port is a number that a
 * port can be, and a digest is a sha256.
 */
#include "registry/registry.h"

#include "base/mem.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535, TAG_MAX = 128, LENGTH_MAX = 255, ID_LENGTH = 64 };

static const char default_host[] = "docker.io", legacy_host[] = "index.docker.io",
		  default_space[] = "library/", default_tag[] = "latest";

/** Prefixes by which other tools say where an image is; they are no part of its name. */
static const char *const transports[] = {
	"oci",     "oci-archive", "docker", "docker-archive", "docker-daemon", "containers-storage",
	"tarball", "dir",         "http",   "https",          "ostree",        "sif",
};

/** A piece of the text, borrowed. */
struct piece {
	const char *start;
	size_t length;
};

static struct piece piece_until(const char *start, const char *end)
{
	return (struct piece){ start, (size_t)(end - start) };
}

static bool piece_is(struct piece piece, const char *text)
{
	return strlen(text) == piece.length && memcmp(piece.start, text, piece.length) == 0;
}

static const char *piece_find(struct piece piece, char c)
{
	return memchr(piece.start, c, piece.length);
}

static bool piece_has(struct piece piece, int (*is)(int))
{
	for (size_t i = 0; i < piece.length; i++) {
		if (is((unsigned char)piece.start[i]))
			return true;
	}
	return false;
}

static void piece_copy(struct piece piece, char *out)
{
	memcpy(out, piece.start, piece.length);
	out[piece.length] = '\0';
}

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_letter_or_digit(char c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

/** What may stand between letters and digits of a name: ".", "_", "__" or dashes. */
static size_t separator_length(struct piece rest)
{
	size_t length = 0;

	while (length < rest.length && rest.start[length] == rest.start[0])
		length++;
	switch (rest.start[0]) {
	case '-':
		return length;
	case '_':
		return length <= 2 ? length : 0;
	case '.':
		return length == 1 ? 1 : 0;
	}
	return 0;
}

/** One component of a repository: letters and digits, separators only between them. */
static bool is_component(struct piece piece)
{
	size_t at = 0;

	while (at < piece.length && is_lower_or_digit(piece.start[at])) {
		size_t separator;

		while (at < piece.length && is_lower_or_digit(piece.start[at]))
			at++;
		if (at == piece.length)
			return true;
		separator =
			separator_length(piece_until(piece.start + at, piece.start + piece.length));
		if (separator == 0)
			return false;
		at += separator;
	}
	return false;
}

static const char *repository_fault(struct piece repository)
{
	const char *at = repository.start, *end = at + repository.length;

	if (repository.length == 0)
		return "the repository is empty";
	if (repository.length > LENGTH_MAX)
		return "the repository is longer than 255 characters";
	if (piece_has(repository, isupper))
		return "the repository must be lower case";
	for (;;) {
		const char *slash = piece_find(piece_until(at, end), '/');

		if (!is_component(piece_until(at, slash ? slash : end)))
			return "the repository may have a-z, 0-9, and single separators ('.', '_', "
			       "'__', '-') between them, in parts joined by '/'";
		if (!slash)
			return NULL;
		at = slash + 1;
	}
}

static bool is_ipv6(struct piece piece)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (piece.length >= sizeof(text))
		return false;
	piece_copy(piece, text);
	return !strchr(text, '.') && inet_pton(AF_INET6, text, &address) == 1;
}

/** Labels of letters, digits and inner dashes, joined by dots. */
static bool is_domain(struct piece piece)
{
	const char *at = piece.start, *end = at + piece.length;

	for (;;) {
		const char *dot = piece_find(piece_until(at, end), '.');
		const char *stop = dot ? dot : end;

		if (at == stop || !is_letter_or_digit(*at) || !is_letter_or_digit(stop[-1]))
			return false;
		for (; at < stop; at++) {
			if (!is_letter_or_digit(*at) && *at != '-')
				return false;
		}
		if (!dot)
			return true;
		at = dot + 1;
	}
}

static bool is_port(struct piece piece)
{
	struct error ignored;
	uint64_t port;
	char text[6];

	if (piece.length >= sizeof(text))
		return false;
	piece_copy(piece, text);
	return !number_parse(text, PORT_MAX, &port, &ignored) && port > 0;
}

static const char *host_fault(struct piece host)
{
	const char *end = host.start + host.length, *name_end = end, *colon;

	if (host.length > LENGTH_MAX)
		return "the host is longer than 255 characters";
	if (host.length > 0 && *host.start == '[') {
		name_end = piece_find(host, ']');
		if (!name_end || !is_ipv6(piece_until(host.start + 1, name_end)))
			return "the host in brackets is no IPv6 address";
		name_end++;
		colon = name_end < end && *name_end == ':' ? name_end : NULL;
		if (name_end < end && !colon)
			return "only a port may follow the host in brackets";
	} else {
		colon = piece_find(host, ':');
		name_end = colon ? colon : end;
		if (!is_domain(piece_until(host.start, name_end)))
			return "the host must be a domain name, an IPv4 address, or an IPv6 "
			       "address in brackets";
	}
	if (colon && !is_port(piece_until(colon + 1, end)))
		return "the port of the host must be a number from 1 to 65535";
	return NULL;
}

static const char *tag_fault(struct piece tag)
{
	if (tag.length == 0)
		return "the tag is empty";
	if (tag.length > TAG_MAX)
		return "the tag is longer than 128 characters";
	for (size_t i = 0; i < tag.length; i++) {
		char c = tag.start[i];

		if (!is_letter_or_digit(c) && c != '_' && (i == 0 || (c != '.' && c != '-')))
			return "the tag may have letters, digits, '_', and after the first "
			       "character '.' and '-'";
	}
	return NULL;
}

/** "oci:dir/x", "docker://x": say so instead of complaining about a port. */
static const char *transport_of(const char *text)
{
	const char *colon = strchr(text, ':');

	for (size_t i = 0; colon && i < countof(transports); i++) {
		if (piece_is(piece_until(text, colon), transports[i]))
			return transports[i];
	}
	return NULL;
}

static bool is_image_id(const char *text)
{
	return strspn(text, "0123456789abcdef") == ID_LENGTH && !text[ID_LENGTH];
}

/** The first part is a host where it could not be the start of a repository. */
static bool looks_like_host(struct piece first)
{
	return piece_is(first, "localhost") || piece_find(first, '.') || piece_find(first, ':') ||
	       piece_has(first, isupper);
}

PRINTF(3, 4)
static result refuse(const char *text, struct error *err, const char *format, ...)
{
	enum { SHOWN = 200 };
	owned(buf) struct buf escaped = {};
	char why[256];
	va_list args;

	text_escape(&escaped, text, strnlen(text, SHOWN));
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	return fail(err, FAULT_INPUT, "reference '%s%s': %s", buf_text(&escaped),
		    strnlen(text, SHOWN + 1) > SHOWN ? "..." : "", why);
}

/** Split "name[:tag]" at the colon after the last slash. */
static struct piece split_tag(struct piece *name)
{
	const char *end = name->start + name->length;
	const char *slash = memrchr(name->start, '/', name->length);
	const char *start = slash ? slash + 1 : name->start;
	const char *colon = piece_find(piece_until(start, end), ':');

	if (!colon)
		return (struct piece){};
	*name = piece_until(name->start, colon);
	return piece_until(colon + 1, end);
}

/** Take the host off the front of the name; without one it is Docker Hub. */
static struct piece split_host(struct piece *name)
{
	const char *end = name->start + name->length;
	const char *slash = piece_find(*name, '/');
	struct piece first = piece_until(name->start, slash ? slash : end);

	if (!slash || !looks_like_host(first))
		return piece_until(default_host, strchr(default_host, '\0'));
	*name = piece_until(slash + 1, end);
	if (piece_is(first, legacy_host))
		return piece_until(default_host, strchr(default_host, '\0'));
	return first;
}

/** Docker Hub's own images have a namespace that nobody writes. */
static bool is_bare_hub_name(struct piece host, struct piece repository)
{
	return piece_is(host, default_host) && !piece_find(repository, '/');
}

static result parse_name(const char *text, struct piece name, struct reference *out,
			 struct error *err)
{
	struct piece tag = split_tag(&name), host = split_host(&name);
	const char *fault = host_fault(host);
	size_t space = 0;

	if (fault && transport_of(text))
		return refuse(text, err, "'%s:' is a transport, not part of a name",
			      transport_of(text));
	if (!fault)
		fault = repository_fault(name);
	if (!fault && tag.start)
		fault = tag_fault(tag);
	if (fault)
		return refuse(text, err, "%s", fault);

	if (is_bare_hub_name(host, name))
		space = strlen(default_space);
	if (space + name.length > LENGTH_MAX)
		return refuse(text, err, "the repository is longer than 255 characters");
	piece_copy(host, out->host);
	memcpy(out->repository, default_space, space);
	piece_copy(name, out->repository + space);
	if (tag.start)
		piece_copy(tag, out->tag);
	return OK;
}

result reference_parse(const char *text, struct reference *out, struct error *err)
{
	const char *end = strchrnul(text, '@');
	struct reference parsed = {};

	if (!*text)
		return fail(err, FAULT_INPUT, "reference '': a name is empty");
	if (is_image_id(text))
		return refuse(text, err, "an image ID is not a name");
	if (*end) {
		if (digest_parse(end + 1, &parsed.digest, err))
			return fail_in(err, "reference");
		parsed.pinned = true;
	}
	if (parse_name(text, piece_until(text, end), &parsed, err))
		return FAILED;
	if (!parsed.tag[0] && !parsed.pinned)
		strcpy(parsed.tag, default_tag);
	*out = parsed;
	return OK;
}

const char *reference_text(const struct reference *ref, char text[REFERENCE_TEXT_MAX])
{
	char digest[DIGEST_TEXT_MAX];

	snprintf(text, REFERENCE_TEXT_MAX, "%s/%s%s%s%s%s", ref->host, ref->repository,
		 ref->tag[0] ? ":" : "", ref->tag, ref->pinned ? "@" : "",
		 ref->pinned ? digest_text(&ref->digest, digest) : "");
	return text;
}
