import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportHf as exportModel, type JointModel } from 'diptych';
import { modelCard } from '../job/model-card.js';
import { say } from '../terminal/say.js';
import type { ExportFlags } from './export-formats.js';

/** `diptych export hf`. */
export async function exportHf(model: JointModel, run: string, { out, license }: ExportFlags): Promise<object> {
  const report = await exportModel(out, model);
  await writeFile(join(out, 'README.md'), await modelCard({ run, model, report, license }));
  say(`${run} for the hub in ${out}: ${report.layout}`);
  if (report.apart) say(`in two folders, as VisionTextDualEncoderModel cannot hold it: ${report.apart}`);
  if (!report.hasProcessor)
    say('its pictures are prepared as no image processor of transformers does: README.md says how');
  if (license === 'other') say('README.md names no licence: give one with --license');
  say(`\ndiptych push ${out} your-name/your-model`);
  return { ...report };
}
