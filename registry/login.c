/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Logging in is trying the credentials before keeping them.
 */
#include "registry/client.h"
#include "registry/credentials.h"
#include "registry/registry.h"

#include <ctype.h>
#include <string.h>

enum { USER_MAX = 256, PASSWORD_MAX = 16 << 10 };

static result login_check(const char *user, const char *password, struct error *err)
{
	if (!*user || strlen(user) > USER_MAX || strchr(user, ':'))
		return fail(err, FAULT_INPUT, "user name: want 1 to %d bytes without ':'",
			    USER_MAX);
	if (!*password || strlen(password) > PASSWORD_MAX)
		return fail(err, FAULT_INPUT, "password: want 1 to %d bytes", PASSWORD_MAX);
	for (const char *at = user; *at; at++)
		if (iscntrl((unsigned char)*at))
			return fail(err, FAULT_INPUT, "user name: has a control character");
	return OK;
}

result registry_login(const struct ctx *ctx, const char *host, const char *user,
		      const char *password, const struct transport *transport, struct error *err)
{
	if (login_check(user, password, err) ||
	    client_login(ctx, host, user, password, transport, err))
		return FAILED;
	return credentials_store(transport ? transport->auth_file : NULL, host, user, password,
				 err);
}

result registry_logout(const char *host, const struct transport *transport, bool *found,
		       struct error *err)
{
	return credentials_remove(transport ? transport->auth_file : NULL, host, found, err);
}
