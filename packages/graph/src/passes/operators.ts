/** Operations on each element by itself, with broadcasting where there are several operands. */
export const ELEMENTWISE: ReadonlySet<string> = new Set(
  ('Abs Acos Acosh Add Asin Asinh Atan Atan2 Atanh BroadcastTo Cast Ceil ClipByValue Cos Cosh Elu EluGrad Equal Erf ' +
    'Exp Expm1 Floor FloorDiv Greater GreaterEqual Identity IsFinite IsInf IsNan LeakyRelu Less LessEqual Log Log1p ' +
    'LogicalAnd LogicalNot LogicalOr Maximum Minimum Mod Multiply Neg NotEqual Pow Prelu RealDiv Reciprocal Relu ' +
    'Relu6 Round Rsqrt Select Selu Sigmoid Sign Sin Sinh Softplus Sqrt Square SquaredDifference Step Sub Tan Tanh')
    .split(' '),
); // biome-ignore format: a table

/** Operations that fold the axes in their attribute `axes`. */
export const REDUCTIONS: ReadonlySet<string> = new Set(['Sum', 'Mean', 'Max', 'Min', 'Prod', 'All', 'Any']);
