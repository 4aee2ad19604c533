import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasVulkan, runWithVulkan } from '../packages/tfjs-backend-onnxruntime/test/webgpu-process.js';
import { expectSameRun } from './same-run.js';
import type { WebGpuResult } from './webgpu-training.js';

describe.skipIf(!hasVulkan())('the WebGPU provider, without a node on the CPU', () => {
  let result: WebGpuResult;
  beforeAll(async () => {
    result = await runWithVulkan<WebGpuResult>(resolve(import.meta.dirname, 'webgpu-training.ts'));
  }, 300_000);

  it('has values and gradients of tfjs-backend-cpu', () => {
    expect(result.failures).toEqual([]);
  });

  it.each(['example', 'seed'] as const)('trains the model "%s" as the CPU provider does', (name) => {
    expectSameRun(result.runs[name].webgpu, result.runs[name].cpu);
  });

  it('keeps variables on the device between runs, and leaves clones alone', () => {
    expect(result.state).toEqual({
      onDevice: [true, true, true],
      inferred: [
        [2, 3, 4],
        [3, 4, 5],
        [8, 9, 10],
      ],
      clone: [2, 3, 4],
      weights: [8, 9, 10],
      afterDispose: [-8, -9, -10],
      leaked: 0,
    });
  });
});
