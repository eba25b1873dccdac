/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Trips: code in a copy that tells, and ends the program, before it does what the target's machine
 * would do otherwise.
 */
#include "runner/native_internal.h"

#include <string.h>

/* open(path, O_WRONLY); write(it, message, size); exit_group(254); message; path */
enum { CODE_SIZE = 58, PATH_AT = 8, SIZE_AT = 29 };

size_t native_trip_size(const struct trip *trip)
{
	return CODE_SIZE + trip->size + strlen(trip->path) + 1;
}

void native_put_trip(uint8_t *at, const struct trip *trip)
{
	static const uint8_t code[CODE_SIZE] = {
		0xb8, 2,    0,    0,    0,    0x48, 0x8d, 0x3d, 46, 0, 0, 0,    0xbe, 1, 0, 0, 0,
		0x0f, 0x05, 0x89, 0xc7, 0x48, 0x8d, 0x35, 30,   0,  0, 0, 0xba, 1,    0, 0, 0, 0xb8,
		1,    0,    0,    0,    0x0f, 0x05, 0xbf, 0xfe, 0,  0, 0, 0xb8, 0xe7, 0, 0, 0, 0x0f,
		0x05, 0x0f, 0x0b, 0xcc, 0xcc, 0xcc, 0xcc,
	};
	const int32_t path_distance = 46 + (int32_t)trip->size, message_size = (int32_t)trip->size;

	memcpy(at, code, CODE_SIZE);
	memcpy(at + PATH_AT, &path_distance, sizeof(path_distance));
	memcpy(at + SIZE_AT, &message_size, sizeof(message_size));
	memcpy(at + CODE_SIZE, trip->message, trip->size);
	memcpy(at + CODE_SIZE + trip->size, trip->path, strlen(trip->path) + 1);
}

void native_put_jump(struct native *native, size_t from, size_t to)
{
	int32_t distance = (int32_t)((int64_t)to - (int64_t)from - 5);

	native->data[from] = 0xe9;
	memcpy(native->data + from + 1, &distance, sizeof(distance));
}

/* ---- long doubles ---- */

bool native_set_trip(struct native *native, const struct trip *trip)
{
	static const char *const readers[] = { "strtold", "__strtold_internal", "strtold_l",
					       "wcstold" };
	size_t stub, offset, size;

	if (native->machine != EM_X86_64 || !native_symbol(native, "strfroml", &stub, &size) ||
	    trip->size > size || size < native_trip_size(trip))
		return false;
	for (size_t i = 0; i < countof(readers); i++)
		if (!native_symbol(native, readers[i], &offset, &size) || size < 5)
			return false;
	native_put_trip(native->data + stub, trip);
	for (size_t i = 0; i < countof(readers); i++)
		if (native_symbol(native, readers[i], &offset, &size))
			native_put_jump(native, offset, stub);
	return true;
}

/* ---- what is no number ---- */

/** The file's offset of `length` unused bytes at the end of code, which then belong to it; or 0. */
static size_t code_place(struct native *native, size_t length)
{
	Elf64_Phdr header;

	for (size_t i = 0; native_header(native, i, &header); i++) {
		uint64_t end = header.p_offset + header.p_filesz;
		bool unused = true;

		if (header.p_type != PT_LOAD || header.p_flags != (PF_R | PF_X) ||
		    header.p_filesz != header.p_memsz || end % NATIVE_PAGE == 0 ||
		    NATIVE_PAGE - end % NATIVE_PAGE < length ||
		    !native_inside(native, header.p_offset, header.p_filesz) ||
		    !native_inside(native, end, length))
			continue;
		for (uint64_t at = end; at < end + length; at++)
			unused = unused && native->data[at] == 0;
		if (!unused)
			continue;
		header.p_filesz += length;
		header.p_memsz = header.p_filesz;
		native_header_put(native, i, &header);
		return end;
	}
	return 0;
}

/**
 * Go's programs need no loader, and have a page of code that begins with the headers and is filled
 * up with zeros: the file's offset of that many of them, or 0.
 */
static size_t go_code_place(const struct native *native, size_t length)
{
	Elf64_Phdr header;
	Elf64_Ehdr elf;
	size_t run = 0;

	memcpy(&elf, native->data, sizeof(elf));
	for (size_t i = 0; native_header(native, i, &header); i++) {
		const uint64_t behind = elf.e_phoff + elf.e_phnum * sizeof(header);

		if (header.p_type != PT_LOAD || header.p_flags != (PF_R | PF_X) ||
		    header.p_offset != 0 || header.p_filesz < NATIVE_PAGE ||
		    !native_inside(native, 0, NATIVE_PAGE))
			continue;
		for (uint64_t at = behind; at < NATIVE_PAGE; at++) {
			run = native->data[at] ? 0 : run + 1;
			if (run == length)
				return at + 1 - length;
		}
	}
	return 0;
}

/**
 * Let Go's runtime leave SIGFPE to who set it before: in the table of signals, an entry is flags
 * and a name, and one without flags is passed over.  False where there is no such table.
 */
static bool go_leave_signal(struct native *native)
{
	static const char name[] = "SIGFPE: floating-point exception";
	enum { FLAGS = 8 | 128 }; /* it panics, and is never blocked */
	const uint64_t length = sizeof(name) - 1;
	const uint8_t *text = native_find_bytes(native, native->data, name, length);
	const uint64_t address = text ? native_address(native, (uint64_t)(text - native->data)) : 0;
	const uint64_t wanted[] = { FLAGS, address, length };
	uint8_t *entry;

	if (!address)
		return false;
	entry = native_find_bytes(native, native->data, wanted, sizeof(wanted));
	if (!entry || native_find_bytes(native, entry + 1, wanted, sizeof(wanted)))
		return false;
	memset(entry, 0, sizeof(wanted[0]));
	return true;
}

bool native_set_nan_trip(struct native *native, const struct trip *trip)
{
	/*
	 * push %rdx; sub $32, %rsp; lea the trip, %rax
	 * mov %rax, (%rsp); movq $(SA_RESTORER | SA_ONSTACK), 8(%rsp); mov %rax, 16(%rsp); movq $0,
	 * 24(%rsp) rt_sigaction(SIGFPE, %rsp, NULL, 8) stmxcsr (%rsp); andl $~IM, (%rsp); ldmxcsr
	 * (%rsp) add $32, %rsp; pop %rdx; jmp the program's entry
	 */
	static const uint8_t code[] = {
		0x52, 0x48, 0x83, 0xec, 0x20, 0x48, 0x8d, 0x05, 0,    0,    0,    0,    0x48,
		0x89, 0x04, 0x24, 0x48, 0xc7, 0x44, 0x24, 0x08, 0,    0,    0,    0x0c, 0x48,
		0x89, 0x44, 0x24, 0x10, 0x48, 0xc7, 0x44, 0x24, 0x18, 0,    0,    0,    0,
		0xbf, 0x08, 0,    0,    0,    0x48, 0x89, 0xe6, 0x31, 0xd2, 0x41, 0xba, 0x08,
		0,    0,    0,    0xb8, 0x0d, 0,    0,    0,    0x0f, 0x05, 0x0f, 0xae, 0x1c,
		0x24, 0x81, 0x24, 0x24, 0x7f, 0xff, 0xff, 0xff, 0x0f, 0xae, 0x14, 0x24, 0x48,
		0x83, 0xc4, 0x20, 0x5a, 0xe9, 0,    0,    0,    0,
	};
	enum { LEA_AT = 8, LEA_END = 12, JUMP_AT = sizeof(code) - 5 };
	const int32_t distance = (int32_t)sizeof(code) - LEA_END;
	uint64_t entry, rest;
	Elf64_Ehdr elf;
	size_t place;

	memcpy(&elf, native->data, sizeof(elf));
	if (native->machine != EM_X86_64 || !native_offset(native, elf.e_entry, &entry, &rest) ||
	    (!native->interp_size && !go_leave_signal(native)))
		return false;
	place = code_place(native, sizeof(code) + native_trip_size(trip));
	if (!place && !native->interp_size)
		place = go_code_place(native, sizeof(code) + native_trip_size(trip));
	if (!place || native_address(native, place) - elf.e_entry != place - entry)
		return false;
	memcpy(native->data + place, code, sizeof(code));
	memcpy(native->data + place + LEA_AT, &distance, sizeof(distance));
	native_put_jump(native, place + JUMP_AT, entry);
	native_put_trip(native->data + place + sizeof(code), trip);
	elf.e_entry = native_address(native, place);
	memcpy(native->data, &elf, sizeof(elf));
	return true;
}
