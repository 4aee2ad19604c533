import { existsSync, readdirSync, statSync } from 'node:fs';
import { ConfigError, EngineError } from '@diptych/core';
import { type ExportedPart, load } from 'diptych';
import { askedRun } from './asked-run.js';
import type { ExportFlags, ExportFormat } from './export-formats.js';

/** Distance from the model, as a part of its largest result, above which a file is of no use; float32 gives some 1e-6. */
const LARGEST_DISTANCE = 1e-3;

/** The work of `diptych export`. */
export async function exportRun(flags: ExportFlags, format: ExportFormat): Promise<void> {
  const { out, force, json } = flags;
  checkEmpty(out, force);
  const run = await askedRun(flags);
  const model = await load(run);
  try {
    const files = await model.exportOnnx(out);
    if (json) console.log(JSON.stringify({ run, format, folder: out, files }));
    else console.log(`${run} as ${format} in ${out}\n${files.map(describe).join('\n')}`);
    checkParity(out, files);
  } finally {
    model.dispose();
  }
}

/** @throws ConfigError for a folder whose files might be lost, or a file in its place */
function checkEmpty(out: string, force: boolean): void {
  if (!existsSync(out)) return;
  const isFolder = statSync(out).isDirectory();
  if (isFolder && (force || readdirSync(out).length === 0)) return;
  throw new ConfigError({
    where: `--out ${out}`,
    expected: 'an empty folder, or a new one',
    got: isFolder ? 'one that holds something' : 'a file',
    remedy: isFolder ? 'name another folder, or add --force' : 'name a folder',
  });
}

function describe({ file, inputs, outputs, parity }: ExportedPart): string {
  return `  ${file}: ${inputs.join(', ')} -> ${outputs.join(', ')}; ${parity.toExponential(1)} from the model`;
}

/** @throws EngineError if a file gives other results than the model */
function checkParity(out: string, files: readonly ExportedPart[]): void {
  const far = files.find(({ parity }) => !(parity <= LARGEST_DISTANCE));
  if (far === undefined) return;
  throw new EngineError({
    where: `${out}/${far.file}`,
    expected: `results within ${LARGEST_DISTANCE} of the model's`,
    got: `${far.parity}`,
    remedy: 'do not use these files; report it with run.json',
  });
}
