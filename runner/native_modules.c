/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Modules: a program that looks for them where the target has its own loads their twins.
 */
#include "runner/native_internal.h"

#include <string.h>

/*
 * dlopen(path, flags): the path has to begin with the text FROM, and no slash behind it; what
 * follows that is put behind the text TO, on the stack, and the function is called with it.
 *
 *	lea FROM, %rax
 *  1:	mov (%rax), %cl; test %cl, %cl; je 2
 *	cmp (%rdi), %cl; jne the trip
 *	inc %rax; inc %rdi; jmp 1
 *  2:	sub $264, %rsp; mov %rsp, %rdx
 *	lea TO, %rax
 *  3:	mov (%rax), %cl; test %cl, %cl; je 4
 *	mov %cl, (%rdx); inc %rax; inc %rdx; jmp 3
 *  4:	mov (%rdi), %cl; mov %cl, (%rdx); test %cl, %cl; je 5
 *	cmp $'/', %cl; je the trip
 *	inc %rdi; inc %rdx; lea 263(%rsp), %rax; cmp %rax, %rdx; jb 4; jmp the trip
 *  5:	mov %rsp, %rdi; call *the function; test %rax, %rax; je the trip
 *	add $264, %rsp; ret
 */
static const uint8_t code[] = {
	0x48, 0x8d, 0x05, 0,    0,    0,    0,    0x8a, 0x08, 0x84, 0xc9, 0x74, 0x10, 0x3a, 0x0f,
	0x0f, 0x85, 0,    0,    0,    0,    0x48, 0xff, 0xc0, 0x48, 0xff, 0xc7, 0xeb, 0xea, 0x48,
	0x81, 0xec, 0x08, 0x01, 0,    0,    0x48, 0x89, 0xe2, 0x48, 0x8d, 0x05, 0,    0,    0,
	0,    0x8a, 0x08, 0x84, 0xc9, 0x74, 0x0a, 0x88, 0x0a, 0x48, 0xff, 0xc0, 0x48, 0xff, 0xc2,
	0xeb, 0xf0, 0x8a, 0x0f, 0x88, 0x0a, 0x84, 0xc9, 0x74, 0x21, 0x80, 0xf9, 0x2f, 0x0f, 0x84,
	0,    0,    0,    0,    0x48, 0xff, 0xc7, 0x48, 0xff, 0xc2, 0x48, 0x8d, 0x84, 0x24, 0x07,
	0x01, 0,    0,    0x48, 0x39, 0xc2, 0x72, 0xdc, 0xe9, 0,    0,    0,    0,    0x48, 0x89,
	0xe7, 0xff, 0x15, 0,    0,    0,    0,    0x48, 0x85, 0xc0, 0x0f, 0x84, 0,    0,    0,
	0,    0x48, 0x81, 0xc4, 0x08, 0x01, 0,    0,    0xc3,
};

enum { FROM_AT = 0x3, TO_AT = 0x2a, CALL_AT = 0x6c, PATH_SIZE = 264 };

static const size_t trips_at[] = { 0x11, 0x4b, 0x63, 0x75 };

/** How far it is from behind the four bytes at `at`. */
static void distance_put(uint8_t *base, size_t at, int64_t to)
{
	const int32_t distance = (int32_t)(to - (int64_t)(at + sizeof(distance)));

	memcpy(base + at, &distance, sizeof(distance));
}

static void folder_put(uint8_t *at, const char *folder)
{
	memcpy(at, folder, strlen(folder));
	memcpy(at + strlen(folder), "/", 2);
}

bool native_set_modules(struct native *native, const struct trip *trip, const char *from,
			const char *to)
{
	const size_t from_at = sizeof(code), to_at = from_at + strlen(from) + 2;
	const size_t trip_at = to_at + strlen(to) + 2;
	uint64_t pointer;
	uint8_t *base;
	size_t place;

	if (native->machine != EM_X86_64 || strlen(to) + 1 >= PATH_SIZE)
		return false;
	pointer = native_call_pointer(native, "dlopen");
	place = pointer ? native_code_place(native, trip_at + native_trip_size(trip)) : 0;
	if (!place || !native_calls_redirect(native, pointer, place))
		return false;
	base = native->data + place;
	memcpy(base, code, sizeof(code));
	folder_put(base + from_at, from);
	folder_put(base + to_at, to);
	distance_put(base, FROM_AT, (int64_t)from_at);
	distance_put(base, TO_AT, (int64_t)to_at);
	for (size_t i = 0; i < countof(trips_at); i++)
		distance_put(base, trips_at[i], (int64_t)trip_at);
	distance_put(base, CALL_AT, (int64_t)(pointer - native_address(native, place)));
	native_put_trip(base + trip_at, trip);
	return true;
}
