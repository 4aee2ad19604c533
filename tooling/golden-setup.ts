import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Families of golden/README.md and the file without which a family is not there. */
const FAMILIES: Record<string, string> = {
  mha: 'meta.json',
  resnet: 'meta.json',
  bert: 'meta.json',
  adamw: 'meta.json',
  losses: 'meta.json',
  multimodal: 'meta.json',
  resize: 'manifest.json',
  tokenizer: 'cases.json',
};

/** Says which folder the golden tests read and what is in it; refuses a folder that lacks a family. */
export default function setup(): void {
  const asked = process.env.DIPTYCH_GOLDEN;
  const folder = resolve(process.env.INIT_CWD ?? process.cwd(), asked ?? resolve(import.meta.dirname, '../golden'));
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new Error(
      `golden fixtures: no folder ${folder}; set DIPTYCH_GOLDEN to one, or unset it for the repository's copy`,
    );
  }
  const missing = Object.entries(FAMILIES).filter(([family, file]) => !existsSync(join(folder, family, file)));
  if (missing.length > 0) {
    const names = missing.map(([family, file]) => `${family}/${file}`).join(', ');
    throw new Error(`golden fixtures: ${folder} lacks ${names}`);
  }
  console.log(`golden fixtures: ${folder}`);
  for (const [family, file] of Object.entries(FAMILIES)) {
    console.log(`  ${family.padEnd(12)}${count(join(folder, family), file)} fixtures`);
  }
}

/** Cases that a manifest lists, or tensor files of a family that has no list. */
function count(folder: string, file: string): number {
  const manifest = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  if (file === 'manifest.json') return manifest.cases.length + manifest.tensors.length;
  if (file === 'cases.json') return manifest.cases.length + manifest.batches_padding_longest.length;
  return readdirSync(folder).filter((name) => name.endsWith('.safetensors')).length;
}
