import { ConfigError, checkMethods, checkOptions, checkText, type OptionNames } from '@diptych/core';

/** One renaming of a name adapter. */
export interface NameRule {
  readonly from: RegExp;
  /**
   * The new name, with `$1` for groups. A list splits the tensor into as many equal parts along axis 0, as when a
   * checkpoint holds `in_proj_weight` for a model with three separate projections.
   */
  readonly to: string | readonly string[];
  /** The tensor is part `index` of `of` that are joined along axis 0 under one name: the reverse of a split. */
  readonly part?: { readonly index: number; readonly of: number };
  /** The stored matrix is transposed, as where a checkpoint multiplies from the left. */
  readonly transpose?: boolean;
}

/**
 * How a checkpoint's names become a model's, as data: `rules` are applied in order, each to the result of the one
 * before; names that match `ignore` (before or after renaming) are left out on purpose.
 */
export interface NameAdapter {
  /** Where given, all other names are ignored, as for one tower of a checkpoint that holds two. */
  readonly only?: RegExp;
  readonly rules?: readonly NameRule[];
  readonly ignore?: readonly RegExp[];
}

const ADAPTER: OptionNames<NameAdapter> = { only: 'optional', rules: 'optional', ignore: 'optional' };

/** Where one stored tensor goes: to one name, or in parts to several. */
export interface Destination {
  readonly names: readonly string[];
  readonly part?: { readonly index: number; readonly of: number };
  readonly transpose: boolean;
}

/**
 * Applies an adapter to one name of a checkpoint.
 *
 * @returns where the tensor goes, or undefined if it is to be ignored
 */
export function adaptName(name: string, adapter: NameAdapter): Destination | undefined {
  const where = 'weights.adaptName';
  checkText(where, 'the name', name);
  checkOptions(where, adapter, ADAPTER);
  const { only, rules = [], ignore = [] } = adapter;
  if (only && !matches(name, only)) return undefined;
  if (ignore.some((pattern) => matches(name, pattern))) return undefined;
  let names: readonly string[] = [name];
  let part: Destination['part'];
  let transpose = false;
  for (const rule of rules) {
    if (!names.some((current) => matches(current, rule.from))) continue;
    part ??= rule.part;
    transpose ||= rule.transpose ?? false;
    names = names.flatMap((current) => {
      if (!matches(current, rule.from)) return [current];
      const targets = typeof rule.to === 'string' ? [rule.to] : rule.to;
      return targets.map((to) => current.replace(rule.from, to));
    });
  }
  if (names.every((current) => ignore.some((pattern) => matches(current, pattern)))) return undefined;
  return { names, part, transpose };
}

/** `RegExp.test` would remember its place in a pattern with the flag g. */
function matches(name: string, pattern: RegExp): boolean {
  return name.search(pattern) >= 0;
}

/**
 * An adapter that applies one after the other and ignores what any of them ignores.
 *
 * @throws ConfigError if more than the first has `only`, which looks at the checkpoint's own names
 */
export function chainAdapters(...adapters: readonly NameAdapter[]): NameAdapter {
  for (const adapter of adapters) checkOptions('weights.chainAdapters', adapter, ADAPTER);
  if (adapters.slice(1).some(({ only }) => only)) {
    throw new ConfigError({ where: 'weights.chainAdapters', problem: 'only the first adapter may select by `only`' });
  }
  return {
    only: adapters[0]?.only,
    rules: adapters.flatMap(({ rules = [] }) => rules),
    ignore: adapters.flatMap(({ ignore = [] }) => ignore),
  };
}

/**
 * Takes the names below a prefix, without it, and ignores all others: one tower of a checkpoint that holds two.
 *
 * @param prefix for instance `vision_model.`
 */
export function selectPrefix(prefix: string): NameAdapter {
  checkText('weights.selectPrefix', 'the prefix', prefix);
  const start = new RegExp(`^${prefix.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);
  return { only: start, rules: [{ from: start, to: '' }] };
}

/**
 * Tensors under the names that an adapter gives them: a state dict for another program.
 *
 * ```ts
 * await writeSafetensors('model.safetensors', renameTensors(await stateDict(model), toReference));
 * ```
 *
 * @returns the same arrays, without those that the adapter ignores
 * @throws ConfigError if a rule splits, joins or transposes, or two tensors get one name
 */
export function renameTensors<Tensor>(tensors: ReadonlyMap<string, Tensor>, adapter: NameAdapter): Map<string, Tensor> {
  checkMethods('weights.renameTensors', tensors, ['entries', 'get'], 'pass a Map of tensors, as stateDict() gives');
  const renamed = new Map<string, Tensor>();
  for (const [from, tensor] of tensors) {
    const destination = adaptName(from, adapter);
    if (!destination) continue;
    const { names, part, transpose } = destination;
    const [name] = names;
    if (name === undefined || names.length > 1 || part || transpose || renamed.has(name)) {
      const problem = renamed.has(name!) ? `gets the name ${name}, as another does` : 'is split, joined or transposed';
      throw new ConfigError({ where: `weights.renameTensors: ${from}`, problem: `this tensor ${problem}` });
    }
    renamed.set(name, tensor);
  }
  return renamed;
}
