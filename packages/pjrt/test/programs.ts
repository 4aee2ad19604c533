// StableHLO of the tests, as text.

/** `a + b` of four floats. */
export const ADD = `module { func.func @main(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.add %a, %b : tensor<4xf32>
  return %0 : tensor<4xf32>
} }`;

/** A step whose state is written in place: `a + b` over `a`, and the sum of it. */
export const STEP = `module { func.func @main(%a: tensor<2x3xf32> {tf.aliasing_output = 0 : i32}, %b: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<f32>) {
  %0 = stablehlo.add %a, %b : tensor<2x3xf32>
  %z = stablehlo.constant dense<0.0> : tensor<f32>
  %1 = stablehlo.reduce(%0 init: %z) applies stablehlo.add across dimensions = [0, 1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<f32>
  return %0, %1 : tensor<2x3xf32>, tensor<f32>
} }`;

/** The product of two square matrices: as slow as one wants. */
export const product = (
  side: number,
) => `module { func.func @main(%a: tensor<${side}x${side}xf32>, %b: tensor<${side}x${side}xf32>) -> tensor<${side}x${side}xf32> {
  %0 = stablehlo.dot_general %a, %b, contracting_dims = [1] x [0] : (tensor<${side}x${side}xf32>, tensor<${side}x${side}xf32>) -> tensor<${side}x${side}xf32>
  return %0 : tensor<${side}x${side}xf32>
} }`;

/** The sum over two replicas. */
export const ALL_REDUCE = `module { func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = "stablehlo.all_reduce"(%a) <{replica_groups = dense<[[0, 1]]> : tensor<1x2xi64>}> ({
    ^bb0(%x: tensor<f32>, %y: tensor<f32>):
      %z = stablehlo.add %x, %y : tensor<f32>
      stablehlo.return %z : tensor<f32>
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
} }`;

/** Gives its argument back, of any dtype and shape. */
export const identity = (type: string) => `module { func.func @main(%a: ${type}) -> ${type} { return %a : ${type} } }`;

/** Eight terabytes. */
export const TOO_LARGE = `module { func.func @main() -> tensor<1048576x2097152xf32> {
  %0 = stablehlo.constant dense<1.0> : tensor<f32>
  %1 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<f32>) -> tensor<1048576x2097152xf32>
  return %1 : tensor<1048576x2097152xf32>
} }`;
