import { ConfigError } from '@diptych/core';
import { Module } from '@diptych/nn';
import type { Variable } from '@tensorflow/tfjs-core';

/**
 * Numbers beside the parts, which losses may replace by their own (a fixed temperature) or leave out: a loss that does not
 * read them is no mistake.
 */
const SCALARS = new Set(['logit_scale', 'logit_bias']);

/**
 * What trains and got no gradient in a step, by part: parameters that the loss does not depend on. Modules that say
 * `trainsSometimes` (placeholders of a missing modality) are left out.
 */
export function unusedParts(
  model: object,
  parameters: readonly (readonly [string, Variable])[],
  updated: readonly number[],
): ReadonlyMap<string, readonly string[]> {
  const used = new Set(updated);
  const modules = model instanceof Module ? [...model.namedModules()] : [];
  const sometimes = modules.flatMap(([name, module]) =>
    (module as { readonly trainsSometimes?: boolean }).trainsSometimes ? [`${name}.`] : [],
  );
  const unused = new Map<string, string[]>();
  for (const [i, [name, { trainable }]] of parameters.entries()) {
    if (!trainable || used.has(i) || SCALARS.has(name)) continue;
    if (sometimes.some((prefix) => name.startsWith(prefix))) continue;
    const [part, ...rest] = name.split('.') as [string, ...string[]];
    unused.set(part, [...(unused.get(part) ?? []), rest.join('.') || part]);
  }
  return unused;
}

/** `fusion (4 parameters: in_proj_weight, …), matcher (weight, bias)`. */
export function formatParts(parts: ReadonlyMap<string, readonly string[]>): string {
  return [...parts]
    .map(([part, names]) =>
      names.length > 2 ? `${part} (${names.length} parameters: ${names[0]}, …)` : `${part} (${names.join(', ')})`,
    )
    .join(', ');
}

/** The error for parts that would stay as they were first drawn. */
export function unusedError(parts: ReadonlyMap<string, readonly string[]>, step: number): ConfigError {
  const rules = [...parts].map(([part, names]) => `{ match: '${[part, ...sharedPath(names)].join('.')}' }`).join(', ');
  return new ConfigError({
    where: `train.Trainer.fit: step ${step}`,
    expected: 'a gradient for everything that trains',
    got: `none for ${formatParts(parts)}`,
    remedy:
      'use a loss that reads it (a fusion and its matcher: WeightedSum of InfoNCE and ImageTextMatching), ' +
      `freeze it (freeze: [${rules}]), or pass unusedParameters: 'warn'`,
  });
}

/** The steps that all names begin with, but for the parameter's own. */
function sharedPath(names: readonly string[]): string[] {
  const [first, ...rest] = names.map((name) => name.split('.').slice(0, -1));
  const end = first!.findIndex((step, i) => rest.some((path) => path[i] !== step));
  return end < 0 ? first! : first!.slice(0, end);
}

/** Everything that does not train now, by part; a part that is frozen as a whole by its name alone. */
export function frozenParts(parameters: readonly (readonly [string, Variable])[]): string[] {
  const counts = new Map<string, { frozen: number; all: number }>();
  for (const [name, { trainable }] of parameters) {
    const [part] = name.split('.') as [string];
    const count = counts.get(part) ?? { frozen: 0, all: 0 };
    counts.set(part, { frozen: count.frozen + (trainable ? 0 : 1), all: count.all + 1 });
  }
  return [...counts].flatMap(([part, { frozen, all }]) =>
    frozen === 0 ? [] : [frozen === all ? part : `${part} (${frozen} of ${all} parameters)`],
  );
}
