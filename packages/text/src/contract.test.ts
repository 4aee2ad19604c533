import '@tensorflow/tfjs-backend-cpu';
import { testEncoder } from '@diptych/testing';
import { describe, it } from 'vitest';
import { batchOf, SMALL_ENCODERS } from '../test/small-encoders.js';

for (const [name, create] of Object.entries(SMALL_ENCODERS)) {
  // SigLIP has one length of rows and sees padding by design, which the contract forbids
  if (name !== 'SiglipText') testEncoder({ describe, it }, name, { create, input: batchOf });
}
