import { existsSync, readFileSync } from 'node:fs';
import type { ReportInput } from './report.js';

/**
 * Losses of a run from its log. Steps that a killed process had done after its last checkpoint stand there twice: the later
 * line counts.
 */
export function readHistory(path: string): ReportInput['history'] {
  if (!existsSync(path)) return [];
  const steps = new Map<number, ReportInput['history'][number]>();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    if (!line.includes('"kind":"step"') || !line.endsWith('}')) continue;
    const { step, loss, parts } = JSON.parse(line) as ReportInput['history'][number];
    steps.set(step, { step, loss, parts: withoutFigures(parts) });
  }
  return [...steps.values()].sort((a, b) => a.step - b.step);
}

/** Parts that are losses; scales and accuracies would need axes of their own. */
function withoutFigures(parts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(parts).filter(([name]) => !name.includes('.')));
}
