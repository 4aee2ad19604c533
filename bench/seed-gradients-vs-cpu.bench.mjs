// Gradients of the seed step, all parameters, at 224 px and 64 tokens, against tfjs-backend-cpu's.
import { compareGradients } from './lib/gradients-vs-cpu.mjs';

await compareGradients('seed');
