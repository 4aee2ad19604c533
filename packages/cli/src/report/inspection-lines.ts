import { printable } from '@diptych/core';
import type { Inspection } from '@diptych/data';

/** Distributions by their names in the output, with what of them is told. */
const DISTRIBUTIONS = {
  width: 'width-pixels',
  height: 'height-pixels',
  imageBytes: 'image-bytes',
  words: 'words',
  tokens: 'tokens',
  captionsPerRecord: 'captions-a-pair',
} as const;
const STATISTICS = ['min', 'p5', 'p50', 'mean', 'p95', 'p99', 'max'] as const;

/** An inspection for pipes: a name, a tab and a value a line, numbers without separators; several examples are several lines. */
export function inspectionLines(inspection: Inspection): string[] {
  const { source, records, captions, formats, duplicates, bad } = inspection;
  const { images, nearImages, captions: texts, ids, idsOfSeveralImages, examples } = duplicates;
  const lines: (readonly [name: string, value: string | number | undefined])[] = [
    ['source', source],
    ['pairs', records],
    ['captions', captions],
    ...Object.entries(formats).map(([format, count]) => [`format.${format}`, count] as const),
    ...Object.entries(DISTRIBUTIONS).flatMap(([key, name]) => {
      const found = inspection[key as keyof typeof DISTRIBUTIONS];
      return found
        ? STATISTICS.map((statistic) => [`${name}.${statistic}`, Number(found[statistic].toFixed(2))] as const)
        : [];
    }),
    ['duplicates.images', images],
    ['duplicates.near-images', nearImages],
    ['duplicates.captions', texts],
    ['duplicates.ids', ids],
    ['duplicates.ids-of-several-images', idsOfSeveralImages],
    ...examples.map((example) => ['duplicates.example', example] as const),
    ['unusable', bad.total],
    ...Object.entries(bad.byReason).map(([reason, count]) => [`unusable.${reason}`, count] as const),
    ...bad.examples.map((example) => ['unusable.example', example] as const),
  ];
  return lines
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}\t${printable(String(value))}`);
}
