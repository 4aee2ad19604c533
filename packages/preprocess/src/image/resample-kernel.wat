;; The two passes of Pillow's 8-bit resampler on packed RGB, 128-bit SIMD, bit for bit.
;;
;; Pillow accumulates sum(coefficient * byte) in 32 bits with 22-bit fixed-point coefficients. A coefficient k is split
;; here into two 16-bit halves, k = high * 4096 + low, so that the 16-bit dot product (two taps a lane) can be used
;; twice in place of 32-bit multiplications. Sums wrap modulo 2^32, and the true sum fits, so the result is exact.
;;
;; A group of coefficients is 16 bytes: the high halves of four taps, then their low halves. Missing taps are zero;
;; the bytes they meet may be anything, so buffers need slack at the end (see resample.ts).
(module
  (memory (export "memory") 1)

  ;; bounds: per output pixel two int32: byte offset of the first tap in the row, number of groups.
  ;; Works on four rows at a time; rows beyond the picture are garbage in, garbage out.
  (func (export "horizontal")
    (param $source i32) (param $sourceStride i32) (param $target i32) (param $targetStride i32)
    (param $rowGroups i32) (param $width i32) (param $bounds i32) (param $coefficients i32) (param $coefficientStride i32)
    (local $x i32) (local $group i32) (local $k i32) (local $bound i32) (local $out i32)
    (local $s0 i32) (local $s1 i32) (local $s2 i32) (local $s3 i32)
    (local $h01 v128) (local $h23 v128) (local $l01 v128) (local $l23 v128)
    (local $a v128) (local $b v128) (local $v v128)
    (local $high0 v128) (local $high1 v128) (local $high2 v128) (local $high3 v128)
    (local $low0 v128) (local $low1 v128) (local $low2 v128) (local $low3 v128)
    (block $done
      (loop $rows
        (br_if $done (i32.eqz (local.get $rowGroups)))
        (local.set $x (i32.const 0))
        (local.set $bound (local.get $bounds))
        (local.set $out (local.get $target))
        (loop $pixels
          (local.set $s0 (i32.add (local.get $source) (i32.load (local.get $bound))))
          (local.set $s1 (i32.add (local.get $s0) (local.get $sourceStride)))
          (local.set $s2 (i32.add (local.get $s1) (local.get $sourceStride)))
          (local.set $s3 (i32.add (local.get $s2) (local.get $sourceStride)))
          (local.set $group (i32.load offset=4 (local.get $bound)))
          (local.set $k (i32.add (local.get $coefficients) (i32.mul (local.get $x) (local.get $coefficientStride))))
          (local.set $high0 (v128.const i32x4 0 0 0 0))
          (local.set $high1 (v128.const i32x4 0 0 0 0))
          (local.set $high2 (v128.const i32x4 0 0 0 0))
          (local.set $high3 (v128.const i32x4 0 0 0 0))
          ;; The low sums start at one half, 1 << 21: rounding.
          (local.set $low0 (v128.const i32x4 2097152 2097152 2097152 2097152))
          (local.set $low1 (local.get $low0))
          (local.set $low2 (local.get $low0))
          (local.set $low3 (local.get $low0))
          (loop $taps
            (local.set $h01 (v128.load32_splat (local.get $k)))
            (local.set $h23 (v128.load32_splat offset=4 (local.get $k)))
            (local.set $l01 (v128.load32_splat offset=8 (local.get $k)))
            (local.set $l23 (v128.load32_splat offset=12 (local.get $k)))
            ;; r0 r1 g0 g1 b0 b1 0 0 as 16-bit lanes, then the same of pixels 2 and 3.
            (local.set $v (v128.load (local.get $s0)))
            (local.set $a (i8x16.swizzle (local.get $v)
              (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
            (local.set $b (i8x16.swizzle (local.get $v)
              (v128.const i8x16 6 -1 9 -1 7 -1 10 -1 8 -1 11 -1 -1 -1 -1 -1)))
            (local.set $high0 (i32x4.add (local.get $high0) (i32x4.add
              (i32x4.dot_i16x8_s (local.get $a) (local.get $h01)) (i32x4.dot_i16x8_s (local.get $b) (local.get $h23)))))
            (local.set $low0 (i32x4.add (local.get $low0) (i32x4.add
              (i32x4.dot_i16x8_s (local.get $a) (local.get $l01)) (i32x4.dot_i16x8_s (local.get $b) (local.get $l23)))))
            (local.set $s0 (i32.add (local.get $s0) (i32.const 12)))
            (local.set $v (v128.load (local.get $s1)))
            (local.set $a (i8x16.swizzle (local.get $v)
              (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
            (local.set $b (i8x16.swizzle (local.get $v)
              (v128.const i8x16 6 -1 9 -1 7 -1 10 -1 8 -1 11 -1 -1 -1 -1 -1)))
            (local.set $high1 (i32x4.add (local.get $high1) (i32x4.add
              (i32x4.dot_i16x8_s (local.get $a) (local.get $h01)) (i32x4.dot_i16x8_s (local.get $b) (local.get $h23)))))
            (local.set $low1 (i32x4.add (local.get $low1) (i32x4.add
              (i32x4.dot_i16x8_s (local.get $a) (local.get $l01)) (i32x4.dot_i16x8_s (local.get $b) (local.get $l23)))))
            (local.set $s1 (i32.add (local.get $s1) (i32.const 12)))
            (local.set $v (v128.load (local.get $s2)))
            (local.set $a (i8x16.swizzle (local.get $v)
              (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
            (local.set $b (i8x16.swizzle (local.get $v)
              (v128.const i8x16 6 -1 9 -1 7 -1 10 -1 8 -1 11 -1 -1 -1 -1 -1)))
            (local.set $high2 (i32x4.add (local.get $high2) (i32x4.add
              (i32x4.dot_i16x8_s (local.get $a) (local.get $h01)) (i32x4.dot_i16x8_s (local.get $b) (local.get $h23)))))
            (local.set $low2 (i32x4.add (local.get $low2) (i32x4.add
              (i32x4.dot_i16x8_s (local.get $a) (local.get $l01)) (i32x4.dot_i16x8_s (local.get $b) (local.get $l23)))))
            (local.set $s2 (i32.add (local.get $s2) (i32.const 12)))
            (local.set $v (v128.load (local.get $s3)))
            (local.set $a (i8x16.swizzle (local.get $v)
              (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
            (local.set $b (i8x16.swizzle (local.get $v)
              (v128.const i8x16 6 -1 9 -1 7 -1 10 -1 8 -1 11 -1 -1 -1 -1 -1)))
            (local.set $high3 (i32x4.add (local.get $high3) (i32x4.add
              (i32x4.dot_i16x8_s (local.get $a) (local.get $h01)) (i32x4.dot_i16x8_s (local.get $b) (local.get $h23)))))
            (local.set $low3 (i32x4.add (local.get $low3) (i32x4.add
              (i32x4.dot_i16x8_s (local.get $a) (local.get $l01)) (i32x4.dot_i16x8_s (local.get $b) (local.get $l23)))))
            (local.set $s3 (i32.add (local.get $s3) (i32.const 12)))
            (local.set $k (i32.add (local.get $k) (i32.const 16)))
            (br_if $taps (local.tee $group (i32.sub (local.get $group) (i32.const 1))))
          )
          ;; Four bytes a pixel are stored, the fourth is overwritten by the next pixel or falls into the row's slack.
          (local.set $a (i16x8.narrow_i32x4_s
            (i32x4.shr_s (i32x4.add (i32x4.shl (local.get $high0) (i32.const 12)) (local.get $low0)) (i32.const 22))
            (i32x4.shr_s (i32x4.add (i32x4.shl (local.get $high1) (i32.const 12)) (local.get $low1)) (i32.const 22))))
          (local.set $b (i16x8.narrow_i32x4_s
            (i32x4.shr_s (i32x4.add (i32x4.shl (local.get $high2) (i32.const 12)) (local.get $low2)) (i32.const 22))
            (i32x4.shr_s (i32x4.add (i32x4.shl (local.get $high3) (i32.const 12)) (local.get $low3)) (i32.const 22))))
          (local.set $v (i8x16.narrow_i16x8_u (local.get $a) (local.get $b)))
          (v128.store32_lane 0 (local.get $out) (local.get $v))
          (v128.store32_lane 1 (i32.add (local.get $out) (local.get $targetStride)) (local.get $v))
          (v128.store32_lane 2 (i32.add (local.get $out) (i32.shl (local.get $targetStride) (i32.const 1))) (local.get $v))
          (v128.store32_lane 3 (i32.add (local.get $out) (i32.mul (local.get $targetStride) (i32.const 3))) (local.get $v))
          (local.set $out (i32.add (local.get $out) (i32.const 3)))
          (local.set $bound (i32.add (local.get $bound) (i32.const 8)))
          (br_if $pixels (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (local.get $width)))
        )
        (local.set $source (i32.add (local.get $source) (i32.shl (local.get $sourceStride) (i32.const 2))))
        (local.set $target (i32.add (local.get $target) (i32.shl (local.get $targetStride) (i32.const 2))))
        (local.set $rowGroups (i32.sub (local.get $rowGroups) (i32.const 1)))
        (br $rows)
      )
    )
  )

  ;; bounds: per output row two int32: first source row, number of groups (of four rows).
  ;; Works on 16 bytes of a row at a time; strides are multiples of 16.
  (func (export "vertical")
    (param $source i32) (param $sourceStride i32) (param $target i32) (param $targetStride i32)
    (param $height i32) (param $bounds i32) (param $coefficients i32) (param $coefficientStride i32)
    (local $x i32) (local $group i32) (local $k i32) (local $row i32) (local $column i32) (local $y i32)
    (local $h v128) (local $l v128) (local $a v128) (local $b v128) (local $v v128) (local $w v128)
    (local $high0 v128) (local $high1 v128) (local $high2 v128) (local $high3 v128)
    (local $low0 v128) (local $low1 v128) (local $low2 v128) (local $low3 v128)
    (loop $rows
      (local.set $column (i32.add (local.get $source)
        (i32.mul (i32.load (local.get $bounds)) (local.get $sourceStride))))
      (local.set $x (i32.const 0))
      (loop $columns
        (local.set $row (i32.add (local.get $column) (local.get $x)))
        (local.set $k (local.get $coefficients))
        (local.set $group (i32.load offset=4 (local.get $bounds)))
        (local.set $high0 (v128.const i32x4 0 0 0 0))
        (local.set $high1 (v128.const i32x4 0 0 0 0))
        (local.set $high2 (v128.const i32x4 0 0 0 0))
        (local.set $high3 (v128.const i32x4 0 0 0 0))
        (local.set $low0 (v128.const i32x4 2097152 2097152 2097152 2097152))
        (local.set $low1 (local.get $low0))
        (local.set $low2 (local.get $low0))
        (local.set $low3 (local.get $low0))
        (loop $taps
          ;; Rows 0 and 1 of the group, byte by byte interleaved, widened to 16 bits.
          (local.set $h (v128.load32_splat offset=0 (local.get $k)))
          (local.set $l (v128.load32_splat offset=8 (local.get $k)))
          (local.set $v (v128.load (local.get $row)))
          (local.set $row (i32.add (local.get $row) (local.get $sourceStride)))
          (local.set $w (v128.load (local.get $row)))
          (local.set $row (i32.add (local.get $row) (local.get $sourceStride)))
          (local.set $a (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $v) (local.get $w)))
          (local.set $b (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $v) (local.get $w)))
          (local.set $v (i16x8.extend_low_i8x16_u (local.get $a)))
          (local.set $high0 (i32x4.add (local.get $high0) (i32x4.dot_i16x8_s (local.get $v) (local.get $h))))
          (local.set $low0 (i32x4.add (local.get $low0) (i32x4.dot_i16x8_s (local.get $v) (local.get $l))))
          (local.set $v (i16x8.extend_high_i8x16_u (local.get $a)))
          (local.set $high1 (i32x4.add (local.get $high1) (i32x4.dot_i16x8_s (local.get $v) (local.get $h))))
          (local.set $low1 (i32x4.add (local.get $low1) (i32x4.dot_i16x8_s (local.get $v) (local.get $l))))
          (local.set $v (i16x8.extend_low_i8x16_u (local.get $b)))
          (local.set $high2 (i32x4.add (local.get $high2) (i32x4.dot_i16x8_s (local.get $v) (local.get $h))))
          (local.set $low2 (i32x4.add (local.get $low2) (i32x4.dot_i16x8_s (local.get $v) (local.get $l))))
          (local.set $v (i16x8.extend_high_i8x16_u (local.get $b)))
          (local.set $high3 (i32x4.add (local.get $high3) (i32x4.dot_i16x8_s (local.get $v) (local.get $h))))
          (local.set $low3 (i32x4.add (local.get $low3) (i32x4.dot_i16x8_s (local.get $v) (local.get $l))))
          ;; Rows 2 and 3 of the group, byte by byte interleaved, widened to 16 bits.
          (local.set $h (v128.load32_splat offset=4 (local.get $k)))
          (local.set $l (v128.load32_splat offset=12 (local.get $k)))
          (local.set $v (v128.load (local.get $row)))
          (local.set $row (i32.add (local.get $row) (local.get $sourceStride)))
          (local.set $w (v128.load (local.get $row)))
          (local.set $row (i32.add (local.get $row) (local.get $sourceStride)))
          (local.set $a (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $v) (local.get $w)))
          (local.set $b (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $v) (local.get $w)))
          (local.set $v (i16x8.extend_low_i8x16_u (local.get $a)))
          (local.set $high0 (i32x4.add (local.get $high0) (i32x4.dot_i16x8_s (local.get $v) (local.get $h))))
          (local.set $low0 (i32x4.add (local.get $low0) (i32x4.dot_i16x8_s (local.get $v) (local.get $l))))
          (local.set $v (i16x8.extend_high_i8x16_u (local.get $a)))
          (local.set $high1 (i32x4.add (local.get $high1) (i32x4.dot_i16x8_s (local.get $v) (local.get $h))))
          (local.set $low1 (i32x4.add (local.get $low1) (i32x4.dot_i16x8_s (local.get $v) (local.get $l))))
          (local.set $v (i16x8.extend_low_i8x16_u (local.get $b)))
          (local.set $high2 (i32x4.add (local.get $high2) (i32x4.dot_i16x8_s (local.get $v) (local.get $h))))
          (local.set $low2 (i32x4.add (local.get $low2) (i32x4.dot_i16x8_s (local.get $v) (local.get $l))))
          (local.set $v (i16x8.extend_high_i8x16_u (local.get $b)))
          (local.set $high3 (i32x4.add (local.get $high3) (i32x4.dot_i16x8_s (local.get $v) (local.get $h))))
          (local.set $low3 (i32x4.add (local.get $low3) (i32x4.dot_i16x8_s (local.get $v) (local.get $l))))
          (local.set $k (i32.add (local.get $k) (i32.const 16)))
          (br_if $taps (local.tee $group (i32.sub (local.get $group) (i32.const 1))))
        )
        (v128.store (i32.add (local.get $target) (local.get $x))
          (i8x16.narrow_i16x8_u
            (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (i32x4.shl (local.get $high0) (i32.const 12)) (local.get $low0)) (i32.const 22))
              (i32x4.shr_s (i32x4.add (i32x4.shl (local.get $high1) (i32.const 12)) (local.get $low1)) (i32.const 22)))
            (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (i32x4.shl (local.get $high2) (i32.const 12)) (local.get $low2)) (i32.const 22))
              (i32x4.shr_s (i32x4.add (i32x4.shl (local.get $high3) (i32.const 12)) (local.get $low3)) (i32.const 22)))))
        (br_if $columns (i32.lt_u
          (local.tee $x (i32.add (local.get $x) (i32.const 16))) (local.get $targetStride)))
      )
      (local.set $target (i32.add (local.get $target) (local.get $targetStride)))
      (local.set $coefficients (i32.add (local.get $coefficients) (local.get $coefficientStride)))
      (local.set $bounds (i32.add (local.get $bounds) (i32.const 8)))
      (br_if $rows (i32.lt_u (local.tee $y (i32.add (local.get $y) (i32.const 1))) (local.get $height)))
    )
  )
)
