import type { Variable } from '@tensorflow/tfjs-core';
import type { PartDescription } from './description.js';

/**
 * A part that may own parameters and buffers. Structural: nn's `Module` implements it, and so does any object with
 * these three methods, so that a trainer finds, freezes and saves a user's own part without a base class.
 */
export interface Stateful {
  /** Trainable values, named by property path as PyTorch's state dict names them (`layer1.0.conv1.weight`). */
  namedParameters(): Iterable<[string, Variable]>;
  /** Values that are saved but not trained, such as running statistics. */
  namedBuffers(): Iterable<[string, Variable]>;
  /** Frees every parameter and buffer. */
  dispose(): void;
  /**
   * How to build the same part again, without its weights. A part without it can be trained; saving it so that `load`
   * finds it asks for it with a clear error.
   */
  describe?(): PartDescription;
}

/** Spread this into a part that owns nothing: `{ ...stateless, fuse(image, text) { … } }`. */
export const stateless: Stateful = Object.freeze({
  namedParameters: () => [],
  namedBuffers: () => [],
  dispose: () => {},
});
