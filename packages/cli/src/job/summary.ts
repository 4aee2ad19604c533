import { join } from 'node:path';
import { searchCommand } from '../terminal/command-names.js';
import { formatSeconds } from '../terminal/progress.js';
import type { Evaluation } from './evaluate.js';
import type { MetricsFile } from './metrics-file.js';

/** Prints recalls and matching as a table. */
export function printFigures({ textToImage, imageToText, chance, matching, rerank, candidates }: Evaluation): void {
  const cell = (value: number | string) => (typeof value === 'number' ? value.toFixed(3) : value).padStart(9);
  const line = (name: string, values: readonly (number | string)[]) =>
    console.log(`${name.padEnd(16)}${values.map(cell).join('')}`);
  const recalls = (of: typeof chance) => [of['recall@1'], of['recall@5'], of['recall@10']];
  line('', ['R@1', 'R@5', 'R@10', 'median']);
  line('text to image', [...recalls(textToImage), String(textToImage.medianRank)]);
  line('image to text', [...recalls(imageToText), String(imageToText.medianRank)]);
  line('chance', [...recalls(chance), String(Math.ceil(candidates / 2))]);
  console.log(
    `matching accuracy ${matching.accuracy.toFixed(3)}, with pictures shuffled ${matching.shuffled.toFixed(3)}`,
  );
  console.log(`R@1 text to image with the best 50 re-ranked by the matcher ${rerank['recall@1'].toFixed(3)}`);
}

/** Says on the terminal how a run ended, and what can be done with it. */
export function printSummary(folder: string, metrics: MetricsFile, trainSeconds: number, bad: string): void {
  console.log('');
  printFigures(metrics);
  console.log(`not usable: ${bad}`);
  console.log(
    `training ${formatSeconds(trainSeconds)}, whole run ${formatSeconds(metrics.seconds)}, peak memory ${Math.round(metrics.peakRssMiB)} MiB`,
  );
  const search = searchCommand();
  const row = (command: string, what: string) => `  ${command.padEnd(search.length + 34)}${what}`;
  console.log(`\nTry next:
${row(`${search} "a red heart"`, 'pictures for words')}
${row(`${search} "a red heart" --rerank 50`, 'the same, looked at again by the fused matcher')}
${row(`${search} --image some/picture.png`, 'pictures like a picture')}
  open ${join(folder, 'report.html')}`);
}
