;; AdamW (Loshchilov and Hutter, 2019) in place, four floats at a time. Pointers are multiples of 16, `count` is a
;; multiple of 8 and above zero.
(module
  (import "env" "memory" (memory 1))

  ;; Sum of squares in double precision: the products are exact, four partial sums hide the latency of the additions.
  (func (export "sumOfSquares") (param $g i32) (param $count i32) (result f64)
    (local $end i32) (local $x v128) (local $y v128)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local.set $end (i32.add (local.get $g) (i32.shl (local.get $count) (i32.const 2))))
    (loop $next
      (local.set $x (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $g))))
      (local.set $y (f64x2.promote_low_f32x4 (v128.load64_zero offset=8 (local.get $g))))
      (local.set $s0 (f64x2.add (local.get $s0) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $s1 (f64x2.add (local.get $s1) (f64x2.mul (local.get $y) (local.get $y))))
      (local.set $x (f64x2.promote_low_f32x4 (v128.load64_zero offset=16 (local.get $g))))
      (local.set $y (f64x2.promote_low_f32x4 (v128.load64_zero offset=24 (local.get $g))))
      (local.set $s2 (f64x2.add (local.get $s2) (f64x2.mul (local.get $x) (local.get $x))))
      (local.set $s3 (f64x2.add (local.get $s3) (f64x2.mul (local.get $y) (local.get $y))))
      (br_if $next (i32.lt_u (local.tee $g (i32.add (local.get $g) (i32.const 32))) (local.get $end))))
    (local.set $s0 (f64x2.add (f64x2.add (local.get $s0) (local.get $s1)) (f64x2.add (local.get $s2) (local.get $s3))))
    (f64.add (f64x2.extract_lane 0 (local.get $s0)) (f64x2.extract_lane 1 (local.get $s0))))

  ;; g = scale * g; m = beta1 m + rest1 g; v = beta2 v + rest2 g^2; p = decay * p - rate * m / (correction * sqrt(v) + eps)
  ;; with decay = 1 - lr * weightDecay, rate = lr / (1 - beta1^k), correction = 1 / sqrt(1 - beta2^k). g itself stays.
  (func (export "update")
    (param $p i32) (param $m i32) (param $v i32) (param $g i32) (param $count i32)
    (param $scale f32) (param $beta1 f32) (param $rest1 f32) (param $beta2 f32) (param $rest2 f32)
    (param $decay f32) (param $rate f32) (param $correction f32) (param $eps f32)
    (local $end i32) (local $gradient v128) (local $mean v128) (local $square v128)
    (local $vScale v128) (local $vBeta1 v128) (local $vRest1 v128) (local $vBeta2 v128) (local $vRest2 v128)
    (local $vDecay v128) (local $vRate v128) (local $vCorrection v128) (local $vEps v128)
    (local.set $vScale (f32x4.splat (local.get $scale)))
    (local.set $vBeta1 (f32x4.splat (local.get $beta1)))
    (local.set $vRest1 (f32x4.splat (local.get $rest1)))
    (local.set $vBeta2 (f32x4.splat (local.get $beta2)))
    (local.set $vRest2 (f32x4.splat (local.get $rest2)))
    (local.set $vDecay (f32x4.splat (local.get $decay)))
    (local.set $vRate (f32x4.splat (local.get $rate)))
    (local.set $vCorrection (f32x4.splat (local.get $correction)))
    (local.set $vEps (f32x4.splat (local.get $eps)))
    (local.set $end (i32.add (local.get $p) (i32.shl (local.get $count) (i32.const 2))))
    (loop $next
      (local.set $gradient (v128.load (local.get $g)))
      (local.set $gradient (f32x4.mul (local.get $gradient) (local.get $vScale)))
      (local.set $mean (f32x4.add
        (f32x4.mul (v128.load (local.get $m)) (local.get $vBeta1))
        (f32x4.mul (local.get $gradient) (local.get $vRest1))))
      (local.set $square (f32x4.add
        (f32x4.mul (v128.load (local.get $v)) (local.get $vBeta2))
        (f32x4.mul (f32x4.mul (local.get $gradient) (local.get $gradient)) (local.get $vRest2))))
      (v128.store (local.get $m) (local.get $mean))
      (v128.store (local.get $v) (local.get $square))
      (v128.store (local.get $p) (f32x4.sub
        (f32x4.mul (v128.load (local.get $p)) (local.get $vDecay))
        (f32x4.div
          (f32x4.mul (local.get $mean) (local.get $vRate))
          (f32x4.add (f32x4.mul (f32x4.sqrt (local.get $square)) (local.get $vCorrection)) (local.get $vEps)))))
      (local.set $gradient (v128.load offset=16 (local.get $g)))
      (local.set $gradient (f32x4.mul (local.get $gradient) (local.get $vScale)))
      (local.set $mean (f32x4.add
        (f32x4.mul (v128.load offset=16 (local.get $m)) (local.get $vBeta1))
        (f32x4.mul (local.get $gradient) (local.get $vRest1))))
      (local.set $square (f32x4.add
        (f32x4.mul (v128.load offset=16 (local.get $v)) (local.get $vBeta2))
        (f32x4.mul (f32x4.mul (local.get $gradient) (local.get $gradient)) (local.get $vRest2))))
      (v128.store offset=16 (local.get $m) (local.get $mean))
      (v128.store offset=16 (local.get $v) (local.get $square))
      (v128.store offset=16 (local.get $p) (f32x4.sub
        (f32x4.mul (v128.load offset=16 (local.get $p)) (local.get $vDecay))
        (f32x4.div
          (f32x4.mul (local.get $mean) (local.get $vRate))
          (f32x4.add (f32x4.mul (f32x4.sqrt (local.get $square)) (local.get $vCorrection)) (local.get $vEps)))))
      (local.set $m (i32.add (local.get $m) (i32.const 32)))
      (local.set $v (i32.add (local.get $v) (i32.const 32)))
      (local.set $g (i32.add (local.get $g) (i32.const 32)))
      (br_if $next (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 32))) (local.get $end))))))
