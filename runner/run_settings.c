/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/run_settings.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void run_settings_drop(struct run_settings *settings)
{
	strings_drop(&settings->resolver);
	strings_drop(&settings->sysctls);
}

/* ---- the resolver ---- */

static result servers_add(const struct strings *addresses, struct strings *lines, struct error *err)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	for (size_t i = 0; i < addresses->count; i++) {
		const char *address = addresses->items[i];

		if (inet_pton(AF_INET, address, bytes) != 1 &&
		    inet_pton(AF_INET6, address, bytes) != 1)
			return fail(err, FAULT_USAGE, "--dns %s: want an IP address", address);
		strings_printf(lines, "nameserver %s", address);
	}
	return OK;
}

/** All words in one line behind its keyword; a lone "." stands for none. */
static result words_add(const char *option, const char *keyword, const struct strings *words,
			struct strings *lines, struct error *err)
{
	owned(buf) struct buf line = {};
	bool none = words->count == 1 && strcmp(words->items[0], ".") == 0;

	if (!words->count)
		return OK;
	buf_add_str(&line, keyword);
	for (size_t i = 0; i < words->count && !none; i++) {
		const char *word = words->items[i];

		if (!*word || word[strcspn(word, " \t\r\n#;")])
			return fail(err, FAULT_USAGE, "%s '%s': want one word", option, word);
		buf_printf(&line, " %s", word);
	}
	strings_add(lines, buf_text(&line));
	return OK;
}

/* ---- settings of the kernel ---- */

/** Those that belong to a namespace of the sandbox's own; what ends with a dot has more behind it.
 */
static const char *const own_settings[] = {
	"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",          "kernel.sem", "kernel.shmall",
	"kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced", "fs.mqueue.", "net.",
};

static bool setting_is_own(const char *name)
{
	for (size_t i = 0; i < countof(own_settings); i++) {
		if (ends_with(own_settings[i], ".") ? starts_with(name, own_settings[i])
						    : strcmp(name, own_settings[i]) == 0)
			return true;
	}
	return false;
}

/** "net.core.somaxconn=1024" */
static result sysctl_add(const char *text, enum network network, struct strings *out,
			 struct error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-./";
	const char *equals = strchr(text, '=');
	owned(str) char *name = xstrndup(text, strcspn(text, "="));

	if (!equals || name[strspn(name, letters)] || ends_with(name, ".") || strstr(name, ".."))
		return fail(err, FAULT_USAGE, "--sysctl %s: want NAME=VALUE", text);
	for (char *at = strchr(name, '/'); at; at = strchr(at, '/'))
		*at = '.';
	if (!setting_is_own(name) || strstr(name, ".."))
		return fail(
			err, FAULT_USAGE,
			"--sysctl %s is not supported: of the kernel's settings a sandbox has "
			"kernel.msg*, kernel.sem, kernel.shm*, fs.mqueue.* and net.* of its own",
			name);
	if (starts_with(name, "net.") && network == NETWORK_HOST)
		return fail(err, FAULT_USAGE,
			    "--sysctl %s: with --network host the network is this host's; type "
			    "'sysctl -w %s'",
			    name, text);
	for (char *at = strchr(name, '.'); at; at = strchr(at, '.'))
		*at = '/';
	strings_printf(out, "%s%s", name, equals);
	return OK;
}

/* ---- devices ---- */

/** SOURCE[:TARGET[:rwm]] */
static result device_add(const char *text, bool is_root, struct run_binds *binds, struct error *err)
{
	owned(str) char *option = xasprintf("--device %s", text);
	owned(strings) struct strings parts = {};
	struct bind *bind;
	struct stat info;

	strings_split(&parts, text, ':');
	if (parts.count > 3 || parts.items[0][0] != '/')
		return fail(err, FAULT_USAGE, "%s: want /dev/NAME[:TARGET]", option);
	/* Its root may write to whatever it can open. */
	if (parts.count == 3 && strcmp(parts.items[2], "rwm") != 0)
		return fail(err, FAULT_USAGE,
			    "%s: '%s' is not supported: who can open a device can do all with it",
			    option, parts.items[2]);
	if (stat(parts.items[0], &info) < 0)
		return fail_sys(err, "%s", option);
	if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode))
		return fail(err, FAULT_USAGE, "%s: it is no device node", option);
	if (!is_root)
		return fail(err, FAULT_PRIVILEGE,
			    "%s: only root can give devices away: type 'sudo mpemu run ...'",
			    option);
	if (run_bind_add(binds, option, parts.items[parts.count > 1], &bind, err) ||
	    run_bind_host(binds, option, parts.items[0], bind, err))
		return FAILED;
	bind->is_device = true;
	return OK;
}

/* ---- all of them ---- */

result run_settings_parse(const struct setting_options *options, enum network network, bool is_root,
			  struct run_settings *out, struct run_binds *binds, struct error *err)
{
	if (servers_add(&options->dns, &out->resolver, err) ||
	    words_add("--dns-search", "search", &options->dns_search, &out->resolver, err) ||
	    words_add("--dns-option", "options", &options->dns_options, &out->resolver, err))
		return FAILED;
	for (size_t i = 0; i < options->sysctls.count; i++) {
		if (sysctl_add(options->sysctls.items[i], network, &out->sysctls, err))
			return FAILED;
	}
	for (size_t i = 0; i < options->devices.count; i++) {
		if (device_add(options->devices.items[i], is_root, binds, err))
			return FAILED;
	}
	return OK;
}
