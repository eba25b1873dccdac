/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/assist_request.h"

enum tool_mode assist_tool_mode(const struct assist_request *request)
{
	return request->mode == ASSIST_FULL || request->mode == ASSIST_VERIFY_FULL ? TOOL_FULL
										   : TOOL_SAFE;
}

bool assist_mode_verifies(enum assist_mode mode)
{
	return mode == ASSIST_VERIFY || mode == ASSIST_VERIFY_FULL;
}

const struct strings *assist_toolchain_base(const struct assist_request *request)
{
	return request->toolchain_base ? request->toolchain_base : request->sources[0].lowers;
}

struct twin_request assist_twins_wanted(const struct assist_request *request,
					const struct trip *trip)
{
	return (struct twin_request){
		.foreign = -1,
		.target = *request->platform,
		.host = platform_host(),
		.mode = assist_tool_mode(request),
		.prefix = SANDBOX_HIDDEN,
		.trip = request->may_repeat ? trip : NULL,
		.refuse_long_double = request->refuse_long_double,
		.store = request->root,
		.cache = request->cache,
	};
}
