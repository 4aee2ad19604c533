import { registerDefault } from './register.js';

export type { KernelCalls } from '@diptych/graph/engine';
export { type BackendStats, OnnxRuntimeBackend, type OnnxRuntimeOptions } from './backend.js';
export { type ExportedModel, type ExportOnnxOptions, exportOnnx } from './export/export-onnx.js';
export { type OpenedOnnx, openOnnx, runOnnx } from './export/run-onnx.js';
export { OrtError, type OrtFailure } from './ort/index.js';
export { BACKEND_NAME, useOnnxRuntime } from './register.js';

registerDefault();
