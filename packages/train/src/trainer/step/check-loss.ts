import { ConfigError, type Loss, type LossSetting, type TowerOutputs } from '@diptych/core';
import type { TrainableModel } from '../../trainable-model.js';

const REMEDIES: Readonly<Record<string, string>> = {
  fusion: 'build it with a fusion: new MultiModalEncoder({ image, text, fusion })',
  matcher: 'build it with a fusion, and without `matcher: false`',
  heads:
    'build it with one: new MultiModalEncoder({ image, text, fusion, heads: { group: new Classification({ … }) } })',
  logitBias: 'build it with `logitBias: -10` (and `logitScale: Math.log(10)`)',
};

/**
 * Checks that a model has what a loss reads, where both say so: a loss by `needs`, a model by properties of these names. `heads` stands
 * for any head, `heads.group` for that of this name. Then the loss looks over the rest by itself.
 *
 * @param batches what is known of them
 * @throws ConfigError if the model lacks some of it, the loss cannot be computed so, or it is none
 */
export function checkLoss<Outputs extends TowerOutputs>(
  loss: Loss<Outputs>,
  model: object,
  batches: Pick<LossSetting, 'labels' | 'targets'> = {},
): void {
  if (typeof loss?.compute !== 'function') {
    throw new ConfigError({
      where: 'train.Trainer: loss',
      expected: 'a loss with compute(outputs, batch, context)',
      got: loss === null ? 'null' : typeof loss,
      remedy: 'new Trainer(model, { loss: new InfoNCE() })',
    });
  }
  const lacking = (loss.needs ?? []).filter((need) => !offers(model, need));
  const [first] = lacking;
  if (first !== undefined) {
    throw new ConfigError({
      where: `train.Trainer: ${loss.constructor.name}`,
      expected: `a model with ${lacking.join(' and ')}`,
      got: 'one without',
      remedy: REMEDIES[first.split('.', 1)[0]!] ?? 'build it with one',
    });
  }
  const { embedDim, heads } = model as Pick<TrainableModel, 'heads'> & { readonly embedDim?: number };
  loss.check?.({ embedDim, ...('heads' in model && { heads: heads?.byName ?? {} }), ...batches });
}

/** False where a model says of itself that it lacks something. */
function offers(model: object, need: string): boolean {
  const [part, name] = need.split('.') as [string, string | undefined];
  if (!(part in model)) return true;
  const given = (model as Readonly<Record<string, unknown>>)[part];
  if (part !== 'heads') return Boolean(given);
  const { byName = {} } = (given ?? {}) as NonNullable<TrainableModel['heads']>;
  return name === undefined ? Object.keys(byName).length > 0 : Object.hasOwn(byName, name);
}
