import { readFileSync } from 'node:fs';
import { parseSafetensors } from '@diptych/weights';
import { expect, it } from 'vitest';

/** What safetensors 0.8 opens, refuses and reads; made by reference/gen_safetensors_fixtures.py. */
interface Case {
  readonly name: string;
  readonly file: string;
  readonly open: boolean;
  readonly metadata?: Readonly<Record<string, string>> | null;
  /** null for a tensor that PyTorch has no type for, values null for complex ones. */
  readonly tensors?: Readonly<Record<string, { shape: number[]; values: (number | string)[] | null } | null>>;
}

const { cases } = JSON.parse(
  readFileSync(new URL('./__fixtures__/safetensors-reader.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

const NOT_FINITE: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
};

it.each(cases)('$name', ({ file, open, metadata, tensors }) => {
  const bytes = Buffer.from(file, 'base64');
  if (!open) {
    expect(() => parseSafetensors(bytes)).toThrow(expect.objectContaining({ code: 'weights' }));
    return;
  }
  const read = parseSafetensors(bytes);
  expect(read.metadata).toEqual(metadata ?? {});
  expect([...read.infos.keys()].sort()).toEqual(Object.keys(tensors!).sort());
  for (const [name, wanted] of Object.entries(tensors!)) {
    if (!wanted?.values) {
      expect(() => read.read(name)).toThrow(/cannot be read/);
      continue;
    }
    const { shape, data } = read.read(name);
    expect(shape).toEqual(wanted.shape);
    const values = wanted.values.map((value) => (typeof value === 'number' ? value : NOT_FINITE[value]!));
    expect(Array.from(data)).toEqual(data instanceof Float32Array ? values.map(Math.fround) : values);
  }
});
