import { Generator } from './generator.js';

/**
 * Gives zeros in place of random numbers: for a model whose weights a checkpoint overwrites, so that nothing is drawn in
 * vain. Layers that are to keep their initial values need a real {@link Generator}.
 */
export class BlankGenerator extends Generator {
  override uniform(length: number): Float32Array {
    return new Float32Array(length);
  }

  override normal(length: number): Float32Array {
    return new Float32Array(length);
  }
}
