;; Uniform floats by Philox 4x32-10 (Salmon et al., SC 2011), two times four counters at a time.
;;
;; Row r of `rows` holds the floats of counters (column + i, row + r, step, site), key (seed, 0), i = 0, 1, …;
;; each counter gives four floats, (word >>> 8) * 2^-24. Rows lie `rowSize` floats apart. A row is written in blocks of
;; 32 floats: what exceeds its end is overwritten by the next row, so 124 bytes after the last row must be writable.
(module
  (import "env" "memory" (memory 1))
  (func (export "fill")
    (param $out i32) (param $rows i32) (param $rowSize i32) (param $column i32)
    (param $row i32) (param $step i32) (param $site i32) (param $seed i32)
    (local $at i32) (local $end i32) (local $index i32) (local $round i32)
    (local $c0 v128) (local $c1 v128) (local $c2 v128) (local $c3 v128)
    (local $d0 v128) (local $d1 v128) (local $d2 v128) (local $d3 v128) (local $k0 v128) (local $k1 v128)
    (local $low0 v128) (local $high0 v128) (local $low1 v128) (local $high1 v128)
    (local $mul0 v128) (local $mul1 v128) (local $weyl0 v128) (local $weyl1 v128) (local $unit v128)
    (local.set $mul0 (v128.const i32x4 0xD2511F53 0xD2511F53 0xD2511F53 0xD2511F53))
    (local.set $mul1 (v128.const i32x4 0xCD9E8D57 0xCD9E8D57 0xCD9E8D57 0xCD9E8D57))
    (local.set $weyl0 (v128.const i32x4 0x9E3779B9 0x9E3779B9 0x9E3779B9 0x9E3779B9))
    (local.set $weyl1 (v128.const i32x4 0xBB67AE85 0xBB67AE85 0xBB67AE85 0xBB67AE85))
    (local.set $unit (v128.const f32x4 0x1p-24 0x1p-24 0x1p-24 0x1p-24))
    (block $done
      (loop $nextRow
        (br_if $done (i32.eqz (local.get $rows)))
        (local.set $at (local.get $out))
        (local.set $end (i32.add (local.get $out) (i32.shl (local.get $rowSize) (i32.const 2))))
        (local.set $index (local.get $column))
        (loop $block
          (local.set $c0 (i32x4.add (i32x4.splat (local.get $index)) (v128.const i32x4 0 1 2 3)))
          (local.set $d0 (i32x4.add (local.get $c0) (v128.const i32x4 4 4 4 4)))
          (local.set $c1 (local.tee $d1 (i32x4.splat (local.get $row))))
          (local.set $c2 (local.tee $d2 (i32x4.splat (local.get $step))))
          (local.set $c3 (local.tee $d3 (i32x4.splat (local.get $site))))
          (local.set $k0 (i32x4.splat (local.get $seed)))
          (local.set $k1 (v128.const i32x4 0 0 0 0))
          (local.set $round (i32.const 10))
          (loop $rounds
            ;; 64-bit products of the four lanes, in pairs; two groups of counters, so that one's latency is the other's time
            (local.set $low0 (i64x2.extmul_low_i32x4_u (local.get $c0) (local.get $mul0)))
            (local.set $high0 (i64x2.extmul_high_i32x4_u (local.get $c0) (local.get $mul0)))
            (local.set $low1 (i64x2.extmul_low_i32x4_u (local.get $c2) (local.get $mul1)))
            (local.set $high1 (i64x2.extmul_high_i32x4_u (local.get $c2) (local.get $mul1)))
            (local.set $c0 (v128.xor (v128.xor
              (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $low1) (local.get $high1))
              (local.get $c1)) (local.get $k0)))
            (local.set $c1
              (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $low1) (local.get $high1)))
            (local.set $c2 (v128.xor (v128.xor
              (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $low0) (local.get $high0))
              (local.get $c3)) (local.get $k1)))
            (local.set $c3
              (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $low0) (local.get $high0)))
            (local.set $low0 (i64x2.extmul_low_i32x4_u (local.get $d0) (local.get $mul0)))
            (local.set $high0 (i64x2.extmul_high_i32x4_u (local.get $d0) (local.get $mul0)))
            (local.set $low1 (i64x2.extmul_low_i32x4_u (local.get $d2) (local.get $mul1)))
            (local.set $high1 (i64x2.extmul_high_i32x4_u (local.get $d2) (local.get $mul1)))
            (local.set $d0 (v128.xor (v128.xor
              (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $low1) (local.get $high1))
              (local.get $d1)) (local.get $k0)))
            (local.set $d1
              (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $low1) (local.get $high1)))
            (local.set $d2 (v128.xor (v128.xor
              (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $low0) (local.get $high0))
              (local.get $d3)) (local.get $k1)))
            (local.set $d3
              (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $low0) (local.get $high0)))
            (local.set $k0 (i32x4.add (local.get $k0) (local.get $weyl0)))
            (local.set $k1 (i32x4.add (local.get $k1) (local.get $weyl1)))
            (br_if $rounds (local.tee $round (i32.sub (local.get $round) (i32.const 1)))))
          ;; 4x4 transpositions: lane j of words 0 to 3 belongs to counter j
          (local.set $low0 (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $c0) (local.get $c1)))
          (local.set $high0 (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $c0) (local.get $c1)))
          (local.set $low1 (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $c2) (local.get $c3)))
          (local.set $high1 (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $c2) (local.get $c3)))
          (v128.store align=4 (local.get $at) (f32x4.mul (local.get $unit) (f32x4.convert_i32x4_s (i32x4.shr_u
            (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $low0) (local.get $low1)) (i32.const 8)))))
          (v128.store offset=16 align=4 (local.get $at) (f32x4.mul (local.get $unit) (f32x4.convert_i32x4_s (i32x4.shr_u
            (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $low0) (local.get $low1)) (i32.const 8)))))
          (v128.store offset=32 align=4 (local.get $at) (f32x4.mul (local.get $unit) (f32x4.convert_i32x4_s (i32x4.shr_u
            (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $high0) (local.get $high1)) (i32.const 8)))))
          (v128.store offset=48 align=4 (local.get $at) (f32x4.mul (local.get $unit) (f32x4.convert_i32x4_s (i32x4.shr_u
            (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $high0) (local.get $high1)) (i32.const 8)))))
          (local.set $low0 (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $d0) (local.get $d1)))
          (local.set $high0 (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $d0) (local.get $d1)))
          (local.set $low1 (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $d2) (local.get $d3)))
          (local.set $high1 (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $d2) (local.get $d3)))
          (v128.store offset=64 align=4 (local.get $at) (f32x4.mul (local.get $unit) (f32x4.convert_i32x4_s (i32x4.shr_u
            (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $low0) (local.get $low1)) (i32.const 8)))))
          (v128.store offset=80 align=4 (local.get $at) (f32x4.mul (local.get $unit) (f32x4.convert_i32x4_s (i32x4.shr_u
            (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $low0) (local.get $low1)) (i32.const 8)))))
          (v128.store offset=96 align=4 (local.get $at) (f32x4.mul (local.get $unit) (f32x4.convert_i32x4_s (i32x4.shr_u
            (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $high0) (local.get $high1)) (i32.const 8)))))
          (v128.store offset=112 align=4 (local.get $at) (f32x4.mul (local.get $unit) (f32x4.convert_i32x4_s (i32x4.shr_u
            (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $high0) (local.get $high1)) (i32.const 8)))))
          (local.set $index (i32.add (local.get $index) (i32.const 8)))
          (br_if $block (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 128))) (local.get $end))))
        (local.set $out (local.get $end))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
        (br $nextRow))))
  ;; Dropout masks in place: `scale` where a float is at least `threshold`, else 0. By blocks of 4 floats, so 12 bytes after
  ;; the last must be writable.
  (func (export "mask")
    (param $at i32) (param $floats i32) (param $threshold f32) (param $scale f32)
    (local $end i32) (local $thresholds v128) (local $scales v128)
    (local.set $end (i32.add (local.get $at) (i32.shl (local.get $floats) (i32.const 2))))
    (local.set $thresholds (f32x4.splat (local.get $threshold)))
    (local.set $scales (f32x4.splat (local.get $scale)))
    (loop $block
      (v128.store (local.get $at)
        (v128.and (local.get $scales) (f32x4.ge (v128.load (local.get $at)) (local.get $thresholds))))
      (br_if $block (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $end))))))
