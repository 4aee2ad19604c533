import { readOperands } from './adamw-operands.js';
import type { HostKernel } from './host-kernel.js';

/** The kernel `AdamW` on plain arrays, for programs that are not compiled: computed in float64. */
export const adamW: HostKernel = (inputs, node) => {
  const { rates, options, healthy } = readOperands(node, inputs);
  const [p, g, m, v] = inputs as Float32Array[];
  if (!healthy) return [p!, m!, v!];
  const { learningRate, weightDecay, step, scale } = rates;
  const { beta1, beta2, eps } = options;
  const rate = learningRate / (1 - beta1 ** step);
  const correction = 1 / Math.sqrt(1 - beta2 ** step);
  const [parameter, expAvg, expAvgSq] = [p, m, v].map((x) => new Float32Array(x!.length)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  for (let i = 0; i < parameter.length; i++) {
    const gradient = g![i]! * scale;
    const mean = beta1 * m![i]! + (1 - beta1) * gradient;
    const square = beta2 * v![i]! + (1 - beta2) * gradient * gradient;
    expAvg[i] = mean;
    expAvgSq[i] = square;
    parameter[i] = p![i]! * (1 - learningRate * weightDecay) - (rate * mean) / (Math.sqrt(square) * correction + eps);
  }
  return [parameter, expAvg, expAvgSq];
};
