/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/expand.h"
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/** The result is bounded, and words are the same text but for blanks. */
void fuzz_one(const char *text, size_t size)
{
	static const char *const entries[] = { "A=xxyy", "B=", "C=*x y*", "D=한국어\n$A", NULL };
	owned(strings) struct strings env = {};
	owned(expand_names) struct expand_names names = {};
	struct error err = {};

	(void)size;
	strings_add_all(&env, (char *const *)entries);
	for (unsigned flags = 0; flags < 16; flags++) {
		char escape = flags & 1 ? '`' : '\\';
		owned(str) char *word = NULL;
		owned(strings) struct strings words = {};
		bool failed = expand_word(text, escape, &env, flags, &word, &err);

		if (!failed && strlen(word) > EXPAND_SIZE_MAX)
			abort();
		if (failed != !!expand_words(text, escape, &env, flags, &words, &err))
			abort();
		for (size_t i = 0; i < words.count; i++) {
			if (!*words.items[i])
				abort();
		}
	}
	(void)expand_named(text, '\\', &env, 0, &names, NULL, &err);
}
