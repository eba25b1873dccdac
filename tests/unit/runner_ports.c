/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/ports.h"

#include "base/mem.h"
#include "tests/tap.h"

/* clang-format off */
static const struct {
	const char *word, *want; /* the ports; without: that error */
	bool mapped, shouted;
	const char *error;
} cases[] = {
	{ "80", "80/tcp", false, false, NULL }, { "80/udp", "80/udp", false, false, NULL },
	{ "80/SCTP", "80/sctp", false, true, NULL }, { "80/", "80/tcp", false, false, NULL },
	{ "80-82/udp", "80/udp 81/udp 82/udp", false, false, NULL }, { "80-80", "80/tcp", false, false, NULL },
	{ "+0080", "80/tcp", false, false, NULL }, { "0", "0/tcp", false, false, NULL }, { "65535", "65535/tcp", false, false, NULL },
	{ "8080:80", "80/tcp", true, false, NULL }, { ":80", "80/tcp", false, false, NULL },
	{ "127.0.0.1:8080:80/TcP", "80/tcp", true, true, NULL }, { "127.0.0.1::80", "80/tcp", true, false, NULL },
	{ "[::1]:8080:80", "80/tcp", true, false, NULL }, { "::1:8080:80", "80/tcp", true, false, NULL },
	{ "8080-8090:80", "80/tcp", true, false, NULL }, { "8080-8081:80-81", "80/tcp 81/tcp", true, false, NULL },
	{ "65536", NULL, false, false, "invalid port: \"65536\": invalid containerPort: 65536; want PORT[-PORT][/tcp|udp|sctp]" },
	{ "-1", NULL, false, false, "invalid port: \"-1\": invalid containerPort: -1; want PORT[-PORT][/tcp|udp|sctp]" },
	{ "82-80", NULL, false, false, "invalid port: \"82-80\": invalid containerPort: 82-80; want PORT[-PORT][/tcp|udp|sctp]" },
	{ "80-", NULL, false, false, "invalid port: \"80-\": invalid containerPort: 80-; want PORT[-PORT][/tcp|udp|sctp]" },
	{ "80--81", NULL, false, false, "invalid port: \"80--81\": invalid containerPort: 80--81; want PORT[-PORT][/tcp|udp|sctp]" },
	{ "http", NULL, false, false, "invalid port: \"http\": invalid containerPort: http; want PORT[-PORT][/tcp|udp|sctp]" },
	{ "/tcp", NULL, false, false, "invalid port: \"/tcp\": no port specified" }, { "80:", NULL, false, false, "invalid port: \"80:\": no port specified" },
	{ "80/tcp/udp", NULL, false, false, "invalid port: \"80/tcp/udp\": invalid proto: tcp/udp" },
	{ "80/icmp", NULL, false, false, "invalid port: \"80/icmp\": invalid proto: icmp" },
	{ "1.2.3:8080:80", NULL, false, false, "invalid port: \"1.2.3:8080:80\": invalid IP address: 1.2.3" },
	{ "[::1:8080:80", NULL, false, false, "invalid port: \"[::1:8080:80\": invalid IP address: [::1" },
	{ "x:80", NULL, false, false, "invalid port: \"x:80\": invalid hostPort: x" },
	{ "90-95:80-81", NULL, false, false, "invalid port: \"90-95:80-81\": invalid ranges specified for container and host Ports: 80-81 and 90-95" },
};
/* clang-format on */

TEST(ports_are_read_as_the_reference_reads_them)
{
	for (size_t i = 0; i < countof(cases); i++) {
		owned(strings) struct strings ports = {};
		owned(buf) struct buf got = {};
		struct port_range range = {};
		struct error err = {};

		if (port_parse(cases[i].word, &range, &err)) {
			CHECK_STR(err.text, cases[i].error ? cases[i].error : "");
			continue;
		}
		port_range_list(&range, &ports);
		for (size_t p = 0; p < ports.count; p++)
			buf_printf(&got, "%s%s", p ? " " : "", ports.items[p]);
		CHECK_STR(buf_text(&got), cases[i].want ? cases[i].want : "refused");
		tap_check(range.is_mapped == cases[i].mapped &&
				  range.is_shouted == cases[i].shouted,
			  __FILE__, __LINE__, "%s", cases[i].word);
	}
}
