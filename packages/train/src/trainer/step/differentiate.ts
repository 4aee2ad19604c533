import { ConfigError, type LossValues } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import type { StepParts } from './step-parts.js';

/** Value and gradients of a loss. */
export interface LossGradients {
  readonly loss: tf.Scalar;
  readonly lossParts: { readonly [name: string]: tf.Scalar };
  /** By position among the parameters; undefined where the loss does not depend on one, or it is frozen. */
  readonly gradients: readonly (tf.Tensor | undefined)[];
}

/**
 * Runs the loss and its gradients with respect to every parameter that trains now, and to further tensors.
 *
 * @param tensors e.g. outputs of towers that the loss starts from
 * @returns beside the parameters' gradients those of `tensors`, in their order
 * @throws ConfigError if nothing trains
 */
export function differentiate(
  { parameters, recompute }: Pick<StepParts, 'parameters' | 'recompute'>,
  run: () => LossValues,
  tensors: readonly tf.Tensor[] = [],
): LossGradients & { readonly ofTensors: readonly (tf.Tensor | undefined)[] } {
  const training = parameters.map(([, variable]) => variable).filter((variable) => variable.trainable);
  const sources = [...tensors, ...training];
  if (sources.length === 0) checkTrains(parameters);
  let kept: [string, tf.Scalar][] = [];
  const compute = () =>
    tf.engine().gradients(
      () => {
        const { loss, parts } = run();
        // tfjs frees everything but the loss
        kept = Object.entries(parts).map(([name, part]) => [name, tf.keep(tf.clone(part))]);
        return loss;
      },
      sources,
      undefined,
      true,
    ) as { value: tf.Scalar; grads: readonly (tf.Tensor | null | undefined)[] };
  const { value, grads } = recompute ? recompute.around(compute) : compute();
  const lossParts = Object.fromEntries(kept.map(([name, part]) => [name, tf.clone(part)]));
  tf.dispose(kept.map(([, part]) => part));
  const gradientOf = new Map<tf.Tensor, tf.Tensor | undefined>(
    sources.map((source, i) => [source, grads[i] ?? undefined]),
  );
  return {
    loss: value,
    lossParts,
    gradients: parameters.map(([, variable]) => gradientOf.get(variable)),
    ofTensors: tensors.map((tensor) => gradientOf.get(tensor)),
  };
}

/** @throws ConfigError if nothing trains */
export function checkTrains(parameters: StepParts['parameters']): void {
  if (parameters.some(([, { trainable }]) => trainable)) return;
  throw new ConfigError({
    where: 'train.Trainer.fit',
    expected: 'parameters that train',
    got: `${parameters.length} parameters, all of them frozen`,
    remedy: 'let some train: a rule of `freeze` that ends (untilStep) or matches less, or variable.trainable = true',
  });
}
