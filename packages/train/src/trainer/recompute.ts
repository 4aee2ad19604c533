import { ConfigError } from '@diptych/core';
import { keepingTape } from '@diptych/core/tfjs';
import { Module } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { matchesName, type NamePattern } from '../towers.js';

type Forward = (...args: unknown[]) => unknown;

/**
 * Blocks whose inner activations are not kept for the gradients but computed again (Chen et al. 2016, gradient
 * checkpointing; torch.utils.checkpoint). Dropout draws the same masks, running statistics move once.
 */
export class Recomputation {
  readonly #blocks: readonly Module[];

  /** @throws ConfigError if a pattern chooses no module with a `forward` */
  constructor(model: object, patterns: readonly NamePattern[]) {
    const modules = model instanceof Module ? [...model.namedModules()] : [];
    const chosen: [string, Module][] = [];
    for (const [name, module] of modules) {
      const inside = chosen.some(([outer]) => name.startsWith(`${outer}.`));
      if (name === '' || inside || !('forward' in module)) continue;
      if (patterns.some((pattern) => isNamed(pattern, name))) chosen.push([name, module]);
    }
    for (const pattern of patterns) {
      if (chosen.some(([name]) => isNamed(pattern, name))) continue;
      throw new ConfigError({
        where: 'train.Trainer: recompute',
        expected: 'each pattern to choose a block',
        got: `none for ${String(pattern)}`,
        remedy: "name modules with a forward, e.g. 'image_encoder.layer1.*' or 'text_encoder.encoder.layer.*'",
      });
    }
    this.#blocks = chosen.map(([, module]) => module);
  }

  /** Runs something in which the blocks recompute. */
  around<T>(run: () => T): T {
    for (const block of this.#blocks) {
      const { forward } = block as Module & { forward: Forward };
      const replaced: Forward = (...args) => recomputed(block, forward, args);
      Object.defineProperty(block, 'forward', { value: replaced, configurable: true, writable: true });
    }
    try {
      return run();
    } finally {
      for (const block of this.#blocks) delete (block as { forward?: Forward }).forward;
    }
  }
}

/** A pattern names a module itself, not what is inside it. */
function isNamed(pattern: NamePattern, name: string): boolean {
  if (pattern instanceof RegExp || pattern.includes('*')) return matchesName(pattern, name);
  return pattern === name;
}

function recomputed(block: Module, forward: Forward, args: readonly unknown[]): tf.Tensor {
  const places = args.flatMap((arg, i) => (arg instanceof tf.Tensor ? [i] : []));
  const variables = [...block.namedParameters()].map(([, variable]) => variable).filter(({ trainable }) => trainable);
  const buffers = [...block.namedBuffers()].map(([, buffer]) => buffer);
  const inputs = [...places.map((i) => args[i] as tf.Tensor), ...variables];
  const run = (tensors: readonly tf.Tensor[]): tf.Tensor => {
    const given = [...args];
    for (const [k, i] of places.entries()) given[i] = tensors[k];
    const result = forward.apply(block, given);
    if (result instanceof tf.Tensor) return result;
    throw new ConfigError({
      where: `train.Trainer: recompute: ${block.path}`,
      expected: 'a block whose forward gives one tensor',
      got: 'something else',
      remedy: 'choose the blocks inside or around it',
    });
  };
  const operation = tf.customGrad((...received) => {
    const save = received.pop() as unknown as tf.GradSaveFunc;
    save(places.map((i) => args[i] as tf.Tensor));
    const gradFunc = (dy: tf.Tensor | tf.Tensor[], saved: tf.Tensor[]): tf.Tensor[] => {
      const before = buffers.map((buffer) => tf.clone(buffer));
      const grads = nestedGradients(() => run(saved), [...saved, ...variables], dy as tf.Tensor);
      for (const [i, buffer] of buffers.entries()) buffer.assign(before[i]!);
      return grads.map((gradient, i) => gradient ?? tf.zerosLike(inputs[i]!));
    };
    return { value: run(received as tf.Tensor[]), gradFunc };
  });
  return operation(...inputs);
}

/** Gradients while gradients are computed; null where `f` does not depend on one of `xs`. */
function nestedGradients(f: () => tf.Tensor, xs: tf.Tensor[], dy: tf.Tensor): readonly (tf.Tensor | null)[] {
  return keepingTape(() => tf.engine().gradients(f, xs, dy, true).grads);
}
