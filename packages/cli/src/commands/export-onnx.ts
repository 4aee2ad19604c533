import { EngineError } from '@diptych/core';
import type { ExportedPart, JointModel } from 'diptych';
import { say } from '../terminal/say.js';
import type { ExportFlags } from './export-formats.js';

/** Distance from the model, as a part of its largest result, above which a file is of no use; float32 gives some 1e-6. */
const LARGEST_DISTANCE = 1e-3;

/** `diptych export onnx`. */
export async function exportOnnxFiles(model: JointModel, run: string, { out }: ExportFlags): Promise<object> {
  const files = await model.exportOnnx(out);
  say(`${run} as onnx in ${out}\n${files.map(describePart).join('\n')}`);
  checkParity(out, files);
  return { files };
}

/** A line on a file: what goes in and out, and how far it is from the model. */
export function describePart({ file, inputs, outputs, parity }: ExportedPart): string {
  return `  ${file}: ${inputs.join(', ')} -> ${outputs.join(', ')}; ${parity.toExponential(1)} from the model`;
}

/** @throws EngineError if a file with all of its digits gives other results than the model */
export function checkParity(out: string, files: readonly ExportedPart[]): void {
  const far = files.find(({ parity, weights }) => weights === 'float32' && !(parity <= LARGEST_DISTANCE));
  if (far === undefined) return;
  throw new EngineError({
    where: `${out}/${far.file}`,
    expected: `results within ${LARGEST_DISTANCE} of the model's`,
    got: `${far.parity}`,
    remedy: 'do not use these files; report it with run.json',
  });
}
