/**
 * The accurate integer inverse DCT of libjpeg (jidctint.c: Loeffler, Ligtenberg and Moschytz, 13-bit constants, two
 * passes), in WebAssembly SIMD. It stands in for libjpeg-turbo's Neon version, which takes three times as long when
 * translated; as in its SSE2 version, values between the passes saturate at 16 bits.
 */
#include <wasm_simd128.h>
#include "jinclude.h"
#include "jpeglib.h"

#define CONST_BITS 13
#define PASS1_BITS 2

/* Cosines times 2^13, named as in jidctint.c. */
enum {
  F_0_298 = 2446,
  F_0_390 = 3196,
  F_0_541 = 4433,
  F_0_765 = 6270,
  F_0_899 = 7373,
  F_1_175 = 9633,
  F_1_501 = 12299,
  F_1_847 = 15137,
  F_1_961 = 16069,
  F_2_053 = 16819,
  F_2_562 = 20995,
  F_3_072 = 25172
};

#define INLINE_STATIC static inline __attribute__((always_inline))

/* 32-bit sums a * x + b * y of eight lanes, as low and high four. */
typedef struct {
  v128_t low, high;
} wide;

INLINE_STATIC v128_t pair(int16_t a, int16_t b)
{
  return wasm_i16x8_make(a, b, a, b, a, b, a, b);
}

INLINE_STATIC v128_t interleave_low(v128_t a, v128_t b)
{
  return wasm_i16x8_shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

INLINE_STATIC v128_t interleave_high(v128_t a, v128_t b)
{
  return wasm_i16x8_shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

INLINE_STATIC wide interleave(v128_t x, v128_t y)
{
  return (wide){ interleave_low(x, y), interleave_high(x, y) };
}

INLINE_STATIC wide dot(wide xy, int16_t a, int16_t b)
{
  v128_t factors = pair(a, b);
  return (wide){ wasm_i32x4_dot_i16x8(xy.low, factors), wasm_i32x4_dot_i16x8(xy.high, factors) };
}

INLINE_STATIC wide plus(wide a, wide b)
{
  return (wide){ wasm_i32x4_add(a.low, b.low), wasm_i32x4_add(a.high, b.high) };
}

INLINE_STATIC wide minus(wide a, wide b)
{
  return (wide){ wasm_i32x4_sub(a.low, b.low), wasm_i32x4_sub(a.high, b.high) };
}

INLINE_STATIC wide scaled_up(v128_t x)
{
  return (wide){ wasm_i32x4_shl(wasm_i32x4_extend_low_i16x8(x), CONST_BITS),
                 wasm_i32x4_shl(wasm_i32x4_extend_high_i16x8(x), CONST_BITS) };
}

INLINE_STATIC v128_t descaled(wide x, int bits)
{
  v128_t half = wasm_i32x4_splat(1 << (bits - 1));
  return wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(wasm_i32x4_add(x.low, half), bits),
                                 wasm_i32x4_shr(wasm_i32x4_add(x.high, half), bits));
}

/* One pass down the columns of eight rows. */
INLINE_STATIC void transform(v128_t row[8], int bits)
{
  wide in26 = interleave(row[2], row[6]);
  wide even2 = dot(in26, F_0_541, F_0_541 - F_1_847);
  wide even3 = dot(in26, F_0_541 + F_0_765, F_0_541);
  wide even0 = scaled_up(wasm_i16x8_add(row[0], row[4]));
  wide even1 = scaled_up(wasm_i16x8_sub(row[0], row[4]));
  wide sum0 = plus(even0, even3), sum3 = minus(even0, even3);
  wide sum1 = plus(even1, even2), sum2 = minus(even1, even2);

  wide z34 = interleave(wasm_i16x8_add(row[7], row[3]), wasm_i16x8_add(row[5], row[1]));
  wide z3 = dot(z34, F_1_175 - F_1_961, F_1_175);
  wide z4 = dot(z34, F_1_175, F_1_175 - F_0_390);
  wide in71 = interleave(row[7], row[1]), in53 = interleave(row[5], row[3]);
  wide odd0 = plus(dot(in71, F_0_298 - F_0_899, -F_0_899), z3);
  wide odd1 = plus(dot(in53, F_2_053 - F_2_562, -F_2_562), z4);
  wide odd2 = plus(dot(in53, -F_2_562, F_3_072 - F_2_562), z3);
  wide odd3 = plus(dot(in71, -F_0_899, F_1_501 - F_0_899), z4);

  row[0] = descaled(plus(sum0, odd3), bits);
  row[7] = descaled(minus(sum0, odd3), bits);
  row[1] = descaled(plus(sum1, odd2), bits);
  row[6] = descaled(minus(sum1, odd2), bits);
  row[2] = descaled(plus(sum2, odd1), bits);
  row[5] = descaled(minus(sum2, odd1), bits);
  row[3] = descaled(plus(sum3, odd0), bits);
  row[4] = descaled(minus(sum3, odd0), bits);
}

/* Three rounds of interleaving row i with row i + 4 transpose an 8 x 8 block. */
INLINE_STATIC void transpose(v128_t row[8])
{
  for (int round = 0; round < 3; round++) {
    v128_t next[8];
    for (int i = 0; i < 4; i++) {
      next[2 * i] = interleave_low(row[i], row[i + 4]);
      next[2 * i + 1] = interleave_high(row[i], row[i + 4]);
    }
    for (int i = 0; i < 8; i++) row[i] = next[i];
  }
}

GLOBAL(void) jsimd_idct_islow_neon(void *dct_table, JCOEFPTR coefficients, JSAMPARRAY output, JDIMENSION column)
{
  const int16_t *quantization = dct_table;
  v128_t row[8];
  v128_t varying = wasm_i16x8_const_splat(0);
  for (int i = 0; i < 8; i++) {
    v128_t coefficient = wasm_v128_load(coefficients + 8 * i);
    row[i] = wasm_i16x8_mul(coefficient, wasm_v128_load(quantization + 8 * i));
    if (i > 0) varying = wasm_v128_or(varying, coefficient);
  }
  const v128_t center = wasm_i8x16_const_splat((int8_t)0x80);
  v128_t first = wasm_v128_load(coefficients);
  varying = wasm_v128_or(varying, wasm_i16x8_replace_lane(first, 0, 0));
  if (!wasm_v128_any_true(varying)) {
    /* Both passes of a block of one colour. */
    v128_t level = wasm_i16x8_splat((int16_t)((wasm_i16x8_extract_lane(row[0], 0) + 4) >> 3));
    v128_t bytes = wasm_v128_xor(wasm_i8x16_narrow_i16x8(level, level), center);
    for (int i = 0; i < 8; i++) wasm_v128_store64_lane(output[i] + column, bytes, 0);
    return;
  }
  transform(row, CONST_BITS - PASS1_BITS);
  transpose(row);
  transform(row, CONST_BITS + PASS1_BITS + 3);
  transpose(row);
  for (int i = 0; i < 8; i += 2) {
    v128_t bytes = wasm_v128_xor(wasm_i8x16_narrow_i16x8(row[i], row[i + 1]), center);
    wasm_v128_store64_lane(output[i] + column, bytes, 0);
    wasm_v128_store64_lane(output[i + 1] + column, bytes, 1);
  }
}
