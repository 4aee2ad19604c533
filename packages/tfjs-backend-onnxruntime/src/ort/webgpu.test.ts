import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasVulkan, runWithVulkan } from '../../test/webgpu-process.js';

describe.skipIf(!hasVulkan())('WebGPU sessions', () => {
  it('keep state on the device from run to run', async () => {
    const result = await runWithVulkan(resolve(import.meta.dirname, '../../test/webgpu-session.ts'));
    expect(result).toEqual({
      losses: [3, 4, 5],
      locations: ['gpu-buffer', 'gpu-buffer', 'gpu-buffer'],
      refused: expect.stringMatching(/on the GPU/),
      downloaded: [1, 3, 0, 1],
      back: [5, 6],
      disposed: expect.stringMatching(/after dispose/),
      closed: expect.stringMatching(/after dispose/),
      outlived: [2 ** 21, 2 ** 21, 0, 2 ** 21],
    });
  }, 120_000);
});
