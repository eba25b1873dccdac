/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One page at 0x400000: ELF header, one program header, the text at 0x4000c0, code at 0x400100.
 *
 * The code is written down as the assembler gave it, in words for machines whose instructions all
 * have four bytes, else in bytes.  Each does write(1, 0x4000c0, 16) and exit(40 + argc), with argc
 * taken from where the ABI puts it: the top of the stack nearly everywhere.
 */
#include "binfmt/program.h"

#include "binfmt/elf.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

enum {
	BASE = 0x400000,
	TEXT_AT = 0xc0,
	CODE_AT = 0x100,
	PAGE_MAX = 0x10000, /* the largest page of any machine here */
};

/* clang-format off */
static const uint8_t code_x86_64[] = {
	0xb8, 0x01, 0x00, 0x00, 0x00, /* mov $1, %eax (write) */
	0xbf, 0x01, 0x00, 0x00, 0x00, /* mov $1, %edi */
	0xbe, 0xc0, 0x00, 0x40, 0x00, /* mov $0x4000c0, %esi */
	0xba, 0x10, 0x00, 0x00, 0x00, /* mov $16, %edx */
	0x0f, 0x05,                   /* syscall */
	0x8b, 0x3c, 0x24,             /* mov (%rsp), %edi */
	0x83, 0xc7, 0x28,             /* add $40, %edi */
	0xb8, 0x3c, 0x00, 0x00, 0x00, /* mov $60, %eax (exit) */
	0x0f, 0x05,                   /* syscall */
};

static const uint8_t code_i386[] = {
	0xb8, 0x04, 0x00, 0x00, 0x00, /* mov $4, %eax (write) */
	0xbb, 0x01, 0x00, 0x00, 0x00, /* mov $1, %ebx */
	0xb9, 0xc0, 0x00, 0x40, 0x00, /* mov $0x4000c0, %ecx */
	0xba, 0x10, 0x00, 0x00, 0x00, /* mov $16, %edx */
	0xcd, 0x80,                   /* int $0x80 */
	0x8b, 0x1c, 0x24,             /* mov (%esp), %ebx */
	0x83, 0xc3, 0x28,             /* add $40, %ebx */
	0xb8, 0x01, 0x00, 0x00, 0x00, /* mov $1, %eax (exit) */
	0xcd, 0x80,                   /* int $0x80 */
};

static const uint32_t code_aarch64[] = {
	0xd2800808, /* mov  x8, #64 (write) */
	0xd2800020, /* mov  x0, #1 */
	0xd2801801, /* mov  x1, #0xc0 */
	0xf2a00801, /* movk x1, #0x40, lsl #16 */
	0xd2800202, /* mov  x2, #16 */
	0xd4000001, /* svc  #0 */
	0xf94003e0, /* ldr  x0, [sp] */
	0x9100a000, /* add  x0, x0, #40 */
	0xd2800ba8, /* mov  x8, #93 (exit) */
	0xd4000001, /* svc  #0 */
};

static const uint32_t code_arm[] = { /* ARMv4 suffices */
	0xe3a07004, /* mov r7, #4 (write) */
	0xe3a00001, /* mov r0, #1 */
	0xe3a01501, /* mov r1, #0x400000 */
	0xe38110c0, /* orr r1, r1, #0xc0 */
	0xe3a02010, /* mov r2, #16 */
	0xef000000, /* svc 0 */
	0xe59d0000, /* ldr r0, [sp] */
	0xe2800028, /* add r0, r0, #40 */
	0xe3a07001, /* mov r7, #1 (exit) */
	0xef000000, /* svc 0 */
};

static const uint32_t code_riscv[] = {
	0x04000893, /* li    a7, 64 (write) */
	0x00100513, /* li    a0, 1 */
	0x004005b7, /* lui   a1, 0x400 */
	0x0c058593, /* addi  a1, a1, 0xc0 */
	0x01000613, /* li    a2, 16 */
	0x00000073, /* ecall */
	0x00012503, /* lw    a0, 0(sp) */
	0x02850513, /* addi  a0, a0, 40 */
	0x05d00893, /* li    a7, 93 (exit) */
	0x00000073, /* ecall */
};

static const uint8_t code_s390x[] = {
	0xa7, 0x29, 0x00, 0x01,             /* lghi  %r2, 1 */
	0xc0, 0x3f, 0x00, 0x40, 0x00, 0xc0, /* llilf %r3, 0x4000c0 */
	0xa7, 0x49, 0x00, 0x10,             /* lghi  %r4, 16 */
	0x0a, 0x04,                         /* svc   4 (write) */
	0xe3, 0x20, 0xf0, 0x00, 0x00, 0x04, /* lg    %r2, 0(%r15) */
	0xa7, 0x2b, 0x00, 0x28,             /* aghi  %r2, 40 */
	0x0a, 0x01,                         /* svc   1 (exit) */
};

static const uint32_t code_ppc[] = { /* and ppc64le, where the low word comes first */
	0x38000004, /* li   0, 4 (write) */
	0x38600001, /* li   3, 1 */
	0x3c800040, /* lis  4, 0x40 */
	0x608400c0, /* ori  4, 4, 0xc0 */
	0x38a00010, /* li   5, 16 */
	0x44000002, /* sc */
	0x80610000, /* lwz  3, 0(1) */
	0x38630028, /* addi 3, 3, 40 */
	0x38000001, /* li   0, 1 (exit) */
	0x44000002, /* sc */
};

static const uint32_t code_ppc64[] = {
	0x38000004, /* li   0, 4 (write) */
	0x38600001, /* li   3, 1 */
	0x3c800040, /* lis  4, 0x40 */
	0x608400c0, /* ori  4, 4, 0xc0 */
	0x38a00010, /* li   5, 16 */
	0x44000002, /* sc */
	0xe8610000, /* ld   3, 0(1) */
	0x38630028, /* addi 3, 3, 40 */
	0x38000001, /* li   0, 1 (exit) */
	0x44000002, /* sc */
};

static const uint32_t code_mips[] = {
	0x24020fa4, /* li    $v0, 4004 (o32 write) */
	0x24040001, /* li    $a0, 1 */
	0x3c050040, /* lui   $a1, 0x40 */
	0x34a500c0, /* ori   $a1, $a1, 0xc0 */
	0x24060010, /* li    $a2, 16 */
	0x0000000c, /* syscall */
	0x8fa40000, /* lw    $a0, 0($sp) */
	0x00000000, /* nop: MIPS I loads late */
	0x24840028, /* addiu $a0, $a0, 40 */
	0x24020fa1, /* li    $v0, 4001 (exit) */
	0x0000000c, /* syscall */
};

static const uint32_t code_mips64[] = {
	0x24021389, /* li    $v0, 5001 (n64 write) */
	0x24040001, /* li    $a0, 1 */
	0x3c050040, /* lui   $a1, 0x40 */
	0x34a500c0, /* ori   $a1, $a1, 0xc0 */
	0x24060010, /* li    $a2, 16 */
	0x0000000c, /* syscall */
	0xdfa40000, /* ld    $a0, 0($sp) */
	0x24840028, /* addiu $a0, $a0, 40 */
	0x240213c2, /* li    $v0, 5058 (exit) */
	0x0000000c, /* syscall */
};

static const uint32_t code_mipsn32[] = {
	0x24021771, /* li    $v0, 6001 (n32 write) */
	0x24040001, /* li    $a0, 1 */
	0x3c050040, /* lui   $a1, 0x40 */
	0x34a500c0, /* ori   $a1, $a1, 0xc0 */
	0x24060010, /* li    $a2, 16 */
	0x0000000c, /* syscall */
	0x8fa40000, /* lw    $a0, 0($sp) */
	0x24840028, /* addiu $a0, $a0, 40 */
	0x240217aa, /* li    $v0, 6058 (exit) */
	0x0000000c, /* syscall */
};

static const uint32_t code_loongarch64[] = {
	0x0381000b, /* ori     $a7, $zero, 64 (write) */
	0x03800404, /* ori     $a0, $zero, 1 */
	0x14008005, /* lu12i.w $a1, 0x400 */
	0x038300a5, /* ori     $a1, $a1, 0xc0 */
	0x03804006, /* ori     $a2, $zero, 16 */
	0x002b0000, /* syscall 0 */
	0x28800064, /* ld.w    $a0, $sp, 0 */
	0x0280a084, /* addi.w  $a0, $a0, 40 */
	0x0381740b, /* ori     $a7, $zero, 93 (exit) */
	0x002b0000, /* syscall 0 */
};

static const uint8_t code_m68k[] = {
	0x70, 0x04,                         /* moveq #4, %d0 (write) */
	0x72, 0x01,                         /* moveq #1, %d1 */
	0x24, 0x3c, 0x00, 0x40, 0x00, 0xc0, /* movel #0x4000c0, %d2 */
	0x76, 0x10,                         /* moveq #16, %d3 */
	0x4e, 0x40,                         /* trap  #0 */
	0x22, 0x17,                         /* movel %sp@, %d1 */
	0x06, 0x81, 0x00, 0x00, 0x00, 0x28, /* addil #40, %d1 */
	0x70, 0x01,                         /* moveq #1, %d0 (exit) */
	0x4e, 0x40,                         /* trap  #0 */
};

static const uint32_t code_hppa[] = { /* the kernel hands argc over in %r25 */
	0x08190243, /* copy %r25, %r3 */
	0x341a0002, /* ldi  1, %r26 */
	0x23200008, /* ldil L%0x400000, %r25 */
	0x37390180, /* ldo  0xc0(%r25), %r25 */
	0x34180020, /* ldi  16, %r24 */
	0xe4008200, /* ble  0x100(%sr2, %r0) */
	0x34140008, /* ldi  4, %r20 (write; in the delay slot) */
	0x347a0050, /* ldo  40(%r3), %r26 */
	0xe4008200, /* ble  0x100(%sr2, %r0) */
	0x34140002, /* ldi  1, %r20 (exit) */
};

static const uint32_t code_alpha[] = {
	0x201f0004, /* lda  $0, 4($31) (write) */
	0x221f0001, /* lda  $16, 1($31) */
	0x263f0040, /* ldah $17, 0x40($31) */
	0x223100c0, /* lda  $17, 0xc0($17) */
	0x225f0010, /* lda  $18, 16($31) */
	0x00000083, /* callsys */
	0xa61e0000, /* ldq  $16, 0($30) */
	0x22100028, /* lda  $16, 40($16) */
	0x201f0001, /* lda  $0, 1($31) (exit) */
	0x00000083, /* callsys */
};

static const uint16_t code_sh4[] = {
	0xe304, /* mov    #4, r3 (write) */
	0xe401, /* mov    #1, r4 */
	0xe540, /* mov    #0x40, r5 */
	0x4528, /* shll16 r5 */
	0x7560, /* add    #0x60, r5 */
	0x7560, /* add    #0x60, r5 */
	0xe610, /* mov    #16, r6 */
	0xc313, /* trapa  #0x13 */
	0x64f2, /* mov.l  @r15, r4 */
	0x7428, /* add    #40, r4 */
	0xe301, /* mov    #1, r3 (exit) */
	0xc311, /* trapa  #0x11 */
};

static const uint32_t code_sparc[] = { /* argc is above the register window's save area */
	0x82102004, /* mov   4, %g1 (write) */
	0x90102001, /* mov   1, %o0 */
	0x13001000, /* sethi %hi(0x400000), %o1 */
	0x921260c0, /* or    %o1, 0xc0, %o1 */
	0x94102010, /* mov   16, %o2 */
	0x91d02010, /* ta    0x10 */
	0xd003a040, /* ld    [%sp + 64], %o0 */
	0x90022028, /* add   %o0, 40, %o0 */
	0x82102001, /* mov   1, %g1 (exit) */
	0x91d02010, /* ta    0x10 */
};

static const uint32_t code_sparc64[] = {
	0x82102004, /* mov   4, %g1 (write) */
	0x90102001, /* mov   1, %o0 */
	0x13001000, /* sethi %hi(0x400000), %o1 */
	0x921260c0, /* or    %o1, 0xc0, %o1 */
	0x94102010, /* mov   16, %o2 */
	0x91d0206d, /* ta    0x6d */
	0xd05ba87f, /* ldx   [%sp + 2047 + 128], %o0 */
	0x90022028, /* add   %o0, 40, %o0 */
	0x82102001, /* mov   1, %g1 (exit) */
	0x91d0206d, /* ta    0x6d */
};

static const uint32_t code_or1k[] = {
	0xa9600040, /* l.ori   r11, r0, 64 (write) */
	0xa8600001, /* l.ori   r3, r0, 1 */
	0x18800040, /* l.movhi r4, 0x40 */
	0xa88400c0, /* l.ori   r4, r4, 0xc0 */
	0xa8a00010, /* l.ori   r5, r0, 16 */
	0x20000001, /* l.sys   1 */
	0x84610000, /* l.lwz   r3, 0(r1) */
	0x9c630028, /* l.addi  r3, r3, 40 */
	0xa960005d, /* l.ori   r11, r0, 93 (exit) */
	0x20000001, /* l.sys   1 */
};

static const uint32_t code_microblaze[] = {
	0x31800004, /* addik r12, r0, 4 (write) */
	0x30a00001, /* addik r5, r0, 1 */
	0xb0000040, /* imm   0x40 */
	0x30c000c0, /* addik r6, r0, 0xc0 */
	0x30e00010, /* addik r7, r0, 16 */
	0xb9cc0008, /* brki  r14, 8 */
	0xe8a10000, /* lwi   r5, r1, 0 */
	0x30a50028, /* addik r5, r5, 40 */
	0x31800001, /* addik r12, r0, 1 (exit) */
	0xb9cc0008, /* brki  r14, 8 */
};

static const uint32_t code_nios2[] = {
	0x00801004, /* movi  r2, 64 (write) */
	0x01000044, /* movi  r4, 1 */
	0x01401034, /* movhi r5, 0x40 */
	0x29403004, /* addi  r5, r5, 0xc0 */
	0x01800404, /* movi  r6, 16 */
	0x003b683a, /* trap */
	0xd9000017, /* ldw   r4, 0(sp) */
	0x21000a04, /* addi  r4, r4, 40 */
	0x00801744, /* movi  r2, 93 (exit) */
	0x003b683a, /* trap */
};

static const uint32_t code_hexagon[] = {
	0x7800c806, /* { r6 = #64 } (write) */
	0x7800c020, /* { r0 = #1 } */
	0x00044003, /* { immext(#0x4000c0) */
	0x7800c001, /*   r1 = ##0x4000c0 } */
	0x7800c202, /* { r2 = #16 } */
	0x5400c004, /* { trap0(#1) } */
	0x919dc000, /* { r0 = memw(r29 + #0) } */
	0xb000c500, /* { r0 = add(r0, #40) } */
	0x7800cba6, /* { r6 = #93 } (exit) */
	0x5400c004, /* { trap0(#1) } */
};

static const uint8_t code_xtensa[] = {
	0x22, 0xa0, 0x0d, /* movi a2, 13 (write) */
	0x62, 0xa0, 0x01, /* movi a6, 1 */
	0x32, 0xa4, 0x00, /* movi a3, 0x400 */
	0x40, 0x33, 0x11, /* slli a3, a3, 12 */
	0x42, 0xa0, 0xc0, /* movi a4, 0xc0 */
	0x40, 0x33, 0x80, /* add  a3, a3, a4 */
	0x42, 0xa0, 0x10, /* movi a4, 16 */
	0x00, 0x50, 0x00, /* syscall */
	0x62, 0x21, 0x00, /* l32i a6, a1, 0 */
	0x62, 0xc6, 0x28, /* addi a6, a6, 40 */
	0x22, 0xa0, 0x76, /* movi a2, 118 (exit) */
	0x00, 0x50, 0x00, /* syscall */
};

static const uint8_t code_xtensaeb[] = { /* the same with its fields in the other order */
	0x22, 0x0a, 0x0d, 0x26, 0x0a, 0x01, 0x23, 0x4a, 0x00, 0x04, 0x33, 0x11,
	0x24, 0x0a, 0xc0, 0x04, 0x33, 0x08, 0x24, 0x0a, 0x10, 0x00, 0x05, 0x00,
	0x26, 0x12, 0x00, 0x26, 0x6c, 0x28, 0x22, 0x0a, 0x76, 0x00, 0x05, 0x00,
};

static const uint8_t code_cris[] = {
	0x44, 0x92,                         /* moveq  4, $r9 (write) */
	0x41, 0xa2,                         /* moveq  1, $r10 */
	0x6f, 0xbe, 0xc0, 0x00, 0x40, 0x00, /* move.d 0x4000c0, $r11 */
	0x50, 0xc2,                         /* moveq  16, $r12 */
	0x3d, 0xe9,                         /* break  13 */
	0x6e, 0xaa,                         /* move.d [$sp], $r10 */
	0x28, 0xa2,                         /* addq   40, $r10 */
	0x41, 0x92,                         /* moveq  1, $r9 (exit) */
	0x3d, 0xe9,                         /* break  13 */
};

enum order { AS_DATA, ALWAYS_LITTLE }; /* of the words, in machines that have both orders */

#define CODE(code) code, sizeof(code), sizeof((code)[0])

static const struct {
	const char *arch; /* as in the emulator's name */
	const void *code;
	size_t size, unit;
	enum order order;
	uint32_t flags; /* e_flags, where the emulator reads them */
} programs[] = {
	{ "x86_64",       CODE(code_x86_64),      AS_DATA,       0 },
	{ "i386",         CODE(code_i386),        AS_DATA,       0 },
	{ "aarch64",      CODE(code_aarch64),     AS_DATA,       0 },
	{ "aarch64_be",   CODE(code_aarch64),     ALWAYS_LITTLE, 0 },
	{ "arm",          CODE(code_arm),         AS_DATA,       0x05000000 }, /* EABI 5 */
	{ "armeb",        CODE(code_arm),         ALWAYS_LITTLE, 0x05800000 }, /* and BE8 */
	{ "riscv64",      CODE(code_riscv),       AS_DATA,       0 },
	{ "riscv32",      CODE(code_riscv),       AS_DATA,       0 },
	{ "s390x",        CODE(code_s390x),       AS_DATA,       0 },
	{ "ppc64le",      CODE(code_ppc),         AS_DATA,       2 }, /* ELFv2: entry is code */
	{ "ppc64",        CODE(code_ppc64),       AS_DATA,       2 },
	{ "ppc",          CODE(code_ppc),         AS_DATA,       0 },
	{ "mips64el",     CODE(code_mips64),      AS_DATA,       0x60000000 }, /* MIPS64 */
	{ "mips64",       CODE(code_mips64),      AS_DATA,       0x60000000 },
	{ "mipsel",       CODE(code_mips),        AS_DATA,       0x00001000 }, /* o32 */
	{ "mips",         CODE(code_mips),        AS_DATA,       0x00001000 },
	{ "mipsn32el",    CODE(code_mipsn32),     AS_DATA,       0x60000020 }, /* n32 */
	{ "mipsn32",      CODE(code_mipsn32),     AS_DATA,       0x60000020 },
	{ "loongarch64",  CODE(code_loongarch64), AS_DATA,       0 },
	{ "sparc64",      CODE(code_sparc64),     AS_DATA,       0 },
	{ "sparc32plus",  CODE(code_sparc),       AS_DATA,       0x00000100 }, /* v8+ */
	{ "sparc",        CODE(code_sparc),       AS_DATA,       0 },
	{ "alpha",        CODE(code_alpha),       AS_DATA,       0 },
	{ "hppa",         CODE(code_hppa),        AS_DATA,       0 },
	{ "m68k",         CODE(code_m68k),        AS_DATA,       0 },
	{ "sh4",          CODE(code_sh4),         AS_DATA,       0 },
	{ "sh4eb",        CODE(code_sh4),         AS_DATA,       0 },
	{ "or1k",         CODE(code_or1k),        AS_DATA,       0 },
	{ "microblaze",   CODE(code_microblaze),  AS_DATA,       0 },
	{ "microblazeel", CODE(code_microblaze),  AS_DATA,       0 },
	{ "nios2",        CODE(code_nios2),       AS_DATA,       0 },
	{ "hexagon",      CODE(code_hexagon),     AS_DATA,       0x67 }, /* v67 */
	{ "xtensa",       CODE(code_xtensa),      AS_DATA,       0 },
	{ "xtensaeb",     CODE(code_xtensaeb),    AS_DATA,       0 },
	{ "cris",         CODE(code_cris),        AS_DATA,       0 },
};
/* clang-format on */

static bool is_big(const struct program *program)
{
	return program->elf[EI_DATA] == ELFDATA2MSB;
}

static void put(struct program *program, size_t offset, uint64_t value, size_t size, bool big)
{
	for (size_t i = 0; i < size; i++)
		program->elf[offset + i] = (uint8_t)(value >> 8 * (big ? size - 1 - i : i));
}

#define PUT(program, at, type, field, value)                                          \
	put(program, (at) + offsetof(type, field), value, sizeof(((type *)0)->field), \
	    is_big(program))

/* The two layouts have the same members under the same names. */
#define PUT_HEADERS(program, bits, elf_flags, size)                                       \
	do {                                                                              \
		size_t header = sizeof(Elf##bits##_Ehdr);                                 \
		PUT(program, 0, Elf##bits##_Ehdr, e_version, EV_CURRENT);                 \
		PUT(program, 0, Elf##bits##_Ehdr, e_entry, BASE + CODE_AT);               \
		PUT(program, 0, Elf##bits##_Ehdr, e_phoff, header);                       \
		PUT(program, 0, Elf##bits##_Ehdr, e_flags, elf_flags);                    \
		PUT(program, 0, Elf##bits##_Ehdr, e_ehsize, header);                      \
		PUT(program, 0, Elf##bits##_Ehdr, e_phentsize, sizeof(Elf##bits##_Phdr)); \
		PUT(program, 0, Elf##bits##_Ehdr, e_phnum, 1);                            \
		PUT(program, header, Elf##bits##_Phdr, p_type, PT_LOAD);                  \
		PUT(program, header, Elf##bits##_Phdr, p_vaddr, BASE);                    \
		PUT(program, header, Elf##bits##_Phdr, p_paddr, BASE);                    \
		PUT(program, header, Elf##bits##_Phdr, p_filesz, size);                   \
		PUT(program, header, Elf##bits##_Phdr, p_memsz, size);                    \
		PUT(program, header, Elf##bits##_Phdr, p_flags, PF_R | PF_X);             \
		PUT(program, header, Elf##bits##_Phdr, p_align, PAGE_MAX);                \
	} while (0)

/** Copy code that is kept in units of the host's order into the order of the machine. */
static void put_code(struct program *program, const void *code, size_t size, size_t unit, bool big)
{
	for (size_t at = 0; at < size; at += unit) {
		const void *from = (const char *)code + at;
		uint32_t value = unit == 4   ? *(const uint32_t *)from
				 : unit == 2 ? *(const uint16_t *)from
					     : *(const uint8_t *)from;

		put(program, CODE_AT + at, value, unit, big);
	}
}

bool program_make(const struct emulator *emulator, struct program *out)
{
	const char *arch = emulator_arch(emulator);
	size_t i = 0;

	while (i < countof(programs) && strcmp(programs[i].arch, arch) != 0)
		i++;
	if (i == countof(programs))
		return false;

	memset(out, 0, sizeof(*out));
	out->length = CODE_AT + programs[i].size;
	/* Identity, type and machine are what the rule asks for. */
	memcpy(out->elf, emulator->magic, offsetof(Elf32_Ehdr, e_version));
	if (out->elf[EI_CLASS] == ELFCLASS64)
		PUT_HEADERS(out, 64, programs[i].flags, out->length);
	else
		PUT_HEADERS(out, 32, programs[i].flags, out->length);
	snprintf(out->says, sizeof(out->says), "%-15.15s\n", arch);
	memcpy(out->elf + TEXT_AT, out->says, PROGRAM_SAYS);
	put_code(out, programs[i].code, programs[i].size, programs[i].unit,
		 is_big(out) && programs[i].order == AS_DATA);
	return true;
}
