import {
  ConfigError,
  type Context,
  type Encoded,
  type FusedOutputs,
  inference,
  type TowerOutputs,
} from '@diptych/core';

/** The part of a model that relates what its towers gave. */
export interface Relating {
  relate(image: Encoded, text: Encoded, context: Context): TowerOutputs;
}

/** What a model makes of its towers' outputs; the towers alone where it relates nothing. */
export function relate(
  model: Partial<Relating>,
  image: Encoded,
  text: Encoded,
): Pick<TowerOutputs, 'image' | 'text' | 'heads'> {
  return model.relate?.(image, text, inference) ?? { image, text };
}

/**
 * What a model's fusion and matcher make of two towers' outputs, row by row.
 *
 * @throws ConfigError if the model has no fusion
 */
export function fusedOutputs(model: Partial<Relating>, image: Encoded, text: Encoded, where: string): FusedOutputs {
  const outputs = model.relate?.(image, text, inference);
  if (outputs && 'fuse' in outputs) return outputs as FusedOutputs;
  throw new ConfigError({
    where,
    problem: 'this model has no fusion',
    remedy: 'build it with one: new MultiModalEncoder({ image, text, fusion })',
  });
}
