/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include "base/mem.h"
#include "base/text.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

result digest_parse(const char *text, struct digest *out, struct error *err)
{
	static const char prefix[] = "sha256:";
	struct digest parsed;
	const char *hex = text + sizeof(prefix) - 1;

	if (!starts_with(text, prefix) || strlen(hex) != 2 * sizeof(parsed.bytes))
		goto bad;
	for (size_t i = 0; i < sizeof(parsed.bytes); i++) {
		int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			goto bad;
		parsed.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*out = parsed;
	return OK;
bad:
	return fail(err, FAULT_INPUT, "digest '%.80s': want sha256: and 64 lower-case hex digits",
		    text);
}

const char *digest_hex(const struct digest *digest, char text[DIGEST_HEX_MAX])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(digest->bytes); i++) {
		text[2 * i] = hex[digest->bytes[i] >> 4];
		text[2 * i + 1] = hex[digest->bytes[i] & 15];
	}
	text[2 * sizeof(digest->bytes)] = '\0';
	return text;
}

const char *digest_text(const struct digest *digest, char text[DIGEST_TEXT_MAX])
{
	memcpy(text, "sha256:", 7);
	digest_hex(digest, text + 7);
	return text;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool digest_is_zero(const struct digest *digest)
{
	static const struct digest zero;

	return digest_equal(digest, &zero);
}

/*
 * The plain functions: OpenSSL would rather have all go through its providers, whose start takes
 * longer than hashing what most commands hash.  They fail on nothing.
 */
struct hasher {
	SHA256_CTX state;
};

static struct digest finish(SHA256_CTX *state)
{
	struct digest digest;

	SHA256_Final(digest.bytes, state);
	return digest;
}

struct digest digest_of(const void *data, size_t length)
{
	SHA256_CTX state;

	SHA256_Init(&state);
	SHA256_Update(&state, data, length);
	return finish(&state);
}

struct hasher *hasher_new(void)
{
	struct hasher *hasher = xnew(struct hasher);

	SHA256_Init(&hasher->state);
	return hasher;
}

void hasher_drop(struct hasher **hasher)
{
	free(*hasher);
	*hasher = NULL;
}

void hasher_add(struct hasher *hasher, const void *data, size_t length)
{
	SHA256_Update(&hasher->state, data, length);
}

void hasher_add_str(struct hasher *hasher, const char *text)
{
	hasher_add(hasher, text, strlen(text) + 1);
}

struct digest hasher_finish(struct hasher *hasher)
{
	struct digest digest = finish(&hasher->state);

	SHA256_Init(&hasher->state);
	return digest;
}
