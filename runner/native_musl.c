/* SPDX-License-Identifier: Apache-2.0 */
/**
 * musl, which is C library and loader in one file.
 *
 * Its functions are as short as they can be, so what they do otherwise is put where it has a long
 * one: tgammal(), which computes in long double, and is not for twins anyway.
 */
#include "runner/native_internal.h"

#include <string.h>

bool native_is_musl(const struct native *native)
{
	return native_find_text(native, "/lib:/usr/local/lib:/usr/lib", "") != NULL &&
	       native_find_text(native, "%.*s/etc/ld-musl-", ".path") != NULL;
}

/** How long the instruction is that makes room on the stack, or marks the function's start. */
static size_t entry_length(const uint8_t *code)
{
	static const uint8_t room[] = { 0x48, 0x83, 0xec, 0x08 },
			     mark[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	if (memcmp(code, room, sizeof(room)) == 0 || memcmp(code, mark, sizeof(mark)) == 0)
		return sizeof(room);
	return (*code & 0xf8) == 0x50 ? 1 : 0; /* push */
}

static bool uname_find(const struct native *native, size_t *offset)
{
	/* mov $63, %eax; syscall; mov %rax, %rdi */
	static const uint8_t call[] = { 0xb8, 0x3f, 0, 0, 0, 0x0f, 0x05, 0x48, 0x89, 0xc7 };
	const uint8_t *code;
	size_t size;

	if (!native_symbol(native, "uname", offset, &size) || size < 4 + sizeof(call))
		return false;
	code = native->data + *offset;
	return memcmp(code + entry_length(code), call, sizeof(call)) == 0;
}

/** mov $63, %eax; syscall; mov $text, %rcx; mov %rcx, 260(%rdi); ret */
static void uname_put(uint8_t *at, const char *machine)
{
	static const uint8_t code[] = { 0xb8, 0x3f, 0,    0, 0, 0x0f, 0x05, 0x48, 0xb9,
					0,    0,    0,    0, 0, 0,    0,    0,    0x48,
					0x89, 0x8f, 0x04, 1, 0, 0,    0xc3 };

	memcpy(at, code, sizeof(code));
	memcpy(at + 9, machine, strlen(machine));
}

enum { UNAME_SIZE = 25, JUMP_SIZE = 5 };

bool native_set_musl(struct native *native, const char *machine, const struct trip *trip)
{
	static const char *const readers[] = { "strtold", "wcstold" };
	const size_t trip_size = trip ? native_trip_size(trip) : 0;
	size_t uname, stub, offset, size;

	if (native->machine != EM_X86_64 || strlen(machine) > 7 || !native_is_musl(native) ||
	    !uname_find(native, &uname) || !native_symbol(native, "tgammal", &stub, &size) ||
	    size < UNAME_SIZE + 2 + trip_size)
		return false;
	for (size_t i = 0; i < countof(readers); i++)
		if (!native_symbol(native, readers[i], &offset, &size) || size < JUMP_SIZE)
			return false;
	/* ud2, for who calls it */
	memcpy(native->data + stub, (const uint8_t[]){ 0x0f, 0x0b }, 2);
	if (trip) {
		native_put_trip(native->data + stub, trip);
		for (size_t i = 0; i < countof(readers); i++)
			if (native_symbol(native, readers[i], &offset, &size))
				native_put_jump(native, offset, stub);
	}
	uname_put(native->data + stub + 2 + trip_size, machine);
	native_put_jump(native, uname, stub + 2 + trip_size);
	return true;
}

bool native_set_musl_folder(struct native *native, const char *folder)
{
	/* It must not be there: any other failure to open it leaves no place at all. */
	const char *list = native_find_text(native, "%.*s/etc/ld-musl-", ".path");

	return list && native_replace_text(native, "/lib:/usr/local/lib:/usr/lib", folder) == 1 &&
	       native_replace_text(native, list, "/proc/self/-") == 1;
}
