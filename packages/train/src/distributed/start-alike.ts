import { type Communicator, ConfigError, siteOf } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Gives every rank the values that rank 0 has.
 *
 * @throws ConfigError if a rank has other variables than rank 0
 */
export async function startAlike(
  communicator: Communicator,
  variables: readonly (readonly [string, tf.Variable])[],
): Promise<void> {
  const digest = siteOf(variables.map(([name, { shape }]) => `${name} [${shape}]`).join('\n'));
  const digests = await communicator.allGather(Int32Array.of(digest));
  const other = digests.findIndex((value) => value !== digests[0]);
  if (other >= 0) {
    throw new ConfigError({
      where: 'train.Trainer: communicator',
      expected: 'the same model on every rank',
      got: `other parameters on rank ${other} than on rank 0`,
      remedy: 'build it with the same options on every rank',
    });
  }
  for (const [, variable] of variables) {
    const values = Float32Array.from(await variable.data());
    await communicator.broadcast(values);
    if (communicator.rank > 0) tf.tidy(() => variable.assign(tf.tensor(values, variable.shape, variable.dtype)));
  }
}
