/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Machine code of a program is replaced, where every byte of it is known.
 */
#include "runner/native_internal.h"

#include <string.h>

bool native_set_machine(struct native *native, const char *machine)
{
	/* mov $63, %eax; syscall; cmp $-4095, %rax; jae .+3; ret */
	static const uint8_t expected[] = { 0xb8, 0x3f, 0,    0,    0,    0x0f, 0x05, 0x48,
					    0x3d, 0x01, 0xf0, 0xff, 0xff, 0x73, 0x01, 0xc3 };
	/* mov $63, %eax; syscall; mov $text, %rcx; mov %rcx, 260(%rdi); ret */
	static const uint8_t wanted[] = { 0xb8, 0x3f, 0,    0,    0, 0x0f, 0x05, 0x48, 0xb9,
					  0,    0,    0,    0,    0, 0,    0,    0,    0x48,
					  0x89, 0x8f, 0x04, 0x01, 0, 0,    0xc3 };
	size_t offset, size;

	if (native->machine != EM_X86_64 || strlen(machine) > 7 ||
	    !native_symbol(native, "uname", &offset, &size) || size < sizeof(wanted) ||
	    memcmp(native->data + offset, expected, sizeof(expected)) != 0)
		return false;
	memcpy(native->data + offset, wanted, sizeof(wanted));
	memcpy(native->data + offset + 9, machine, strlen(machine));
	return true;
}

/** movl $TEXT, N(%rsp) and, not far behind, movb $TEXT[4], N+4(%rsp); where the second one is. */
static uint8_t *inline_rest(const struct native *native, uint8_t *text, const char *from)
{
	enum { REACH = 32 };
	const uint8_t *end = native->data + native->size;

	if (text - native->data < 4 || text[-4] != 0xc7 || text[-3] != 0x44 || text[-2] != 0x24)
		return NULL;
	for (uint8_t *at = text + 4; at < text + REACH && at + 5 <= end; at++)
		if (at[0] == 0xc6 && at[1] == 0x44 && at[2] == 0x24 &&
		    at[3] == (uint8_t)(text[-1] + 4) && at[4] == (uint8_t)from[4])
			return at;
	return NULL;
}

bool native_replace_inline(struct native *native, const char *from, const char *to)
{
	uint8_t *place = NULL, *rest = NULL;

	if (native->machine != EM_X86_64 || strlen(from) != 5 || strlen(to) != 5)
		return false;
	for (uint8_t *at = native->data; (at = native_find_bytes(native, at, from, 4)); at++) {
		uint8_t *found = inline_rest(native, at, from);

		if (found && place)
			return false;
		if (found) {
			place = at;
			rest = found;
		}
	}
	if (!place)
		return false;
	memcpy(place, to, 4);
	rest[4] = (uint8_t)to[4];
	return true;
}

/* ---- names of numbers ---- */

/** mov $NUMBER, %edx; mov $ADDRESS, %esi: where that is done the first time from `at` on, or NULL.
 */
static uint8_t *number_place(const struct native *native, const uint8_t *at, uint64_t address,
			     uint32_t number)
{
	const uint32_t text = (uint32_t)address;
	uint8_t code[10] = { 0xba, [5] = 0xbe };

	memcpy(code + 1, &number, sizeof(number));
	memcpy(code + 6, &text, sizeof(text));
	return native_find_bytes(native, at, code, sizeof(code));
}

/** A name, which may be the end of a longer text, is given a number: in one place, or false. */
static bool number_exchange(struct native *native, const char *name, uint32_t from, uint32_t to)
{
	const size_t length = strlen(name) + 1;
	uint8_t *found = NULL;

	for (const uint8_t *text = native->data;
	     (text = native_find_bytes(native, text, name, length)); text++) {
		const uint64_t address = native_address(native, (uint64_t)(text - native->data));
		uint8_t *place = number_place(native, native->data, address, from);

		if (!place)
			continue;
		if (found || number_place(native, place + 1, address, from))
			return false;
		found = place;
	}
	if (!found)
		return false;
	memcpy(found + 1, &to, sizeof(to));
	return true;
}

bool native_set_numbers(struct native *native, bool is_arm)
{
	static const struct {
		const char *name;
		uint32_t ours, theirs;
		bool only_arm;
	} numbers[] = {
		{ "CHAR_MAX", 127, 255, false },
		{ "O_DIRECT", 040000, 0200000, true },
		{ "O_DIRECTORY", 0200000, 040000, true },
		{ "O_NOFOLLOW", 0400000, 0100000, true },
		{ "O_TMPFILE", 020200000, 020040000, true },
	};

	if (native->machine != EM_X86_64)
		return false;
	for (size_t i = 0; i < countof(numbers); i++)
		if ((is_arm || !numbers[i].only_arm) &&
		    !number_exchange(native, numbers[i].name, numbers[i].ours, numbers[i].theirs))
			return false;
	return true;
}

/* ---- names that are joined ---- */

/** mov $ADDRESS, %edi or %esi, of programs that are not relocated. */
enum { MOV_EDI = 0xbf, MOV_ESI = 0xbe, CALL = 0xe8, MOV_SIZE = 5 };

static uint32_t get_immediate(const uint8_t *code)
{
	uint32_t value;

	memcpy(&value, code + 1, sizeof(value));
	return value;
}

static void put_immediate(uint8_t *code, uint64_t address)
{
	const uint32_t value = (uint32_t)address;

	memcpy(code + 1, &value, sizeof(value));
}

/** A text of the file that begins with a dash. */
static bool is_dashed(const struct native *native, uint64_t address)
{
	uint64_t offset, rest;
	const char *text;

	if (!native_offset(native, address, &offset, &rest))
		return false;
	text = native_text(native, offset);
	return text && *text == '-';
}

/** The instruction near `code` that gives the same call a text that begins with a dash. */
static uint8_t *dashed_argument(const struct native *native, uint8_t *code)
{
	enum { BEFORE = 28, BEHIND = 20 };
	const size_t at = (size_t)(code - native->data);
	uint8_t *end = native->data + (native->size - at < BEHIND ? native->size : at + BEHIND);
	uint8_t *start = native->data + (at < BEFORE ? 0 : at - BEFORE);

	for (uint8_t *next = code + MOV_SIZE; next + MOV_SIZE <= end && *next != CALL; next++)
		if (*next == MOV_ESI && is_dashed(native, get_immediate(next)))
			return next;
	for (uint8_t *before = code; before-- > start;)
		if (*before == MOV_ESI && is_dashed(native, get_immediate(before)))
			return before;
	return NULL;
}

bool native_drop_prefix(struct native *native, const char *prefix)
{
	const size_t length = strlen(prefix);
	uint64_t address;
	size_t count = 0;
	uint8_t *text = native->data;

	if (native->machine != EM_X86_64 || !length)
		return false;
	while ((text = native_find_bytes(native, text, prefix, length + 1)) &&
	       (text == native->data || !native_ends_text(text[-1])))
		text++;
	address = text ? native_address(native, (uint64_t)(text - native->data)) : 0;
	if (!address || address > UINT32_MAX)
		return false;
	for (uint8_t *at = native->data + 1; at + sizeof(uint32_t) <= native->data + native->size;
	     at++) {
		uint8_t *dashed;

		if (get_immediate(at - 1) != (uint32_t)address)
			continue;
		dashed = at[-1] == MOV_EDI ? dashed_argument(native, at - 1) : NULL;
		if (!dashed)
			return false;
		put_immediate(at - 1, address + length);
		put_immediate(dashed, get_immediate(dashed) + 1u);
		count++;
	}
	return count > 0;
}
