import { registerDefault } from './register.js';

export { type BackendStats, type KernelCalls, OnnxRuntimeBackend, type OnnxRuntimeOptions } from './backend.js';
export { OrtError, type OrtFailure } from './ort/index.js';
export { BACKEND_NAME, useOnnxRuntime } from './register.js';

registerDefault();
