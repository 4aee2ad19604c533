import { checkFields, checkText, siteOf, wordToUniform } from '@diptych/core';
import { philoxWords } from './philox-words.js';

/**
 * Random numbers for initial weights: Philox with key (seed, 0x1817) and counter (block, draw, stream, 0), where `draw` counts
 * the tensors drawn so far. The same seed, part and order of construction give the same weights on every backend.
 */
export class Generator {
  #draws = 0;
  readonly #seed: number;
  readonly #stream: number;

  /** @param part whose numbers these are, e.g. `vision/resnet`: two parts draw different numbers from one seed */
  constructor(seed = 0, part = '') {
    checkText('nn.Generator', 'part', part);
    this.#seed = seed >>> 0;
    this.#stream = part === '' ? 0 : siteOf(part);
  }

  /** Values uniform in [low, high). */
  uniform(length: number, low = 0, high = 1): Float32Array {
    const words = this.#words(length);
    const out = new Float32Array(length);
    for (let i = 0; i < length; i++) out[i] = low + (high - low) * wordToUniform(words[i]!);
    return out;
  }

  /** Normal values by Box-Muller on pairs of words. */
  normal(length: number, mean = 0, std = 1): Float32Array {
    const words = this.#words(length + (length & 1));
    const out = new Float32Array(length);
    for (let i = 0; i < length; i += 2) {
      const radius = std * Math.sqrt(-2 * Math.log(1 - wordToUniform(words[i]!)));
      const angle = 2 * Math.PI * wordToUniform(words[i + 1]!);
      out[i] = mean + radius * Math.cos(angle);
      if (i + 1 < length) out[i + 1] = mean + radius * Math.sin(angle);
    }
    return out;
  }

  #words(length: number): Uint32Array {
    const words = new Uint32Array(length);
    philoxWords(words, [this.#seed, WEIGHTS_KEY], [this.#draws++, this.#stream, 0]);
    return words;
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

/**
 * The generator that options ask for.
 *
 * @param part kind of the part that draws: a model's parts, each built from the same seed, must not start with the same
 *   numbers
 */
export function generatorOf(options: RandomWeights, part: string): Generator {
  checkFields('nn.generatorOf', 'options', options, []);
  const { seed = 0, generator } = options;
  return generator ?? new Generator(seed, part);
}

const WEIGHTS_KEY = 0x1817;
