import {
  ConfigError,
  checkFields,
  checkFunction,
  type Optimizer,
  type PartDescription,
  ShapeError,
} from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { towerOf } from '../tower-of.js';
import { clipGradients } from './clip-gradients.js';
import { describeOptimizer } from './describe-optimizer.js';
import { checkSettings, type OptimizerOptions, settingsOf } from './parameter-groups.js';
import type { Rates, UpdateRule } from './update-rule.js';

/** One bound parameter. */
interface Slot<Settings> {
  readonly name: string;
  readonly variable: tf.Variable;
  readonly settings: Settings;
  /** Its state by name, once it trains. */
  state?: Readonly<Record<string, tf.Variable>>;
  /** Updates that this parameter has had. */
  count: number;
}

/** What {@link defineOptimizer} makes: everything about an optimizer but its update. */
export class RuleOptimizer<Settings extends Rates, State extends string> implements Optimizer {
  readonly options: OptimizerOptions<Settings>;
  readonly #rule: UpdateRule<Settings, State>;
  #slots: Slot<Settings>[] = [];

  /** @throws ConfigError for an option that the rule does not have, or that is out of range */
  constructor(rule: UpdateRule<Settings, State>, options: OptimizerOptions<Settings>) {
    checkSettings(rule.name, rule.defaults, options, rule.check);
    this.#rule = rule;
    this.options = options;
  }

  bind(parameters: readonly (readonly [string, tf.Variable])[]): void {
    const { name, defaults } = this.#rule;
    if (this.#slots.length > 0) {
      throw new ConfigError({
        where: `train.${name}.bind`,
        problem: 'this optimizer has parameters already',
        remedy: `make a new ${name} for each model`,
      });
    }
    const settings = settingsOf(name, defaults, this.options, parameters);
    this.#slots = parameters.map(([parameter, variable], i) => ({
      name: parameter,
      variable,
      settings: settings[i]!,
      count: 0,
    }));
  }

  prepare(): void {
    for (const slot of this.#slots) if (slot.variable.trainable) this.#makeState(slot);
  }

  hyper(factor: number): Float32Array {
    return Float32Array.from(
      this.#slots.flatMap(({ settings: { learningRate, weightDecay }, count }) => [
        learningRate * factor,
        weightDecay,
        count + 1,
      ]),
    );
  }

  apply(hyper: tf.Tensor2D, gradients: readonly (tf.Tensor | undefined)[], healthy?: tf.Tensor): number[] {
    const condition = healthy && tf.reshape(healthy, []);
    return this.#slots.flatMap((slot, index) => {
      const gradient = gradients[index];
      if (!gradient || !slot.state) return [];
      const cell = (column: number): tf.Scalar => tf.reshape(tf.slice(hyper, [index, column], [1, 1]), []);
      const { variable, state } = slot;
      const after = this.#rule.update({
        parameter: variable,
        gradient,
        state: state as Readonly<Record<State, tf.Variable>>,
        hyper: { ...slot.settings, learningRate: cell(0), weightDecay: cell(1) },
        step: cell(2),
      });
      this.#assign(`of ${slot.name}`, variable, after.parameter, condition);
      for (const [name, value] of Object.entries<tf.Tensor | undefined>(after.state)) {
        if (value) this.#assign(`${name} of ${slot.name}`, state[name], value, condition);
      }
      return [index];
    });
  }

  advance(updated: readonly number[]): void {
    for (const index of updated) this.#slots[index]!.count++;
  }

  /**
   * One update outside of a training step. With `clipNorm`, gradients whose norm is not finite change nothing at all.
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
      const given = this.#slots.map(({ name }) => gradients[name]);
      const clipped = clipGradients(given, clipNorm ?? Number.POSITIVE_INFINITY);
      const updated = this.apply(hyper, clipped.gradients, clipNorm === null ? undefined : clipped.healthy);
      return { norm: clipped.norm, updated };
    });
    this.advance(updated);
    return norm;
  }

  *namedState(): Iterable<[string, tf.Variable]> {
    for (const { name, state } of this.#slots) {
      for (const [key, variable] of Object.entries(state ?? {})) yield [`${snakeCase(key)}.${name}`, variable];
    }
  }

  stepCounts(): Record<string, number> {
    return Object.fromEntries(this.#slots.flatMap(({ name, count, state }) => (state ? [[name, count]] : [])));
  }

  restoreStepCounts(counts: Readonly<Record<string, number>>): void {
    for (const slot of this.#slots) {
      slot.count = counts[slot.name] ?? 0;
      if (counts[slot.name] !== undefined) this.#makeState(slot);
    }
  }

  learningRates(): Record<string, number> {
    const rates: Record<string, number> = {};
    for (const { name, settings } of this.#slots) {
      const tower = towerOf(name);
      rates[tower] = Math.max(rates[tower] ?? 0, settings.learningRate);
    }
    return rates;
  }

  describe(): PartDescription {
    return describeOptimizer(this.#rule.kind ?? this.#rule.name, this.options);
  }

  /** Frees the state; the parameters belong to the model. */
  dispose(): void {
    for (const { state } of this.#slots) tf.dispose({ ...state });
    this.#slots = [];
  }

  #makeState(slot: Slot<Settings>): void {
    const { state } = this.#rule;
    const { shape } = slot.variable;
    const shapes =
      typeof state === 'function' ? state(shape, slot.settings) : Object.fromEntries(state.map((key) => [key, shape]));
    slot.state ??= Object.fromEntries(
      Object.entries<readonly number[] | undefined>(shapes).flatMap(([key, size]) =>
        size ? [[key, zeros(size)]] : [],
      ),
    );
  }

  #assign(what: string, variable: tf.Variable | undefined, value: tf.Tensor, healthy: tf.Tensor | undefined): void {
    if (variable?.shape.join() !== value.shape.join()) {
      throw new ShapeError({
        where: `train.${this.#rule.name}.update: new value ${what}`,
        expected: variable ? `[${variable.shape}]` : 'state that the rule names',
        got: `[${value.shape}]`,
      });
    }
    variable.assign(healthy ? tf.where(healthy, value, variable) : value);
  }
}

/** A class to extend, or to make instances of: what {@link defineOptimizer} gives. */
export type OptimizerClass<Settings extends Rates, State extends string> = new (
  options?: OptimizerOptions<Settings>,
) => RuleOptimizer<Settings, State>;

/**
 * An optimizer from a pure update of one parameter. Parameter groups, step counts, names of the state in checkpoints, resuming,
 * schedules, clipping and "values that are not finite change nothing" come with it, and where the backend compiles the step, the
 * update runs in place: parameters and state are overwritten, no copies of the model are made.
 *
 * ```ts
 * class SignSGD extends defineOptimizer({
 *   name: 'SignSGD',
 *   defaults: { learningRate: 1e-4, weightDecay: 0 },
 *   state: [],
 *   update: ({ parameter, gradient, hyper }) => ({
 *     parameter: tf.sub(parameter, tf.mul(hyper.learningRate, tf.sign(gradient))),
 *     state: {},
 *   }),
 * }) {}
 * ```
 */
export function defineOptimizer<Settings extends Rates, State extends string>(
  rule: UpdateRule<Settings, State>,
): OptimizerClass<Settings, State> {
  const where = 'train.defineOptimizer';
  checkFields(where, 'a rule', rule, ['name', 'defaults', 'update']);
  checkFunction(where, 'update', rule.update);
  return class extends RuleOptimizer<Settings, State> {
    constructor(options: OptimizerOptions<Settings> = {} as OptimizerOptions<Settings>) {
      super(rule, options);
    }
  };
}

function zeros(shape: readonly number[]): tf.Variable {
  // tf.zeros would make an array, as large as the model
  const value = tf.fill([...shape], 0);
  const variable = tf.variable(value, false);
  value.dispose();
  return variable;
}

/** `expAvgSq` -> `exp_avg_sq`: state in checkpoints is named as torch names it. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
