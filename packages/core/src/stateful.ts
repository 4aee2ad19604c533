import type { Variable } from '@tensorflow/tfjs-core';
import { checkMethods } from './config-checks.js';
import type { PartDescription } from './description.js';
import { ConfigError } from './errors.js';

/**
 * Names with their variables, `[['weight', w], ['bias', b]]`. Typed so that such a literal is accepted where TypeScript
 * widens its rows to arrays; {@link parametersOf} and {@link buffersOf} read it and make sure of the rows.
 */
export type NamedVariables = Iterable<readonly (string | Variable)[]>;

/**
 * A part that may own parameters and buffers. Structural: nn's `Module` implements it, and so does any object with
 * these three methods, so that a trainer finds, freezes and saves a user's own part without a base class.
 */
export interface Stateful {
  /** Trainable values, named by property path as PyTorch's state dict names them (`layer1.0.conv1.weight`). */
  namedParameters(): NamedVariables;
  /** Values that are saved but not trained, such as running statistics. */
  namedBuffers(): NamedVariables;
  /** Frees every parameter and buffer. */
  dispose(): void;
  /**
   * How to build the same part again, without its weights. A part without it can be trained; saving it so that `load`
   * finds it asks for it with a clear error.
   */
  describe?(): PartDescription;
}

/** True for anything that has the methods of a {@link Stateful}. */
export function isStateful(value: unknown): value is Stateful {
  if (typeof value !== 'object' || value === null) return false;
  const part = value as Partial<Stateful>;
  return [part.namedParameters, part.namedBuffers, part.dispose].every((method) => typeof method === 'function');
}

/** Spread this into a part that owns nothing: `{ ...stateless, fuse(image, text) { … } }`. */
export const stateless: Stateful = Object.freeze({
  namedParameters: () => [],
  namedBuffers: () => [],
  dispose: () => {},
});

/**
 * A part's parameters.
 *
 * @param prefix of the names, `loss` gives `loss.weight`; default none
 * @throws ConfigError if `namedParameters()` gives anything else than names with variables
 */
export function parametersOf(
  part: Pick<Stateful, 'namedParameters'>,
  prefix = '',
): [name: string, variable: Variable][] {
  checkMethods(
    'namedParameters',
    part,
    ['namedParameters'],
    'pass a model: a Module of nn, or an object with the methods of Stateful',
  );
  return Array.from(part.namedParameters(), (row) => checkRow('namedParameters', row, prefix));
}

/**
 * A part's buffers.
 *
 * @param prefix of the names; default none
 * @throws ConfigError if `namedBuffers()` gives anything else than names with variables
 */
export function buffersOf(part: Pick<Stateful, 'namedBuffers'>, prefix = ''): [name: string, variable: Variable][] {
  checkMethods(
    'namedBuffers',
    part,
    ['namedBuffers'],
    'pass a model: a Module of nn, or an object with the methods of Stateful',
  );
  return Array.from(part.namedBuffers(), (row) => checkRow('namedBuffers', row, prefix));
}

function checkRow(where: string, row: readonly (string | Variable)[], prefix: string): [string, Variable] {
  const [name, variable] = Array.isArray(row) ? row : [];
  // by its method: core loads no tfjs
  if (typeof name === 'string' && typeof variable === 'object' && typeof variable.assign === 'function') {
    return [prefix === '' ? name : `${prefix}.${name}`, variable];
  }
  throw new ConfigError({
    where,
    expected: "rows of a name and a tf.Variable, ['weight', variable]",
    got: Array.isArray(row) ? `[${row.map((entry) => typeof entry).join(', ')}]` : typeof row,
  });
}
