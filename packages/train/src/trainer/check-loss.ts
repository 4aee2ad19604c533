import { ConfigError, type Loss, type TowerOutputs } from '@diptych/core';

const REMEDIES: Readonly<Record<string, string>> = {
  fusion: 'build it with a fusion: new MultiModalEncoder({ image, text, fusion })',
  matcher: 'build it with a fusion, and without `matcher: false`',
  logitBias: 'build it with `logitBias: -10` (and `logitScale: Math.log(10)`)',
};

/**
 * Checks that a model has what a loss reads, where both say so: a loss by `needs`, a model by properties of these names.
 *
 * @throws ConfigError if it lacks some of it, or the loss is none
 */
export function checkLoss<Outputs extends TowerOutputs>(loss: Loss<Outputs>, model: object): void {
  if (typeof loss?.compute !== 'function') {
    throw new ConfigError({
      where: 'train.Trainer: loss',
      expected: 'a loss with compute(outputs, batch, context)',
      got: loss === null ? 'null' : typeof loss,
      remedy: 'new Trainer(model, { loss: new InfoNCE() })',
    });
  }
  const offered = model as Readonly<Record<string, unknown>>;
  const lacking = (loss.needs ?? []).filter((need) => need in model && !offered[need]);
  const [first] = lacking;
  if (first === undefined) return;
  throw new ConfigError({
    where: `train.Trainer: ${loss.constructor.name}`,
    expected: `a model with ${lacking.join(' and ')}`,
    got: 'one without',
    remedy: REMEDIES[first] ?? 'build it with one',
  });
}
