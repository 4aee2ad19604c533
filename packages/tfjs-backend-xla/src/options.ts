/** The arithmetic of products and convolutions: float32, TF32 where the device has it, bfloat16 operands with float32 sums. */
export type XlaPrecision = 'f32' | 'tf32' | 'bf16';
