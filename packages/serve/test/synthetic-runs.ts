import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a synthetic run is made of. */
export interface SyntheticRun {
  readonly steps?: number;
  readonly learningRate?: number;
  /** Steps whose loss is not finite. */
  readonly bad?: readonly number[];
  readonly finished?: boolean;
  readonly extra?: readonly object[];
}

/** A line of a log for a step, as the trainer writes it. */
export function stepRecord(step: number, steps: number, learningRate = 1e-3, loss?: number | 'NaN'): object {
  const contrastive = 0.3 + 5.2 * Math.exp((-step * learningRate * 3000) / steps) + 0.12 * noise(step, learningRate);
  const matching = 0.2 + 0.45 * Math.exp(-step / steps) + 0.03 * noise(step + 7, learningRate);
  return {
    time: new Date(Date.UTC(2026, 10, 29, 12) + step * 800).toISOString(),
    kind: 'step',
    step,
    epoch: Math.floor(step / 10),
    total: steps,
    loss: loss ?? contrastive + matching,
    parts: { contrastive, matching },
    gradNorm: 2 + Math.abs(noise(step, 3)),
    towerGradNorms: { image: 1.2 + Math.abs(noise(step, 4)), text: 0.4 + Math.abs(noise(step, 5)) / 3 },
    learningRates: { image: learningRate * Math.min(1, step / 30), text: learningRate * Math.min(1, step / 30) },
    pairs: 256,
    pairsPerSecond: 320 + 12 * noise(step, 6),
    seconds: step * 0.8,
    etaSeconds: (steps - step) * 0.8,
    ...(step % 50 === 1 && {
      updateRatios: { image: 1e-3 + 3e-4 * noise(step, 8), text: 2e-3 + 3e-4 * noise(step, 9) },
    }),
  };
}

/** Writes a run as the command line leaves it. */
export function writeRun(folder: string, name: string, options: SyntheticRun = {}): string {
  const { steps = 300, learningRate = 1e-3, bad = [], finished = true, extra = [] } = options;
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  const lines: object[] = [];
  for (let step = 1; step <= steps; step++) {
    lines.push(stepRecord(step, steps, learningRate, bad.includes(step) ? 'NaN' : undefined));
    if (step % 50 === 0) {
      const recall = (k: number) => Math.min(1, (0.1 + 0.4 * (step / steps)) * k ** 0.4);
      const way = {
        'recall@1': recall(1),
        'recall@5': recall(5),
        'recall@10': recall(10),
        medianRank: 9,
        candidates: 500,
      };
      const metrics = Object.fromEntries(
        ['textToImage', 'imageToText'].flatMap((side) =>
          Object.entries(way).map(([key, value]) => [`${side}.${key}`, value]),
        ),
      );
      lines.push({ kind: 'validation', step, metrics });
    }
  }
  writeFileSync(
    join(path, 'run.json'),
    JSON.stringify({ data: 'emoji', seed: 0, recipe: { learningRate, batchSize: 256 } }),
  );
  writeFileSync(join(path, 'steps.jsonl'), `${[...lines, ...extra].map((line) => JSON.stringify(line)).join('\n')}\n`);
  if (finished) {
    const way = { 'recall@1': 0.41, 'recall@5': 0.7, 'recall@10': 0.82, medianRank: 2 };
    writeFileSync(join(path, 'metrics.json'), JSON.stringify({ textToImage: way, imageToText: way, candidates: 500 }));
  }
  return path;
}

/** Between -1 and 1, the same each time. */
function noise(step: number, seed: number): number {
  const x = Math.sin(step * 12.9898 + seed * 78.233) * 43758.5453;
  return 2 * (x - Math.floor(x)) - 1;
}
