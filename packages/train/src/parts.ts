import type { Stateful } from '@diptych/core';
import type { Variable } from '@tensorflow/tfjs-core';

/** Prefix of a part's names, and the part: `['image_encoder', …]`. */
export type NamedPart = readonly [prefix: string, part: Stateful];

/** Parameters of several parts, each under its prefix. */
export function* parametersOf(parts: Iterable<NamedPart>): Iterable<[string, Variable]> {
  for (const [prefix, part] of parts) {
    for (const [name, variable] of part.namedParameters()) yield [join(prefix, name), variable];
  }
}

/** Buffers of several parts, each under its prefix. */
export function* buffersOf(parts: Iterable<NamedPart>): Iterable<[string, Variable]> {
  for (const [prefix, part] of parts) {
    for (const [name, variable] of part.namedBuffers()) yield [join(prefix, name), variable];
  }
}

function join(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}
