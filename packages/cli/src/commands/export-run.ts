import { existsSync, readdirSync, statSync } from 'node:fs';
import { ConfigError } from '@diptych/core';
import { type JointModel, load } from 'diptych';
import { keepOutputForJson } from '../terminal/say.js';
import { askedRun } from './asked-run.js';
import { exportBrowser } from './export-browser.js';
import { type ExportFlags, type ExportFormat, FLAGS_OF } from './export-formats.js';
import { exportHf } from './export-hf.js';
import { exportOnnxFiles } from './export-onnx.js';

/** What each format does with a run's model; gives what `--json` prints. */
type Exporter = (model: JointModel, run: string, flags: ExportFlags) => Promise<object>;

const EXPORTERS: Readonly<Record<ExportFormat, Exporter>> = {
  onnx: exportOnnxFiles,
  browser: exportBrowser,
  hf: exportHf,
};

/** The work of `diptych export`. */
export async function exportRun(flags: ExportFlags, format: ExportFormat): Promise<void> {
  const { out, force, json } = flags;
  if (json) keepOutputForJson();
  checkFlags(flags, format);
  checkEmpty(out, force);
  const run = await askedRun(flags);
  const model = await load(run);
  try {
    const written = await EXPORTERS[format](model, run, flags);
    if (json) console.log(JSON.stringify({ run, format, folder: out, ...written }));
  } finally {
    model.dispose();
  }
}

/** @throws ConfigError for a flag of another format, which would do nothing */
function checkFlags(flags: ExportFlags, format: ExportFormat): void {
  for (const [of, defaults] of Object.entries(FLAGS_OF)) {
    if (of === format) continue;
    for (const [name, value] of Object.entries(defaults)) {
      const given = flags[name as keyof ExportFlags];
      if (given === undefined || given === value) continue;
      throw new ConfigError({
        where: `export ${format}: --${name}`,
        expected: `a flag of export ${format}`,
        got: `one of export ${of}`,
        remedy: 'leave it out',
      });
    }
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
