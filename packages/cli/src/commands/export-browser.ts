import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { printable } from '@diptych/core';
import { openIndex } from '@diptych/search';
import { readIndexFacts, type StaticSearchReport, writeStaticSearch } from '@diptych/serve';
import type { JointModel } from 'diptych';
import { type Int8Recall, int8Recall, recallTable } from '../job/int8-recall.js';
import { BY_WORDS, openRunIndex } from '../job/run-index.js';
import { showCount } from '../terminal/progress.js';
import { say } from '../terminal/say.js';
import type { ExportFlags } from './export-formats.js';
import { checkParity, describePart } from './export-onnx.js';

/** Bad pictures that are named one by one. */
const NAMED = 20;

/** `diptych export browser`. */
export async function exportBrowser(model: JointModel, run: string, flags: ExportFlags): Promise<object> {
  const { out, int8, vectors, view } = flags;
  const { index, pictures, close } = await indexOf(run, flags.index);
  const progress = showCount('pictures', undefined);
  let bad = 0;
  let report: StaticSearchReport;
  try {
    report = await writeStaticSearch(out, {
      model,
      index,
      pictures,
      vectors,
      viewSize: view,
      textWeights: int8 ? 'int8' : 'float32',
      onProgress: (count) => progress.update(count),
      onBad(path, reason) {
        bad++;
        if (bad <= NAMED) console.error(`not usable: ${printable(path)}: ${printable(reason.message)}`);
      },
    });
  } finally {
    progress.stop();
    await close();
  }
  const recall = int8 ? await int8Recall(model, run, join(out, 'model/text.int8.onnx')) : undefined;
  await writeFile(join(out, 'README.md'), readme(report, flags, recall));
  say(`${run} as a search page in ${out}: ${report.rows} pictures, ${bad} not usable, ${megabytes(report.bytes)}`);
  say(report.parts.map(describePart).join('\n'));
  if (recall) say(`\n${recallTable(recall)}`);
  for (const file of report.large) say(`${file} is larger than the 100 MB that GitHub Pages takes`);
  say(`\nAny server of files will do, such as: npx http-server ${out}`);
  checkParity(join(out, 'model'), report.parts);
  return { ...report, bad, ...(recall && { recall }) };
}

/** The run's own, or the one that was asked for. */
async function indexOf(run: string, asked: string | undefined) {
  const folder = asked ?? join(run, BY_WORDS);
  const index = asked === undefined ? await openRunIndex(run, BY_WORDS) : await openIndex(asked, { readonly: true });
  const facts = await readIndexFacts(folder);
  return { index, pictures: facts?.pictures ?? '.', close: () => index.close() };
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

function readme(report: StaticSearchReport, { int8, vectors }: ExportFlags, recall: Int8Recall | undefined): string {
  const cost = recall
    ? `\n## What int8 costs

Recall of the pictures that the run held out, by their captions; the integers of a text do not depend on others, as the page
asks for one at a time.

\`\`\`
${recallTable(recall)}
\`\`\`
`
    : int8
      ? '\nWhat int8 costs is not known: the run does not say which pairs it held out.\n'
      : '';
  return `# A search page

${report.rows} pictures, searched by words or by a picture, written by [diptych](https://www.npmjs.com/package/diptych). Publish the folder
on any server of files (GitHub Pages, an object store, \`npx http-server .\`), below any path. Nothing of it asks another
server; what a visitor types or chooses stays in the browser. Opened from disk (\`file:\`) it does not run: browsers load no modules there.

| | |
| --- | --- |
| \`index.html\`, \`assets/\` | the page, and ONNX Runtime for WebAssembly (THIRD-PARTY.txt) |
| \`model/\` | towers as ONNX, the text tower's weights as ${int8 ? 'int8' : 'float32'}; tokenizer; preprocessing |
| \`index/\` | vectors as ${vectors}, and what is known of each picture, which everybody can read |
| \`thumbnails/\`, \`pictures/\` | the pictures, written anew without EXIF |
| \`site.json\` | what belongs together, with the SHA-256 of each file: publish all of one export |

No headers are needed (no COOP, no COEP). A policy of your server's own has to allow what the page's does: \`script-src 'self' 'wasm-unsafe-eval'\`.
${cost}`;
}
