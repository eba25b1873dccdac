/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include "base/mem.h"
#include "base/text.h"

#include <openssl/evp.h>
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

struct digest digest_of(const void *data, size_t length)
{
	struct digest digest;

	/* Only an allocation can fail here. */
	if (!EVP_Digest(data, length, digest.bytes, NULL, EVP_sha256(), NULL))
		abort();
	return digest;
}

struct hasher {
	EVP_MD_CTX *md;
};

static void start(struct hasher *hasher)
{
	if (!hasher->md || !EVP_DigestInit_ex(hasher->md, EVP_sha256(), NULL))
		abort();
}

struct hasher *hasher_new(void)
{
	struct hasher *hasher = xnew(struct hasher);

	hasher->md = EVP_MD_CTX_new();
	start(hasher);
	return hasher;
}

void hasher_drop(struct hasher **hasher)
{
	if (!*hasher)
		return;
	EVP_MD_CTX_free((*hasher)->md);
	free(*hasher);
	*hasher = NULL;
}

void hasher_add(struct hasher *hasher, const void *data, size_t length)
{
	if (!EVP_DigestUpdate(hasher->md, data, length))
		abort();
}

void hasher_add_str(struct hasher *hasher, const char *text)
{
	hasher_add(hasher, text, strlen(text) + 1);
}

struct digest hasher_finish(struct hasher *hasher)
{
	struct digest digest;

	if (!EVP_DigestFinal_ex(hasher->md, digest.bytes, NULL))
		abort();
	start(hasher);
	return digest;
}
