import { type Compiled, compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { towerOf } from '../tower-of.js';

/** How far a step moved each tower: |after - before| / |before|, Euclidean norms over all parameters that train. */
export type UpdateRatios = Readonly<Record<string, number>>;

/** A tower whose updates are this many times smaller than another's is not learning. */
const IMBALANCE = 100;
/** Measurements in a row before it is said. */
const PATIENCE = 3;

/**
 * Measures how much each tower moves in a step, relative to its size. 1e-3 is usual; one
 * tower far below the other learns little beside it.
 */
export class UpdateWatch {
  readonly #parameters: readonly (readonly [string, tf.Variable])[];
  // which parameters train changes while a run freezes and thaws: a static argument, so that each set is recorded by itself
  readonly #copy: Compiled<[training: string], tf.Tensor[]>;
  readonly #compare: Compiled<[training: string, before: tf.Tensor[]], { ratios: tf.Tensor1D; towers: string[] }>;
  #imbalanced = 0;

  constructor(parameters: readonly (readonly [string, tf.Variable])[]) {
    this.#parameters = parameters;
    this.#copy = compile((_) => this.#training().map(([, variable]) => tf.clone(variable)));
    this.#compare = compile((_, before) => {
      const sums = new Map<string, { moved: tf.Tensor[]; size: tf.Tensor[] }>();
      for (const [i, [name, variable]] of this.#training().entries()) {
        const tower = sums.get(towerOf(name)) ?? { moved: [], size: [] };
        tower.moved.push(tf.sum(tf.square(tf.sub(variable, before[i]!))));
        tower.size.push(tf.sum(tf.square(before[i]!)));
        sums.set(towerOf(name), tower);
      }
      const ratios = [...sums.values()].map(({ moved, size }) =>
        tf.sqrt(tf.div(tf.addN(moved), tf.maximum(tf.addN(size), 1e-20))),
      );
      return { ratios: tf.stack(ratios) as tf.Tensor1D, towers: [...sums.keys()] };
    });
  }

  /** Copies of what trains, from before a step. */
  before(): tf.Tensor[] {
    return this.#copy(this.#trainingNames());
  }

  /** What the step came to; frees the copies. */
  async after(before: tf.Tensor[]): Promise<UpdateRatios> {
    const { ratios, towers } = this.#compare(this.#trainingNames(), before);
    const values = await ratios.data();
    tf.dispose([ratios, before]);
    return Object.fromEntries(towers.map((tower, i) => [tower, values[i]!]));
  }

  /** A warning when one of the two encoders has stood still beside the other for some measurements. */
  judge({ image, text }: UpdateRatios): string | undefined {
    if (image === undefined || text === undefined) return undefined;
    const factor = Math.max(image, text) / Math.max(Math.min(image, text), 1e-12);
    this.#imbalanced = factor > IMBALANCE ? this.#imbalanced + 1 : 0;
    if (this.#imbalanced !== PATIENCE) return undefined;
    const [slow, fast] = image < text ? ['image', 'text'] : ['text', 'image'];
    return (
      `the ${slow} tower hardly learns: its updates are ${factor.toFixed(0)} times smaller, relative to its weights, than the ` +
      `${fast} tower's; raise its rate (groups: { ${slow}: { learningRate } }) or lower the other's`
    );
  }

  dispose(): void {
    this.#copy.dispose();
    this.#compare.dispose();
  }

  #trainingNames(): string {
    return this.#training()
      .map(([name]) => name)
      .join();
  }

  #training() {
    return this.#parameters.filter(([, variable]) => variable.trainable);
  }
}
