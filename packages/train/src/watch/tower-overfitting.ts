import { ConfigError, checkOptions, checkPositive, type MatrixData, type OptionNames, takeRows } from '@diptych/core';
import { alignment, type EmbeddedPairs, partnersOf, rankRelevant, ridgeMap, uniformity } from '@diptych/metrics';
import type { BatchSource } from '../batches/batch-source.js';
import { checkSource } from '../check-model.js';
import type { EmbedOptions } from '../evaluate/embed.js';

/** What `validate.towers` compares. */
export interface TowerValidationOptions {
  /**
   * Pairs that the model trains on, in the same order and without random augmentation at each reading: a loader of its own, not the
   * one that `fit` reads.
   */
  readonly training: BatchSource;
  /** Pairs that it never trains on. */
  readonly heldOut: BatchSource;
  /** Most pairs that are ranked against each other, default 1,000. Up to three times as many training pairs are embedded. */
  readonly pairs?: number;
  /** Validations in a row in which a tower must look overfitted before a warning says so; default 2. */
  readonly patience?: number;
}

const OPTIONS: OptionNames<TowerValidationOptions> = {
  training: 'required',
  heldOut: 'required',
  pairs: 'optional',
  patience: 'optional',
};

/** Embeds the first pairs of a source with both towers. */
export type EmbedPairs = (source: BatchSource, options: Pick<EmbedOptions, 'pairs'>) => Promise<EmbeddedPairs>;

type Tower = 'image' | 'text';
const TOWERS = ['image', 'text'] as const;
const PARTNER = { image: 'text', text: 'image' } as const;

/** Pairs at one validation: some to fit a map on, and as many seen as unseen ones to rank. */
interface Sample {
  readonly fit: EmbeddedPairs;
  readonly training: EmbeddedPairs;
  readonly heldOut: EmbeddedPairs;
}

/** 1 / rank of each pair's partner, both ways. */
interface Ranked {
  readonly training: Float64Array;
  readonly heldOut: Float64Array;
}

/** A validation that later ones are compared with. */
interface Reference {
  readonly sample: Sample;
  /** Of the whole model. */
  readonly heldOut: Float64Array;
  /** How each tower did then with the other one of then. */
  readonly towers: Readonly<Record<Tower, Ranked>>;
}

/** Standard errors by which the gap must have grown, so that chance seldom looks like it in a long run. */
const GAP_ERRORS = 3;
/** Standard errors above which held-out pairs are still found better: a gap that grows beside that is learning. */
const GAIN_ERRORS = 2;

/**
 * Validates the towers one at a time, to see which one overfits.
 *
 * The gap between training and held-out retrieval belongs to both towers. To take them apart, one is held fast: the vectors that
 * the other tower gave at the best validation so far are the target, and a linear map onto them, fitted on training pairs, says
 * how well this tower's vectors of today find their partners among training pairs and among held-out ones (a linear probe
 * of one tower, with the other as fixed labels). The map takes up what the towers have turned together since then. A tower whose gap
 * grows while it finds held-out partners no better overfits.
 */
export class TowerOverfitting {
  readonly #embed: EmbedPairs;
  readonly #options: TowerValidationOptions;
  readonly #suspect: Record<Tower, number> = { image: 0, text: 0 };
  #reference: Reference | undefined;

  /**
   * @param embed both towers on the pairs of a source
   * @throws ConfigError for an unknown option, or without two sources
   */
  constructor(embed: EmbedPairs, options: TowerValidationOptions) {
    const where = 'train.Trainer.fit: validate.towers';
    checkOptions(where, options, OPTIONS);
    checkSource(`${where}.training`, options.training);
    checkSource(`${where}.heldOut`, options.heldOut);
    for (const what of ['pairs', 'patience'] as const) {
      if (options[what] !== undefined) checkPositive(where, what, options[what]);
    }
    this.#embed = embed;
    this.#options = options;
  }

  /**
   * @returns numbers by name: `training.mrr` and `heldOut.mrr` of the whole model with as many candidates in both, and of each
   *   tower; and what a user should hear
   * @throws ConfigError if there are too few pairs, or other ones than before
   */
  async measure(): Promise<{
    readonly metrics: Readonly<Record<string, number>>;
    readonly warnings: readonly string[];
  }> {
    const sample = await this.#sample();
    const before = this.#reference;
    if (before) checkSamePairs(before.sample, sample);
    const model = { training: await rankPairs(sample.training), heldOut: await rankPairs(sample.heldOut) };
    const metrics: Record<string, number> = {
      ...spaceMetrics('training', sample.training),
      ...spaceMetrics('heldOut', sample.heldOut),
      'training.mrr': mean(model.training),
      'heldOut.mrr': mean(model.heldOut),
    };
    const warnings: string[] = [];
    for (const tower of TOWERS) {
      const now = await probe(tower, sample, before?.sample ?? sample);
      metrics[`${tower}.training.mrr`] = mean(now.training);
      metrics[`${tower}.heldOut.mrr`] = mean(now.heldOut);
      const growth = gapGrowth(before?.towers[tower] ?? now, now);
      metrics[`${tower}.gapGrowth`] = growth.gap.mean;
      const warning = this.#judge(tower, growth);
      if (warning) warnings.push(warning);
    }
    if (!before || isAbove(changeOf(before.heldOut, model.heldOut), GAIN_ERRORS)) {
      await this.#setReference(sample, model.heldOut);
    }
    return { metrics, warnings };
  }

  async #sample(): Promise<Sample> {
    const { training, heldOut, pairs = 1000 } = this.#options;
    const unseen = await this.#embed(heldOut, { pairs });
    const seen = await this.#embed(training, { pairs: 3 * unseen.ids.length });
    const ranked = Math.min(unseen.ids.length, seen.ids.length >> 1);
    if (ranked < 2) {
      throw new ConfigError({
        where: 'train.Trainer.fit: validate.towers',
        expected: 'at least two held-out pairs and four training pairs',
        got: `${unseen.ids.length} and ${seen.ids.length}`,
      });
    }
    return {
      training: rowsOf(seen, 0, ranked),
      fit: rowsOf(seen, ranked, seen.ids.length),
      heldOut: rowsOf(unseen, 0, ranked),
    };
  }

  async #setReference(sample: Sample, heldOut: Float64Array): Promise<void> {
    const towers = { image: await probe('image', sample, sample), text: await probe('text', sample, sample) };
    this.#reference = { sample, heldOut, towers };
  }

  #judge(tower: Tower, { gap, heldOut }: Growth): string | undefined {
    const overfits = isAbove(gap, GAP_ERRORS) && !isAbove(heldOut, GAIN_ERRORS);
    this.#suspect[tower] = overfits ? this.#suspect[tower] + 1 : 0;
    if (this.#suspect[tower] !== (this.#options.patience ?? 2)) return undefined;
    return (
      `the ${tower} tower overfits: since the best validation, and beside the ${PARTNER[tower]} tower of then, its mean reciprocal ` +
      `rank gained ${gap.mean.toFixed(3)} more on training than on held-out pairs, where it changed by ${heldOut.mean.toFixed(3)}; ` +
      `lower its rate, raise its weight decay (groups: { ${tower}: … }) or freeze it (freeze: [{ match: '${tower}' }])`
    );
  }
}

/** How well today's tower finds the partners that the other tower placed at the reference. */
async function probe(tower: Tower, now: Sample, reference: Sample): Promise<Ranked> {
  const partner = PARTNER[tower];
  const map = await ridgeMap(now.fit[tower], reference.fit[partner]);
  const rank = async (of: 'training' | 'heldOut') =>
    reciprocalRanks(await map.predict(now[of][tower]), map.centre(reference[of][partner]), now[of]);
  return { training: await rank('training'), heldOut: await rank('heldOut') };
}

function rankPairs({ image, text, ids, captions }: EmbeddedPairs): Promise<Float64Array> {
  return reciprocalRanks(image, text, { ids, captions });
}

/** 1 / rank of the best partner by cosine, from `a` to `b` and then from `b` to `a`; rows with equal ids or captions are partners. */
async function reciprocalRanks(
  a: MatrixData,
  b: MatrixData,
  identities: Pick<EmbeddedPairs, 'ids' | 'captions'>,
): Promise<Float64Array> {
  const partners = partnersOf(identities);
  const found: number[] = [];
  for (const [queries, candidates] of [
    [a, b],
    [b, a],
  ] as const) {
    for await (const { ahead } of rankRelevant(queries, candidates, partners)) found.push(1 / (1 + ahead[0]!));
  }
  return Float64Array.from(found);
}

/** A mean of differences and its standard error. */
interface Change {
  readonly mean: number;
  readonly error: number;
}

/** How one tower has changed since the reference. */
interface Growth {
  readonly heldOut: Change;
  /** Change on training pairs less change on held-out ones. */
  readonly gap: Change;
}

function gapGrowth(then: Ranked, now: Ranked): Growth {
  const training = changeOf(then.training, now.training);
  const heldOut = changeOf(then.heldOut, now.heldOut);
  return {
    heldOut,
    gap: { mean: training.mean - heldOut.mean, error: Math.hypot(training.error, heldOut.error) },
  };
}

function changeOf(before: Float64Array, after: Float64Array): Change {
  const differences = after.map((value, i) => value - before[i]!);
  const average = mean(differences);
  const variance = mean(differences.map((value) => (value - average) ** 2));
  return { mean: average, error: Math.sqrt(variance / differences.length) };
}

function isAbove({ mean, error }: Change, errors: number): boolean {
  return mean > errors * error;
}

function spaceMetrics(name: 'training' | 'heldOut', { image, text }: EmbeddedPairs): Record<string, number> {
  return {
    [`${name}.alignment`]: alignment(image, text),
    [`image.${name}.uniformity`]: uniformity(image),
    [`text.${name}.uniformity`]: uniformity(text),
  };
}

function rowsOf({ image, text, ids, captions }: EmbeddedPairs, begin: number, end: number): EmbeddedPairs {
  const rows = Array.from({ length: end - begin }, (_, i) => begin + i);
  return {
    image: takeRows(image, rows),
    text: takeRows(text, rows),
    ids: ids.slice(begin, end),
    captions: captions?.slice(begin, end),
  };
}

function checkSamePairs(before: Sample, now: Sample): void {
  for (const part of ['training', 'fit', 'heldOut'] as const) {
    const other = now[part].ids.findIndex((id, i) => id !== before[part].ids[i]);
    if (other < 0 && now[part].ids.length === before[part].ids.length) continue;
    throw new ConfigError({
      where: 'train.Trainer.fit: validate.towers',
      expected: 'the same pairs in the same order at each validation',
      got: `other ${part === 'heldOut' ? 'held-out' : 'training'} pairs than before`,
      remedy: 'give it sources of their own, without shuffle',
    });
  }
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
