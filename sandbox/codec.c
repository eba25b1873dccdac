/* SPDX-License-Identifier: Apache-2.0 */
/**
 * One shape for three ways of packing.
 */
#include "sandbox/codec.h"

#include "base/mem.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum {
	GZIP_LEVEL = 1, /* igzip's level 1 packs as gzip's 3 does, ten times as fast */
	ZSTD_LEVEL = 3,
	ZSTD_WORKERS_MAX = 8,
	ENCODER_ROOM = 128 << 10,
};

/* clang-format off */
static const struct {
	const char *magic;
	size_t length;
	const char *refused; /* what it is called, where layers cannot be packed so */
	enum compression compression;
} magics[] = {
	{ "\x1f\x8b",                 2, NULL,       COMPRESSION_GZIP },
	{ "\x28\xb5\x2f\xfd",         4, NULL,       COMPRESSION_ZSTD },
	{ "\xfd" "7zXZ",              5, "xz",       COMPRESSION_NONE },
	{ "BZh",                      3, "bzip2",    COMPRESSION_NONE },
	{ "\x04\x22\x4d\x18",         4, "lz4",      COMPRESSION_NONE },
};
/* clang-format on */

result codec_detect(const void *bytes, size_t length, enum compression *out, struct error *err)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < countof(magics); i++) {
		if (length < magics[i].length ||
		    memcmp(bytes, magics[i].magic, magics[i].length) != 0)
			continue;
		if (magics[i].refused)
			return fail(err, FAULT_INPUT,
				    "packed with %s: a layer is a tar, plain or with gzip or zstd",
				    magics[i].refused);
		*out = magics[i].compression;
		return OK;
	}
	/* A zstd stream may begin with one of 16 kinds of frame that are to be skipped. */
	*out = length >= 4 && (byte[0] & 0xf0) == 0x50 && memcmp(byte + 1, "\x2a\x4d\x18", 3) == 0
		       ? COMPRESSION_ZSTD
		       : COMPRESSION_NONE;
	return OK;
}

struct decoder {
	enum compression compression;
	bool at_boundary; /* between members or frames: the stream may end here */
	bool any;         /* a member has begun */
	bool padding;     /* only zeros may follow */
	struct inflate_state *gzip;
	ZSTD_DCtx *zstd;
};

struct decoder *decoder_new(enum compression compression)
{
	struct decoder *decoder = xnew(struct decoder);

	decoder->compression = compression;
	decoder->at_boundary = true;
	if (compression == COMPRESSION_GZIP) {
		decoder->gzip = xnew(struct inflate_state);
		isal_inflate_init(decoder->gzip);
		decoder->gzip->crc_flag = ISAL_GZIP;
	}
	if (compression == COMPRESSION_ZSTD) {
		decoder->zstd = ZSTD_createDCtx();
		if (!decoder->zstd)
			abort();
		ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax, CODEC_WINDOW_LOG_MAX);
	}
	return decoder;
}

void decoder_drop(struct decoder **decoder)
{
	if (!*decoder)
		return;
	free((*decoder)->gzip);
	ZSTD_freeDCtx((*decoder)->zstd);
	free(*decoder);
	*decoder = NULL;
}

static result run_none(const void **in, size_t *in_length, void *out, size_t out_size, size_t *made)
{
	*made = *in_length < out_size ? *in_length : out_size;
	memcpy(out, *in, *made);
	*in = (const char *)*in + *made;
	*in_length -= *made;
	return OK;
}

/** Use up zeros after the last member; tape tools pad with them. */
static result run_padding(const void **in, size_t *in_length, struct error *err)
{
	const char *at = *in;

	for (; *in_length > 0; at++, --*in_length)
		if (*at)
			return fail(err, FAULT_INPUT,
				    "packed stream: something else follows its end");
	*in = at;
	return OK;
}

static result run_gzip(struct decoder *decoder, const void **in, size_t *in_length, void *out,
		       size_t out_size, size_t *made, struct error *err)
{
	struct inflate_state *gzip = decoder->gzip;
	int status;

	if (decoder->at_boundary && *in_length > 0) {
		if (decoder->any && *(const uint8_t *)*in != 0x1f) {
			decoder->padding = true;
			return run_padding(in, in_length, err);
		}
		if (decoder->any) {
			isal_inflate_reset(gzip);
			gzip->crc_flag = ISAL_GZIP;
		}
		decoder->any = true;
		decoder->at_boundary = false;
	}
	if (decoder->at_boundary)
		return OK;
	gzip->next_in = (uint8_t *)(uintptr_t)*in;
	gzip->avail_in = (uint32_t)*in_length;
	gzip->next_out = out;
	gzip->avail_out = (uint32_t)out_size;
	status = isal_inflate(gzip);
	if (status < 0 || status == ISAL_NEED_DICT)
		return fail(err, FAULT_INPUT, "gzip stream is damaged (%s)",
			    status == ISAL_INCORRECT_CHECKSUM ? "checksum" : "structure");
	*in = gzip->next_in;
	*in_length = gzip->avail_in;
	*made = out_size - gzip->avail_out;
	decoder->at_boundary = gzip->block_state == ISAL_BLOCK_FINISH;
	return OK;
}

static result run_zstd(struct decoder *decoder, const void **in, size_t *in_length, void *out,
		       size_t out_size, size_t *made, struct error *err)
{
	ZSTD_inBuffer from = { *in, *in_length, 0 };
	ZSTD_outBuffer to = { out, out_size, 0 };
	size_t left;

	if (decoder->at_boundary && decoder->any && *in_length > 0 && *(const char *)*in == 0) {
		decoder->padding = true;
		return run_padding(in, in_length, err);
	}
	/* Asking again at a frame's end would begin a new frame. */
	if (decoder->at_boundary && *in_length == 0)
		return OK;
	decoder->any = true;
	left = ZSTD_decompressStream(decoder->zstd, &to, &from);
	if (ZSTD_isError(left))
		return fail(err, FAULT_INPUT, "zstd stream is damaged: %s",
			    ZSTD_getErrorName(left));
	*in = (const char *)*in + from.pos;
	*in_length -= from.pos;
	*made = to.pos;
	decoder->at_boundary = left == 0;
	return OK;
}

result decoder_run(struct decoder *decoder, const void **in, size_t *in_length, void *out,
		   size_t out_size, size_t *made, struct error *err)
{
	*made = 0;
	if (decoder->padding)
		return run_padding(in, in_length, err);
	switch (decoder->compression) {
	case COMPRESSION_GZIP:
		return run_gzip(decoder, in, in_length, out, out_size, made, err);
	case COMPRESSION_ZSTD:
		return run_zstd(decoder, in, in_length, out, out_size, made, err);
	case COMPRESSION_NONE:
		break;
	}
	return run_none(in, in_length, out, out_size, made);
}

result decoder_end(struct decoder *decoder, struct error *err)
{
	if (!decoder->at_boundary)
		return fail(err, FAULT_INPUT, "packed stream is truncated");
	return OK;
}

struct encoder {
	enum compression compression;
	struct isal_zstream gzip;
	void *gzip_memory;
	ZSTD_CCtx *zstd;
};

static void gzip_start(struct encoder *encoder)
{
	encoder->gzip_memory = xcalloc(1, ISAL_DEF_LVL1_DEFAULT);
	isal_deflate_init(&encoder->gzip);
	encoder->gzip.gzip_flag = IGZIP_GZIP;
	encoder->gzip.level = GZIP_LEVEL;
	encoder->gzip.level_buf = encoder->gzip_memory;
	encoder->gzip.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
}

/** One worker at least: with none zstd cuts its blocks elsewhere, and bytes would differ. */
static int zstd_workers(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online < 1 ? 1 : online > ZSTD_WORKERS_MAX ? ZSTD_WORKERS_MAX : (int)online;
}

static void zstd_start(struct encoder *encoder)
{
	encoder->zstd = ZSTD_createCCtx();
	if (!encoder->zstd)
		abort();
	ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_checksumFlag, 1);
	ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_nbWorkers, zstd_workers());
}

struct encoder *encoder_new(enum compression compression)
{
	struct encoder *encoder = xnew(struct encoder);

	encoder->compression = compression;
	if (compression == COMPRESSION_GZIP)
		gzip_start(encoder);
	if (compression == COMPRESSION_ZSTD)
		zstd_start(encoder);
	return encoder;
}

void encoder_drop(struct encoder **encoder)
{
	if (!*encoder)
		return;
	free((*encoder)->gzip_memory);
	ZSTD_freeCCtx((*encoder)->zstd);
	free(*encoder);
	*encoder = NULL;
}

static result pack_gzip(struct encoder *encoder, const void *data, size_t length, bool is_last,
			struct buf *out, struct error *err)
{
	struct isal_zstream *gzip = &encoder->gzip;

	gzip->next_in = (uint8_t *)(uintptr_t)data;
	gzip->avail_in = (uint32_t)length;
	gzip->end_of_stream = is_last;
	do {
		gzip->next_out = (uint8_t *)buf_reserve(out, ENCODER_ROOM);
		gzip->avail_out = ENCODER_ROOM;
		if (isal_deflate(gzip) != COMP_OK)
			return fail(err, FAULT_SYSTEM, "gzip cannot pack this");
		out->length += ENCODER_ROOM - gzip->avail_out;
	} while (gzip->avail_out == 0 || gzip->avail_in > 0);
	return OK;
}

static result pack_zstd(struct encoder *encoder, const void *data, size_t length, bool is_last,
			struct buf *out, struct error *err)
{
	ZSTD_inBuffer from = { data, length, 0 };
	size_t left;

	do {
		ZSTD_outBuffer to = { buf_reserve(out, ENCODER_ROOM), ENCODER_ROOM, 0 };

		left = ZSTD_compressStream2(encoder->zstd, &to, &from,
					    is_last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return fail(err, FAULT_SYSTEM, "zstd cannot pack this: %s",
				    ZSTD_getErrorName(left));
		out->length += to.pos;
	} while (from.pos < from.size || (is_last && left > 0));
	return OK;
}

result encoder_run(struct encoder *encoder, const void *data, size_t length, bool is_last,
		   struct buf *out, struct error *err)
{
	switch (encoder->compression) {
	case COMPRESSION_GZIP:
		return pack_gzip(encoder, data, length, is_last, out, err);
	case COMPRESSION_ZSTD:
		return pack_zstd(encoder, data, length, is_last, out, err);
	case COMPRESSION_NONE:
		break;
	}
	buf_add(out, data, length);
	return OK;
}
