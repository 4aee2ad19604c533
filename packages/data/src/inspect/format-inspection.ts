import { checkFields, printable } from '@diptych/core';
import type { Distribution } from './histogram.js';
import type { Inspection } from './inspect.js';

/** An inspection as lines for a terminal: counts, a table of distributions with small bars, what is broken, samples. */
export function formatInspection(inspection: Inspection): string {
  checkFields('data.formatInspection', 'what inspect() gives', inspection, ['source']);
  const { source, records, captions, formats, duplicates, bad, samples } = inspection;
  const kinds = Object.entries(formats).sort(([, a], [, b]) => b - a);
  const lines = [
    `${printable(source)}: ${number(records)} pairs, ${number(captions)} captions${kinds.length > 0 ? `, ${list(kinds)}` : ''}`,
    '',
    ...table(inspection),
    '',
    `duplicates  ${number(duplicates.images)} images${nearly(duplicates.nearImages)}, ${number(duplicates.captions)} captions, ${number(duplicates.ids)} ids${severalImages(duplicates.idsOfSeveralImages)}`,
    ...duplicates.examples.map((example) => `  ${printable(example)}`),
    `broken      ${number(bad.total)}${bad.total > 0 ? `: ${list(Object.entries(bad.byReason))}` : ''}`,
    ...bad.examples.map((example) => `  ${printable(example)}`),
    'samples',
    ...samples.map(
      ({ where, size, text }) =>
        `  ${[where, size, text]
          .filter(Boolean)
          .map((part) => printable(part!))
          .join('  ')}`,
    ),
  ];
  return lines.join('\n');
}

function nearly(images: number | undefined): string {
  return images === undefined ? '' : ` (${number(images)} more nearly)`;
}

function severalImages(ids: number): string {
  return ids === 0 ? '' : ` (${number(ids)} of several images: these are positives of each other)`;
}

const ROWS = {
  width: 'width (px)',
  height: 'height (px)',
  imageBytes: 'image (bytes)',
  words: 'words',
  tokens: 'tokens',
  captionsPerRecord: 'captions a pair',
} as const;

const COLUMNS = ['min', 'p5', 'p50', 'mean', 'p95', 'p99', 'max'] as const;

function table(inspection: Inspection): string[] {
  const rows = Object.entries(ROWS).flatMap(([key, title]) => {
    const distribution = inspection[key as keyof typeof ROWS];
    if (!distribution) return [];
    return [[title, ...COLUMNS.map((column) => number(distribution[column])), bars(distribution)]];
  });
  const cells = [['', ...COLUMNS, 'min to max'], ...rows];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.map((row) =>
    row
      .map((cell, column) =>
        column === 0 || column === row.length - 1 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** The bins as blocks of eight heights. */
function bars({ bins }: Distribution): string {
  const most = Math.max(...bins.map(({ count }) => count));
  return bins.map(({ count }) => (count === 0 ? ' ' : BLOCKS[Math.min(7, Math.floor((count / most) * 8))]!)).join('');
}

const BLOCKS = '▁▂▃▄▅▆▇█';

function list(entries: readonly (readonly [string, number | undefined])[]): string {
  return entries.map(([name, count]) => `${number(count ?? 0)} ${name}`).join(', ');
}

function number(value: number): string {
  return (Number.isInteger(value) ? value : Number(value.toFixed(1))).toLocaleString('en-US');
}
