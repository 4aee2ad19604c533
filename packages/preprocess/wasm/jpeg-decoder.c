/**
 * JPEG to RGB with libjpeg-turbo, one picture at a time, for src/image/jpeg-decoder.ts.
 *
 * It takes only what it can decode without a doubt: on any error and any warning it calls the host's `fail`, which
 * unwinds by an exception; the host then drops the instance and asks another decoder. Nothing is freed: memory starts anew
 * with every picture.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "jinclude.h"
#include "jpeglib.h"
#include "jpegint.h"
#include "jmemsys.h"

#define EXPORT(name) __attribute__((export_name(name)))

/* More scans than any encoder writes; a few bytes a scan could otherwise keep the decoder busy for minutes. */
#define MAX_SCANS 100
#define ROWS_AT_ONCE 8

__attribute__((import_module("host"), import_name("fail"), noreturn)) void fail(void);

/* Memory: libjpeg's pools come from one stack that only grows while a picture is decoded (for jmemnobs.c). */

#define PAGE 65536
#define ALIGNMENT 32

extern unsigned char __heap_base;
static uintptr_t top;

static void *take(size_t size)
{
  uintptr_t start = (top + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
  uint64_t end = (uint64_t)start + size;
  uint64_t room = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
  if (end > room && __builtin_wasm_memory_grow(0, (size_t)((end - room + PAGE - 1) / PAGE)) == (size_t)-1) fail();
  top = (uintptr_t)end;
  return (void *)start;
}

GLOBAL(void *) jpeg_get_small(j_common_ptr cinfo, size_t size) { return take(size); }
GLOBAL(void *) jpeg_get_large(j_common_ptr cinfo, size_t size) { return take(size); }
GLOBAL(void) jpeg_free_small(j_common_ptr cinfo, void *object, size_t size) {}
GLOBAL(void) jpeg_free_large(j_common_ptr cinfo, void *object, size_t size) {}
GLOBAL(size_t) jpeg_mem_available(j_common_ptr cinfo, size_t least, size_t most, size_t taken) { return most; }
GLOBAL(void) jpeg_open_backing_store(j_common_ptr cinfo, backing_store_ptr info, long size) { fail(); }
GLOBAL(long) jpeg_mem_init(j_common_ptr cinfo) { return 0; }
GLOBAL(void) jpeg_mem_term(j_common_ptr cinfo) {}

void *memcpy(void *target, const void *from, size_t size) { return __builtin_memcpy(target, from, size); }
void *memset(void *target, int value, size_t size) { return __builtin_memset(target, value, size); }

/* Parts of libjpeg-turbo that 8-bit Huffman-coded pictures never reach, and that are not linked. */

#define UNREACHED(name) GLOBAL(void) name(j_decompress_ptr cinfo) { fail(); }
#define UNREACHED_SWITCH(name) GLOBAL(void) name(j_decompress_ptr cinfo, boolean value) { fail(); }

UNREACHED(jinit_arith_decoder)
UNREACHED(jinit_lhuff_decoder)
UNREACHED(jinit_lossless_decompressor)
UNREACHED(jinit_merged_upsampler)
UNREACHED(jinit_1pass_quantizer)
UNREACHED(jinit_2pass_quantizer)
UNREACHED(j12init_lossless_decompressor)
UNREACHED(j12init_merged_upsampler)
UNREACHED(j12init_1pass_quantizer)
UNREACHED(j12init_2pass_quantizer)
UNREACHED(j12init_color_deconverter)
UNREACHED(j12init_upsampler)
UNREACHED(j12init_inverse_dct)
UNREACHED(j16init_lossless_decompressor)
UNREACHED(j16init_color_deconverter)
UNREACHED(j16init_upsampler)
UNREACHED_SWITCH(jinit_d_diff_controller)
UNREACHED_SWITCH(j12init_d_diff_controller)
UNREACHED_SWITCH(j12init_d_post_controller)
UNREACHED_SWITCH(j12init_d_coef_controller)
UNREACHED_SWITCH(j12init_d_main_controller)
UNREACHED_SWITCH(j16init_d_diff_controller)
UNREACHED_SWITCH(j16init_d_post_controller)
UNREACHED_SWITCH(j16init_d_main_controller)

static struct jpeg_decompress_struct decoder;
static struct jpeg_error_mgr errors;
static struct jpeg_source_mgr source;
static struct jpeg_progress_mgr progress;

static void on_error(j_common_ptr cinfo) { fail(); }
static void on_reset(j_common_ptr cinfo) {}

/* Levels below 0 are warnings of damaged data, the others tell what is read. */
static void on_message(j_common_ptr cinfo, int level)
{
  if (level < 0) fail();
}

static void on_progress(j_common_ptr cinfo)
{
  if (decoder.input_scan_number > MAX_SCANS) fail();
}

static void on_source(j_decompress_ptr cinfo) {}
static boolean on_end_of_input(j_decompress_ptr cinfo) { fail(); }

static void on_skip(j_decompress_ptr cinfo, long count)
{
  if (count <= 0) return;
  if ((size_t)count > source.bytes_in_buffer) fail();
  source.next_input_byte += count;
  source.bytes_in_buffer -= count;
}

static void prepare(const unsigned char *input, size_t size)
{
  errors.error_exit = on_error;
  errors.emit_message = on_message;
  errors.reset_error_mgr = on_reset;
  decoder.err = &errors;
  jpeg_CreateDecompress(&decoder, JPEG_LIB_VERSION, sizeof(decoder));
  source.next_input_byte = input;
  source.bytes_in_buffer = size;
  source.init_source = on_source;
  source.fill_input_buffer = on_end_of_input;
  source.skip_input_data = on_skip;
  source.resync_to_restart = jpeg_resync_to_restart;
  source.term_source = on_source;
  decoder.src = &source;
  progress.progress_monitor = on_progress;
  decoder.progress = &progress;
}

static boolean is_plain(uint32_t max_pixels)
{
  return (decoder.num_components == 1 || decoder.num_components == 3) && decoder.data_precision == 8 &&
         !decoder.arith_code && !decoder.master->lossless &&
         (uint64_t)decoder.image_width * decoder.image_height <= max_pixels;
}

/** Room for an encoded picture of `size` bytes; ends the life of the picture before. */
EXPORT("open") unsigned char *open_input(size_t size)
{
  top = (uintptr_t)&__heap_base;
  return take(size);
}

/**
 * Decodes the picture at `input`: packed RGB of `width()` x `height()`, until the next `open`.
 * NULL for kinds that are left to others: CMYK, lossless, arithmetic coding, 12 bits, or more than `max_pixels`.
 */
EXPORT("decode") unsigned char *decode(const unsigned char *input, size_t size, uint32_t max_pixels)
{
  prepare(input, size);
  jpeg_read_header(&decoder, TRUE);
  if (!is_plain(max_pixels)) return NULL;
  decoder.out_color_space = JCS_RGB;
  size_t stride = (size_t)decoder.image_width * 3;
  unsigned char *pixels = take(stride * decoder.image_height);
  jpeg_start_decompress(&decoder);
  while (decoder.output_scanline < decoder.output_height) {
    JSAMPROW rows[ROWS_AT_ONCE];
    JDIMENSION left = decoder.output_height - decoder.output_scanline;
    JDIMENSION count = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
    for (JDIMENSION i = 0; i < count; i++) rows[i] = pixels + (decoder.output_scanline + i) * stride;
    jpeg_read_scanlines(&decoder, rows, count);
  }
  jpeg_finish_decompress(&decoder);
  return pixels;
}

EXPORT("width") uint32_t width(void) { return decoder.output_width; }
EXPORT("height") uint32_t height(void) { return decoder.output_height; }
