import type { Context } from '@diptych/core';
import { Dropout, type Generator, gelu, Linear, Module } from '@diptych/nn';
import type { Tensor } from '@tensorflow/tfjs-core';

/** Two linear layers with GELU between and dropout after: width -> hidden -> out. */
export class FeedForward extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly dropout: Dropout;

  constructor(width: number, hidden: number, dropout: number, generator: Generator, out = width) {
    super();
    this.fc1 = new Linear(width, hidden, { generator });
    this.fc2 = new Linear(hidden, out, { generator });
    this.dropout = new Dropout(dropout);
  }

  /** [..., width] -> [..., out]. */
  forward<T extends Tensor>(x: T, context: Context): T {
    return this.dropout.forward(this.fc2.forward(gelu(this.fc1.forward(x))), context);
  }
}
