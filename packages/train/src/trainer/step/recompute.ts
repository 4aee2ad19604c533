import { ConfigError } from '@diptych/core';
import { keepingTape, withGradient } from '@diptych/core/tfjs';
import { aroundCalls, choose, Module, type ParameterPattern } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

type Forward = (...args: unknown[]) => unknown;

/**
 * Blocks whose inner activations are not kept for the gradients but computed again (Chen et al. 2016, gradient
 * checkpointing; torch.utils.checkpoint). Dropout draws the same masks, running statistics move once.
 */
export class Recomputation {
  readonly #blocks: readonly Module[];

  /** @throws ConfigError if a pattern chooses no module with a `forward` */
  constructor(model: object, pattern: ParameterPattern) {
    const modules = model instanceof Module ? [...model.namedModules()] : [];
    const callable = modules.filter(([path, module]) => path !== '' && 'forward' in module);
    const chosen = choose('train.Trainer: recompute', "model's blocks with a forward", callable, pattern);
    // a block around others computes them again too
    this.#blocks = chosen
      .filter(([path]) => !chosen.some(([outer]) => path.startsWith(`${outer}.`)))
      .map(([, module]) => module);
  }

  /** Runs something in which the blocks recompute. */
  around<T>(run: () => T): T {
    const undo = this.#blocks.map((block) =>
      aroundCalls(block, 'forward', (forward, args) => recomputed(block, forward, args)),
    );
    try {
      return run();
    } finally {
      for (const one of undo.reverse()) one();
    }
  }
}

function recomputed(block: Module, forward: Forward, args: readonly unknown[]): tf.Tensor {
  const places = args.flatMap((arg, i) => (arg instanceof tf.Tensor ? [i] : []));
  const variables = [...block.namedParameters()].map(([, variable]) => variable).filter(({ trainable }) => trainable);
  const buffers = [...block.namedBuffers()].map(([, buffer]) => buffer);
  const inputs = [...places.map((i) => args[i] as tf.Tensor), ...variables];
  const run = (tensors: readonly tf.Tensor[]): tf.Tensor => {
    const given = [...args];
    for (const [k, i] of places.entries()) given[i] = tensors[k];
    const result = forward(...given);
    if (result instanceof tf.Tensor) return result;
    throw new ConfigError({
      where: `train.Trainer: recompute: ${block.path}`,
      expected: 'a block whose forward gives one tensor',
      got: 'something else',
      remedy: 'choose the blocks inside or around it',
    });
  };
  return withGradient(inputs, (save, ...received) => {
    save(places.map((i) => args[i] as tf.Tensor));
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const before = buffers.map((buffer) => tf.clone(buffer));
      const grads = nestedGradients(() => run(saved), [...saved, ...variables], dy);
      for (const [i, buffer] of buffers.entries()) buffer.assign(before[i]!);
      return grads.map((gradient, i) => gradient ?? tf.zerosLike(inputs[i]!));
    };
    return { value: run(received), gradFunc };
  });
}

/** Gradients while gradients are computed; null where `f` does not depend on one of `xs`. */
function nestedGradients(f: () => tf.Tensor, xs: tf.Tensor[], dy: tf.Tensor): readonly (tf.Tensor | null)[] {
  return keepingTape(() => tf.engine().gradients(f, xs, dy, true).grads);
}
