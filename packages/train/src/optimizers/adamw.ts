import { ConfigError } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { matchesName, type NamePattern, towerOf } from '../towers.js';
import { fusedAdamW, normOf } from './fused-adamw.js';
import { layerDepths } from './layer-depths.js';
import type { AppliedUpdate, Optimizer } from './optimizer.js';

/** What a group of parameters may have of its own. */
export interface AdamWGroup {
  readonly learningRate?: number;
  readonly weightDecay?: number;
  /**
   * Factor on the rate for each layer further from the output (0.8): early layers of a pretrained tower then move less (Howard
   * and Ruder 2018; Clark et al. 2020). Default 1.
   */
  readonly layerDecay?: number;
}

/** Options of {@link AdamW}. */
export interface AdamWOptions extends AdamWGroup {
  /** Rate at full schedule; default 1e-3, as torch. */
  readonly learningRate?: number;
  /** Default 0.01, as torch. */
  readonly weightDecay?: number;
  /** Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /**
   * What weight decay shrinks: `matrices` spares tensors of fewer than two dimensions, that is biases, norms and the
   * temperature; `all` is torch's default. Default `matrices`.
   */
  readonly decayOn?: 'matrices' | 'all';
  /**
   * Own settings of some parameters, by tower or name: `{ text: { learningRate: 1e-5 }, 'text_encoder.embeddings': {
   * learningRate: 0 } }`, or a list with regular expressions. Where several match, later ones overrule, setting by setting.
   */
  readonly groups?: Readonly<Record<string, AdamWGroup>> | readonly (AdamWGroup & { readonly match: NamePattern })[];
}

interface Slot {
  readonly name: string;
  readonly variable: tf.Variable;
  readonly learningRate: number;
  readonly weightDecay: number;
  moments?: { readonly expAvg: tf.Variable; readonly expAvgSq: tf.Variable };
  /** Updates that this parameter has had. */
  count: number;
}

/**
 * torch.optim.AdamW (Loshchilov and Hutter 2019): decoupled weight decay, bias-corrected moments, eps outside the
 * corrected root. Parameters without a gradient stay untouched, also by decay, and do not count a step.
 *
 * ```ts
 * new AdamW({ learningRate: 5e-5, groups: { text: { learningRate: 1e-5, layerDecay: 0.9 } } })
 * ```
 */
export class AdamW implements Optimizer {
  readonly options: AdamWOptions;
  #slots: Slot[] = [];

  /** @throws ConfigError if an option is out of range */
  constructor(options: AdamWOptions = {}) {
    checkOptions(options);
    this.options = options;
  }

  bind(parameters: readonly (readonly [string, tf.Variable])[]): void {
    if (this.#slots.length > 0) {
      throw new ConfigError({
        where: 'train.AdamW.bind',
        problem: 'this optimizer has parameters already',
        remedy: 'make a new AdamW for each model',
      });
    }
    const groups = listGroups(this.options.groups);
    for (const { match } of groups) {
      if (parameters.some(([name]) => matchesName(match, name))) continue;
      throw new ConfigError({
        where: 'train.AdamW.groups',
        expected: 'each group to choose a parameter',
        got: `none for ${String(match)}`,
        remedy: `names look like ${parameters
          .slice(0, 3)
          .map(([name]) => name)
          .join(', ')}; towers are image, text, fusion, matcher, temperature`,
      });
    }
    const names = parameters.map(([name]) => name);
    const depths = new Map(
      [...new Set(names.map(towerOf))].flatMap((tower) => [
        ...layerDepths(names.filter((name) => towerOf(name) === tower)),
      ]),
    );
    const { decayOn = 'matrices' } = this.options;
    this.#slots = parameters.map(([name, variable]) => {
      const settings: AdamWGroup = Object.assign(
        { learningRate: 1e-3, weightDecay: 0.01, layerDecay: 1 },
        defined(this.options),
        ...groups.filter(({ match }) => matchesName(match, name)).map(defined),
      );
      const { depth, deepest } = depths.get(name)!;
      return {
        name,
        variable,
        learningRate: settings.learningRate! * settings.layerDecay! ** (deepest - depth),
        weightDecay: decayOn === 'matrices' && variable.rank < 2 ? 0 : settings.weightDecay!,
        count: 0,
      };
    });
  }

  prepare(): void {
    for (const slot of this.#slots) if (slot.variable.trainable) makeMoments(slot);
  }

  hyper(factor: number): Float32Array {
    return Float32Array.from(
      this.#slots.flatMap(({ learningRate, weightDecay, count }) => [learningRate * factor, weightDecay, count + 1]),
    );
  }

  apply(hyper: tf.Tensor2D, gradients: readonly (tf.Tensor | undefined)[], maxNorm: number | null): AppliedUpdate {
    const updated = this.#slots.flatMap((slot, index) => (gradients[index] && slot.moments ? [index] : []));
    const slots = updated.map((index) => this.#slots[index]!);
    const rows = updated.length === this.#slots.length ? hyper : (tf.gather(hyper, updated) as tf.Tensor2D);
    const { betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-8 } = this.options;
    const after = fusedAdamW(
      rows,
      {
        parameters: slots.map(({ variable }) => variable),
        expAvg: slots.map(({ moments }) => moments!.expAvg),
        expAvgSq: slots.map(({ moments }) => moments!.expAvgSq),
      },
      updated.map((index) => gradients[index]!),
      { beta1, beta2, eps, maxNorm },
    );
    for (const [i, { variable, moments }] of slots.entries()) {
      variable.assign(after.parameters[i]!);
      moments!.expAvg.assign(after.expAvg[i]!);
      moments!.expAvgSq.assign(after.expAvgSq[i]!);
    }
    return { squares: after.squares, updated };
  }

  advance(updated: readonly number[]): void {
    for (const index of updated) this.#slots[index]!.count++;
  }

  /**
   * One update outside a compiled step.
   *
   * @param gradients by parameter name
   * @returns the gradients' global norm before clipping; the caller disposes it
   */
  step(
    gradients: Readonly<Record<string, tf.Tensor>>,
    { factor = 1, clipNorm = null }: { factor?: number; clipNorm?: number | null } = {},
  ): tf.Scalar {
    this.prepare();
    const { norm, updated } = tf.tidy(() => {
      const hyper = tf.tensor2d(this.hyper(factor), [this.#slots.length, 3]);
      const applied = this.apply(
        hyper,
        this.#slots.map(({ name }) => gradients[name]),
        clipNorm,
      );
      return { norm: normOf(applied.squares), updated: applied.updated };
    });
    this.advance(updated);
    return norm;
  }

  *namedState(): Iterable<[string, tf.Variable]> {
    for (const { name, moments } of this.#slots) {
      if (!moments) continue;
      yield [`exp_avg.${name}`, moments.expAvg];
      yield [`exp_avg_sq.${name}`, moments.expAvgSq];
    }
  }

  stepCounts(): Record<string, number> {
    return Object.fromEntries(this.#slots.flatMap(({ name, count, moments }) => (moments ? [[name, count]] : [])));
  }

  restoreStepCounts(counts: Readonly<Record<string, number>>): void {
    for (const slot of this.#slots) {
      slot.count = counts[slot.name] ?? 0;
      if (counts[slot.name] !== undefined) makeMoments(slot);
    }
  }

  learningRates(): Record<string, number> {
    const rates: Record<string, number> = {};
    for (const { name, learningRate } of this.#slots) {
      const tower = towerOf(name);
      rates[tower] = Math.max(rates[tower] ?? 0, learningRate);
    }
    return rates;
  }

  /** Frees the moments; the parameters belong to the model. */
  dispose(): void {
    for (const { moments } of this.#slots) {
      moments?.expAvg.dispose();
      moments?.expAvgSq.dispose();
    }
    this.#slots = [];
  }
}

function makeMoments(slot: Slot): void {
  slot.moments ??= { expAvg: zerosLike(slot.variable), expAvgSq: zerosLike(slot.variable) };
}

function zerosLike(variable: tf.Variable): tf.Variable {
  // tf.zeros would make an array, as large as the model
  const zeros = tf.fill(variable.shape, 0);
  const moment = tf.variable(zeros, false);
  zeros.dispose();
  return moment;
}

function listGroups(groups: AdamWOptions['groups'] = []): readonly (AdamWGroup & { readonly match: NamePattern })[] {
  if (Array.isArray(groups)) return groups;
  return Object.entries(groups as Readonly<Record<string, AdamWGroup>>).map(([match, group]) => ({ ...group, match }));
}

/** The settings that are given, so that absent ones overrule nothing. */
function defined({ learningRate, weightDecay, layerDecay }: AdamWGroup): AdamWGroup {
  return Object.fromEntries(
    Object.entries({ learningRate, weightDecay, layerDecay }).filter(([, value]) => value !== undefined),
  );
}

function checkOptions(options: AdamWOptions): void {
  const check = (what: string, value: number | undefined, ok: (value: number) => boolean, expected: string) => {
    if (value !== undefined && !ok(value)) {
      throw new ConfigError({ where: 'train.AdamW', expected: `${what} ${expected}`, got: String(value) });
    }
  };
  const notNegative = (value: number) => value >= 0 && Number.isFinite(value);
  for (const group of [options, ...listGroups(options.groups)]) {
    check('learningRate', group.learningRate, notNegative, 'of at least 0');
    check('weightDecay', group.weightDecay, notNegative, 'of at least 0');
    check('layerDecay', group.layerDecay, (value) => value > 0 && value <= 1, 'in (0, 1]');
  }
  for (const beta of options.betas ?? []) check('beta', beta, (value) => value >= 0 && value < 1, 'in [0, 1)');
  check('eps', options.eps, (value) => value > 0, 'above 0');
}
