import { philox4x32, wordToUniform } from '@diptych/core';

/**
 * Random numbers for initial weights: Philox with key (seed, 0x1817) and counter (block, draw, 0, 0), where `draw` counts
 * the tensors drawn so far. The same seed and the same order of construction give the same weights on every backend.
 */
export class Generator {
  #draws = 0;
  readonly #seed: number;

  constructor(seed = 0) {
    this.#seed = seed >>> 0;
  }

  /** Values uniform in [low, high). */
  uniform(length: number, low = 0, high = 1): Float32Array {
    const out = new Float32Array(length);
    this.#fill(length, (i, word) => {
      out[i] = low + (high - low) * wordToUniform(word);
    });
    return out;
  }

  /** Normal values by Box-Muller on pairs of words. */
  normal(length: number, mean = 0, std = 1): Float32Array {
    const out = new Float32Array(length);
    let radius = 0;
    this.#fill(length + (length & 1), (i, word) => {
      if ((i & 1) === 0) {
        radius = std * Math.sqrt(-2 * Math.log(1 - wordToUniform(word)));
        return;
      }
      const angle = 2 * Math.PI * wordToUniform(word);
      out[i - 1] = mean + radius * Math.cos(angle);
      if (i < length) out[i] = mean + radius * Math.sin(angle);
    });
    return out;
  }

  #fill(length: number, put: (index: number, word: number) => void): void {
    const draw = this.#draws++;
    for (let block = 0; block * 4 < length; block++) {
      const words = philox4x32([block, draw, 0, 0], [this.#seed, KEY_OF_WEIGHTS]);
      for (let lane = 0; lane < 4 && block * 4 + lane < length; lane++) put(block * 4 + lane, words[lane]!);
    }
  }
}

/** Draws zeros, at no cost: for weights that a checkpoint will overwrite. */
export class BlankGenerator extends Generator {
  override uniform(length: number): Float32Array {
    return new Float32Array(length);
  }

  override normal(length: number): Float32Array {
    return new Float32Array(length);
  }
}

/** Where a model's first weights come from; one of the two, by default seed 0. */
export interface RandomWeights {
  /** The same seed gives the same weights on every backend. */
  readonly seed?: number;
  /** A generator shared with other parts of a model, in place of a seed. */
  readonly generator?: Generator;
}

/** The generator that options ask for. */
export function generatorOf({ seed = 0, generator }: RandomWeights): Generator {
  return generator ?? new Generator(seed);
}

const KEY_OF_WEIGHTS = 0x1817;
