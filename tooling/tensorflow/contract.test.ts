import { testBackend } from '@diptych/testing';
import '@tensorflow/tfjs-backend-cpu';
import { describe, it } from 'vitest';

testBackend({ describe, it }, 'tfjs-node', { backend: 'tensorflow' });
