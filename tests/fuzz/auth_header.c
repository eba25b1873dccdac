/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/auth.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/** What parses stays within its limits, and a realm is accepted only where it may be asked. */
void fuzz_one(const char *text, size_t size)
{
	struct challenge challenge = {};
	struct error err = {};

	(void)size;
	if (challenge_parse(text, &challenge, &err)) {
		if (err.fault != FAULT_INPUT)
			abort();
		return;
	}
	if (strlen(challenge.realm) >= sizeof(challenge.realm) ||
	    strlen(challenge.service) >= sizeof(challenge.service) ||
	    strlen(challenge.scope) >= sizeof(challenge.scope))
		abort();
	if (challenge.scheme == AUTH_BEARER && !*challenge.realm)
		abort();
	if (realm_check(challenge.realm, "https://registry.example.com", &err) == OK &&
	    strncasecmp(challenge.realm, "https:", 6) != 0)
		abort();
}
