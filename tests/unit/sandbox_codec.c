/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/codec.h"
#include "tests/unit/sandbox_layers.h"

static const enum compression all[] = { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };
static const char *const names[] = { "none", "gzip", "zstd" };

/** Text that packs, with a part that does not. */
static void sample(struct buf *out, size_t length)
{
	uint32_t state = 1;

	while (out->length < length) {
		state = state * 1103515245 + 12345;
		if (state >> 31)
			buf_printf(out, "line %u of something or other\n", state >> 24);
		else
			buf_add(out, &state, sizeof(state));
	}
	out->length = length;
}

static void pack(enum compression compression, const struct buf *in, size_t piece, struct buf *out)
{
	owned(encoder) struct encoder *encoder = encoder_new(compression);
	struct error err = {};

	for (size_t at = 0; at < in->length; at += piece) {
		size_t length = in->length - at < piece ? in->length - at : piece;

		CHECK(encoder_run(encoder, in->data + at, length, false, out, &err) == OK);
	}
	CHECK(encoder_run(encoder, NULL, 0, true, out, &err) == OK);
}

static result unpack(enum compression compression, const struct buf *in, size_t piece,
		     struct buf *out, struct error *err)
{
	owned(decoder) struct decoder *decoder = decoder_new(compression);

	for (size_t at = 0; at < in->length;) {
		const void *from = in->data + at;
		size_t left = in->length - at < piece ? in->length - at : piece, given = left, made;

		do {
			size_t before = left;

			if (decoder_run(decoder, &from, &left, buf_reserve(out, 1000), 1000, &made,
					err))
				return FAILED;
			out->length += made;
			if (!made && before == left)
				break;
		} while (true);
		if (left == given)
			return fail(err, FAULT_SYSTEM, "no progress");
		at += given - left;
	}
	return decoder_end(decoder, err);
}

TEST(codec_gives_back_what_went_in_however_it_is_cut)
{
	static const size_t pieces[] = { 1, 7, 4096, 1 << 20 }, lengths[] = { 0, 1, 100, 300000 };

	for (size_t c = 0; c < countof(all); c++)
		for (size_t l = 0; l < countof(lengths); l++)
			for (size_t p = 0; p < countof(pieces); p++) {
				owned(buf) struct buf in = {}, packed = {}, out = {};
				struct error err = {};
				enum compression found;

				if (lengths[l] > 1000 && pieces[p] < 100)
					continue;
				buf_add_str(&in, "");
				sample(&in, lengths[l]);
				pack(all[c], &in, pieces[p], &packed);
				CHECK(codec_detect(packed.data, packed.length, &found, &err) ==
					      OK &&
				      found == all[c]);
				tap_check(unpack(all[c], &packed, pieces[p], &out, &err) == OK &&
						  out.length == in.length &&
						  memcmp(out.data ? out.data : "", in.data,
							 in.length) == 0,
					  __FILE__, __LINE__, "%s, %zu bytes by %zu: %s", names[c],
					  lengths[l], pieces[p], err.text);
			}
}

/* What may follow the end of a packed stream. */
static const struct {
	const char *text;
	size_t length;
	bool passes;
} tails[] = {
	{ "", 0, true },         { "\0\0\0\0\0\0\0\0", 8, true },
	{ "garbage", 7, false }, { "\0\0\0x", 4, false },
	{ "\x1f", 1, false },
};

TEST(codec_takes_members_in_a_row_and_zeros_but_nothing_else)
{
	for (size_t c = 1; c < countof(all); c++)
		for (size_t t = 0; t < countof(tails); t++)
			for (size_t piece = 1; piece < 2000; piece += 500) {
				owned(buf) struct buf in = {}, packed = {}, out = {};
				struct error err = {};
				bool passed;

				sample(&in, 500);
				pack(all[c], &in, 500, &packed);
				pack(all[c], &in, 500, &packed);
				buf_add(&packed, tails[t].text, tails[t].length);
				passed = unpack(all[c], &packed, piece, &out, &err) == OK;
				tap_check(passed == tails[t].passes &&
						  (!passed || out.length == 2 * in.length),
					  __FILE__, __LINE__, "%s, tail %zu, by %zu: %zu bytes, %s",
					  names[c], t, piece, out.length, err.text);
				CHECK(passed || err.fault == FAULT_INPUT);
			}
}

TEST(codec_refuses_a_stream_cut_or_damaged_anywhere)
{
	for (size_t c = 1; c < countof(all); c++) {
		owned(buf) struct buf in = {}, packed = {};

		sample(&in, 2000);
		pack(all[c], &in, 2000, &packed);
		for (size_t cut = 1; cut < packed.length; cut += 13) {
			owned(buf) struct buf part = {}, out = {};
			struct error err = {};

			buf_add(&part, packed.data, cut);
			tap_check(unpack(all[c], &part, 4096, &out, &err) &&
					  err.fault == FAULT_INPUT,
				  __FILE__, __LINE__, "%s cut at %zu passes", names[c], cut);
		}
		for (size_t at = 40; at < packed.length; at += 13) {
			owned(buf) struct buf out = {};
			struct error err = {};

			packed.data[at] ^= 0x55;
			tap_check(unpack(all[c], &packed, 4096, &out, &err) ||
					  (out.length == in.length &&
					   memcmp(out.data, in.data, in.length) == 0),
				  __FILE__, __LINE__, "%s damaged at %zu passes", names[c], at);
			packed.data[at] ^= 0x55;
		}
	}
}

static const struct {
	const char *bytes;
	const char *text;
} foreign[] = {
	{ "\xfd"
	  "7zXZ",
	  "packed with xz" },
	{ "BZh91AY", "packed with bzip2" },
	{ "\x04\x22\x4d\x18", "packed with lz4" },
};

TEST(codec_names_what_layers_cannot_be_packed_with)
{
	for (size_t i = 0; i < countof(foreign); i++) {
		struct error err = {};
		enum compression found;

		CHECK(codec_detect(foreign[i].bytes, strlen(foreign[i].bytes), &found, &err));
		CHECK(err.fault == FAULT_INPUT && strstr(err.text, foreign[i].text));
	}
}

TEST(layer_repack_keeps_the_tar_and_says_both_digests)
{
	for (size_t c = 0; c < countof(all); c++) {
		owned(fd) int from = memfd_create("from", MFD_CLOEXEC);
		owned(fd) int packed = memfd_create("packed", MFD_CLOEXEC);
		owned(fd) int back = memfd_create("back", MFD_CLOEXEC);
		owned(buf) struct buf in = {}, blob = {};
		struct layer_info info = {}, again = {};
		struct error err = {};
		struct digest want, blob_digest;

		sample(&in, 3 << 20);
		want = digest_of(in.data, in.length);
		CHECK(write_all(from, in.data, in.length, &err) == OK &&
		      lseek(from, 0, SEEK_SET) == 0);
		CHECK(layer_repack(&quiet, from, all[c], packed, &info, &err) == OK);
		CHECK(digest_equal(&info.diff_id, &want) && info.tar_size == in.length);
		CHECK(lseek(packed, 0, SEEK_SET) == 0 &&
		      read_all(packed, 8 << 20, &blob, &err) == OK);
		blob_digest = digest_of(blob.data, blob.length);
		CHECK(digest_equal(&info.blob, &blob_digest) && info.blob_size == blob.length);
		CHECK(lseek(packed, 0, SEEK_SET) == 0);
		CHECK(layer_repack(&quiet, packed, COMPRESSION_NONE, back, &again, &err) == OK);
		CHECK(digest_equal(&again.diff_id, &want) && digest_equal(&again.blob, &want));
	}
}

TEST(layer_repack_reports_a_full_disk_once)
{
	owned(fd) int from = memfd_create("from", MFD_CLOEXEC);
	owned(fd) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct layer_info info;
	struct error err = {};

	CHECK(ftruncate(from, 64 << 20) == 0);
	CHECK(layer_repack(&quiet, from, COMPRESSION_NONE, full, &info, &err));
	CHECK(err.fault == FAULT_SYSTEM && err.sys == ENOSPC);
	CHECK_STR(err.text, "layer blob: write: No space left on device");
}
