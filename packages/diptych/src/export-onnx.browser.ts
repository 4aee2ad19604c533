import { EngineError } from '@diptych/core';
import type { ExportedPart } from './export-onnx.js';

/**
 * Files are written in Node.
 *
 * @throws EngineError
 */
export async function exportJointModel(): Promise<ExportedPart[]> {
  throw new EngineError({
    where: 'diptych.exportOnnx',
    problem: 'a browser has no folder to write into, and no ONNX Runtime of ours',
    remedy: 'export in Node',
  });
}
