import { ConfigError, type Head, isStateful, type JsonObject } from '@diptych/core';
import { Module } from '@diptych/nn';
import { describePart } from '../describe-part.js';

/** A model's heads as one part: parameters `heads.<name>.*`. */
export class Heads extends Module {
  [name: string]: unknown;

  /** @throws ConfigError if a head is none, reads another width, or reads joint vectors where there is no fusion */
  constructor(heads: { readonly [name: string]: Head }, embedDim: number, hasFusion: boolean) {
    super();
    for (const [name, head] of Object.entries(heads)) {
      checkHead(name, head, embedDim, hasFusion);
      this[name] = head;
    }
  }

  /** The heads by name; undefined where there are none. */
  get byName(): { readonly [name: string]: Head } | undefined {
    const heads = Object.entries(this) as [string, Head][];
    return heads.length > 0 ? Object.fromEntries(heads) : undefined;
  }
}

function checkHead(name: string, head: Head, embedDim: number, hasFusion: boolean): void {
  const where = `train.MultiModalEncoder: heads.${name}`;
  if (!/^[a-z][A-Za-z0-9]*$/.test(name) || name in Module.prototype || name === 'byName') {
    throw new ConfigError({
      where,
      expected: 'a name of letters and digits that begins with a small letter',
      got: JSON.stringify(name),
    });
  }
  if (!isStateful(head) || typeof head.forward !== 'function' || typeof head.loss !== 'function') {
    throw new ConfigError({
      where,
      expected: 'a head with forward() and loss()',
      got: typeof head,
      remedy: 'new Classification({ embedDim, classes }), new Regression({ embedDim }), or one of your own',
    });
  }
  if (head.embedDim !== embedDim) {
    throw new ConfigError({ where, expected: `embedDim ${embedDim}, the model's`, got: String(head.embedDim) });
  }
  if (head.on === 'fused' && !hasFusion) {
    throw new ConfigError({
      where,
      problem: 'it reads the joint vector, and this model has no fusion',
      remedy: "pass a fusion as well, or build the head with on: 'image' or on: 'text'",
    });
  }
}

/** Heads as {@link MultiModalEncoder} describes them. */
export function describeHeads(heads: Heads): JsonObject | undefined {
  const { byName } = heads;
  if (!byName) return undefined;
  const parts = Object.entries(byName).map(([name, head]) => [
    name,
    describePart(`train.MultiModalEncoder.describe: heads.${name}`, head),
  ]);
  return Object.fromEntries(parts) as JsonObject;
}
