/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An emulator with the dispatcher before it.
 *
 * The copy has one more segment, code that runs wherever it is put, and starts there; the emulator
 * itself is unchanged and where it was.  The segment takes the place of a note in the program
 * headers, which nothing reads at run time, so that no header moves.
 */
#include "sandbox/assist_lookup.h"
#include "sandbox/sandbox.h"

#include "base/fd.h"
#include "base/mem.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Pages are no larger than this on any host. */
enum { PAGE_LARGEST = 64 << 10, PROGRAM_HEADERS_MAX = 64, ENGINE_SIZE_MAX = 256 << 20 };

/** In the dispatcher: where the distance from its start to the emulator's own belongs. */
enum { DISTANCE_AT = 8 };

__asm__(".section .rodata\n"
	".balign 8\n"
	"dispatcher_start:\n"
	".incbin \"" DISPATCHER "\"\n"
	"dispatcher_end:\n"
	".byte 0\n"
	".balign 8\n"
	"companion_start:\n"
	".incbin \"" COMPANION "\"\n"
	"companion_end:\n"
	".byte 0\n"
	".previous\n");
/* Hidden: on arm64 the two would else share an entry of the global offset table, and be one place.
 */
extern const uint8_t dispatcher_start[] __attribute__((visibility("hidden")));
extern const uint8_t dispatcher_end[] __attribute__((visibility("hidden")));
extern const uint8_t companion_start[] __attribute__((visibility("hidden")));
extern const uint8_t companion_end[] __attribute__((visibility("hidden")));

#if defined(__x86_64__)
enum { HOST_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { HOST_MACHINE = EM_AARCH64 };
#else
#error "the dispatcher knows no other hosts yet"
#endif

struct engine {
	Elf64_Ehdr header;
	Elf64_Phdr segments[PROGRAM_HEADERS_MAX];
	uint64_t size; /* of the emulator's file */
	size_t note;   /* the header to replace */
};

static result unsuitable(const char *why, struct error *err)
{
	return fail(err, FAULT_INPUT, "the emulator %s", why);
}

static result engine_read(int fd, struct engine *out, struct error *err)
{
	Elf64_Ehdr *header = &out->header;
	struct stat info;
	size_t size;

	if (fstat(fd, &info) < 0)
		return fail_sys(err, "stat the emulator");
	out->size = (uint64_t)info.st_size;
	if (pread(fd, header, sizeof(*header), 0) != sizeof(*header) ||
	    memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != HOST_MACHINE ||
	    header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > PROGRAM_HEADERS_MAX ||
	    (header->e_type != ET_EXEC && header->e_type != ET_DYN))
		return unsuitable("is no program for this machine", err);
	size = header->e_phnum * sizeof(Elf64_Phdr);
	if (out->size > ENGINE_SIZE_MAX ||
	    pread(fd, out->segments, size, (off_t)header->e_phoff) != (ssize_t)size)
		return unsuitable("is damaged or very large", err);
	return OK;
}

/** Find room for the segment: behind all others, in the file and in memory. */
static result engine_plan(struct engine *engine, struct error *err)
{
	const uint64_t mask = PAGE_LARGEST - 1;
	size_t length = (size_t)(dispatcher_end - dispatcher_start);
	uint64_t end = 0, offset = (engine->size + mask) & ~mask, address;

	engine->note = SIZE_MAX;
	for (size_t i = 0; i < engine->header.e_phnum; i++) {
		const Elf64_Phdr *segment = &engine->segments[i];

		if (segment->p_type == PT_INTERP)
			return unsuitable("is not static", err);
		if (segment->p_type == PT_NOTE)
			engine->note = i;
		if (segment->p_type == PT_LOAD && segment->p_vaddr + segment->p_memsz > end)
			end = segment->p_vaddr + segment->p_memsz;
	}
	if (engine->note == SIZE_MAX || !end || end > UINT64_MAX / 4)
		return unsuitable("has no note that the dispatcher could replace", err);
	address = (end + mask) & ~mask;
	engine->segments[engine->note] = (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = PF_R | PF_X,
		.p_offset = offset,
		.p_vaddr = address,
		.p_paddr = address,
		.p_filesz = length,
		.p_memsz = length,
		.p_align = PAGE_LARGEST,
	};
	return OK;
}

static result write_at(int fd, const void *data, size_t size, uint64_t offset, struct error *err)
{
	ssize_t wrote = pwrite(fd, data, size, (off_t)offset);

	if (wrote == (ssize_t)size)
		return OK;
	if (wrote >= 0)
		errno = ENOSPC;
	return fail_sys(err, "write the engine");
}

static result content_copy(int from, int into, uint64_t size, struct error *err)
{
	enum { PIECE = 1 << 20 };
	owned(str) char *piece = xcalloc(1, PIECE);

	for (uint64_t at = 0; at < size;) {
		ssize_t got = pread(from, piece, PIECE, (off_t)at);

		if (got < 0)
			return fail_sys(err, "read the emulator");
		if (got == 0)
			return unsuitable("became shorter while it was read", err);
		if (write_at(into, piece, (size_t)got, at, err))
			return FAILED;
		at += (uint64_t)got;
	}
	return OK;
}

result assist_engine_write(int emulator_fd, int into_fd, struct error *err)
{
	size_t length = (size_t)(dispatcher_end - dispatcher_start);
	struct engine engine = {};
	const Elf64_Phdr *added;
	uint64_t distance;

	if (engine_read(emulator_fd, &engine, err) || engine_plan(&engine, err) ||
	    content_copy(emulator_fd, into_fd, engine.size, err))
		return FAILED;
	added = &engine.segments[engine.note];
	distance = engine.header.e_entry - added->p_vaddr;
	engine.header.e_entry = added->p_vaddr;
	if (write_at(into_fd, &engine.header, sizeof(engine.header), 0, err) ||
	    write_at(into_fd, engine.segments, engine.header.e_phnum * sizeof(Elf64_Phdr),
		     engine.header.e_phoff, err) ||
	    write_at(into_fd, dispatcher_start, length, added->p_offset, err) ||
	    write_at(into_fd, &distance, sizeof(distance), added->p_offset + DISTANCE_AT, err))
		return FAILED;
	return OK;
}

void assist_companion(bool has_arm_flags, struct buf *out)
{
	char *guise;

	buf_clear(out);
	buf_add(out, companion_start, (size_t)(companion_end - companion_start));
	guise = memmem(out->data, out->length, ASSIST_GUISE, sizeof(ASSIST_GUISE));
	if (guise && has_arm_flags)
		guise[ASSIST_GUISE_FLAGS] = '+';
}

void assist_engine_version(char version[17])
{
	owned(hasher) struct hasher *hasher = hasher_new();
	char text[DIGEST_TEXT_MAX];
	struct digest digest;

	hasher_add(hasher, dispatcher_start, (size_t)(dispatcher_end - dispatcher_start));
	hasher_add(hasher, companion_start, (size_t)(companion_end - companion_start));
	digest = hasher_finish(hasher);
	memcpy(version, strchr(digest_text(&digest, text), ':') + 1, 16);
	version[16] = '\0';
}
