import { ConfigError, checkMethods, parametersOf, type Stateful } from '@diptych/core';
import type * as tf from '@tensorflow/tfjs-core';
import { BatchNorm2d } from './batch-norm2d.js';
import { Module } from './module.js';
import { choose, type ParameterPattern } from './parameter-pattern.js';

/**
 * Stops training of the parameters that match: `tf.variableGrads` and optimizers leave them out. Batch normalisations
 * whose parameters are all frozen keep their running statistics too, since a frozen tower must not drift.
 *
 * @returns the names of the parameters that match
 * @throws ConfigError if a pattern matches none
 */
export function freeze(model: Stateful, pattern: ParameterPattern): string[] {
  return setTrainable('nn.freeze', model, pattern, false);
}

/**
 * Lets parameters train again; the reverse of {@link freeze}.
 *
 * @returns the names of the parameters that match
 * @throws ConfigError if a pattern matches none
 */
export function unfreeze(model: Stateful, pattern: ParameterPattern): string[] {
  return setTrainable('nn.unfreeze', model, pattern, true);
}

/**
 * Freezes a tower except its end: everything up to its last `n` blocks. A block is a module in a list (a layer of BERT or
 * ViT, a residual block of a ResNet); what comes behind the last block (norms, projections, heads) always trains, as in
 * open_clip's `lock(unlocked_groups)`.
 *
 * @param n blocks that train; 0 trains only what comes behind them
 * @returns the names of the frozen parameters
 * @throws ConfigError if the model has no blocks, or fewer than n
 */
export function freezeExceptLast(n: number, model: Module): string[] {
  checkMethods(
    'nn.freezeExceptLast',
    model,
    ['namedChildren', 'namedParameters'],
    'pass the number of blocks, then a Module of nn',
  );
  const blocks = blockPaths(model);
  if (!Number.isInteger(n) || n < 0 || n > blocks.length || blocks.length === 0) {
    throw new ConfigError({
      where: 'nn.freezeExceptLast',
      expected: blocks.length === 0 ? 'a model with a list of blocks' : `0 to ${blocks.length} blocks`,
      got: blocks.length === 0 ? model.constructor.name : String(n),
      remedy: 'choose the parameters by name: freeze(model, pattern)',
    });
  }
  const names = [...model.namedParameters()].map(([name]) => name);
  const inBlock = (name: string, block: string) => name.startsWith(`${block}.`);
  const lastOfBlocks = names.findLastIndex((name) => blocks.some((block) => inBlock(name, block)));
  const open = blocks.slice(blocks.length - n);
  const trains = names.filter((name, i) => i > lastOfBlocks || open.some((block) => inBlock(name, block)));
  // parameter names hold no `*`, so each stands for itself
  if (trains.length > 0) unfreeze(model, trains);
  const frozen = names.filter((name) => !trains.includes(name));
  if (frozen.length > 0) freeze(model, frozen);
  return frozen;
}

/** Outermost modules in lists, in order. */
function blockPaths(model: Module, prefix = ''): string[] {
  return [...model.namedChildren()].flatMap(([name, child]) => {
    if (/\.\d+$/.test(name)) return [prefix + name];
    return child instanceof Module ? blockPaths(child, `${prefix}${name}.`) : [];
  });
}

function setTrainable(where: string, model: Stateful, pattern: ParameterPattern, trainable: boolean): string[] {
  const chosen = choose(where, "model's parameters", parametersOf(model), pattern);
  const variables = new Set(chosen.map(([, variable]) => variable));
  for (const variable of variables) variable.trainable = trainable;
  if (model instanceof Module) freezeStatistics(model, variables);
  return chosen.map(([name]) => name);
}

/** Statistics are frozen exactly where no parameter of their layer trains; layers that were not meant stay as they are. */
function freezeStatistics(model: Module, touched: ReadonlySet<tf.Variable>): void {
  for (const [, module] of model.namedModules()) {
    if (!(module instanceof BatchNorm2d) || !(touched.has(module.weight) || touched.has(module.bias))) continue;
    module.frozen = !module.weight.trainable && !module.bias.trainable;
  }
}
