import type { Context, Encoded, Head, ImageInput, Stateful, TextInput, TowerOutputs } from '@diptych/core';

/**
 * What the Trainer asks of a model. `MultiModalEncoder` is one; one of your own is any object with these methods.
 *
 * All methods run inside `tf.tidy`, some of them more than once a step (two-pass accumulation), so they keep no state.
 */
export interface TrainableModel<Outputs extends TowerOutputs = TowerOutputs> extends Stateful {
  encodeImage(pixels: ImageInput, context: Context): Encoded;
  encodeText(text: TextInput, context: Context): Encoded;
  /** What a loss sees, from the towers' outputs. */
  relate(image: Encoded, text: Encoded, context: Context): Outputs;
  /** Reads labels out of the pairs: `evaluate` scores them where the source brings labels. */
  readonly heads?: { readonly byName: { readonly [name: string]: Head } | undefined };
  /** Brings parameters back into their range after an update, by assigning them. */
  constrain?(): void;
}
