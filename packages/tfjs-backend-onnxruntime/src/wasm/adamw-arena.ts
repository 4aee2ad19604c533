import { ConfigError, EngineError, ShapeError } from '@diptych/core';
import { adamwWasm } from './adamw.wasm.js';
import { compileInlined, instantiate, PAGE_BYTES } from './instantiate.js';

/** What all parameters of a step share. */
export interface AdamWOptions {
  beta1: number;
  beta2: number;
  eps: number;
  /**
   * Gradients are scaled down to this global L2 norm, as `torch.nn.utils.clip_grad_norm_` does; null leaves them. With a
   * number (Infinity never scales), gradients whose norm is not finite change nothing.
   */
  maxNorm: number | null;
}

/** One parameter with its gradient and AdamW's two moments: float32 views of equal length in WASM memory. */
export interface AdamWSlot {
  readonly parameter: Float32Array<ArrayBuffer>;
  /** Where the gradient of the next step is written. `step` leaves it as it is. */
  readonly gradient: Float32Array<ArrayBuffer>;
  readonly expAvg: Float32Array<ArrayBuffer>;
  readonly expAvgSq: Float32Array<ArrayBuffer>;
}

/**
 * Parameters, gradients and moments of AdamW in WebAssembly memory, updated in place by SIMD code: `torch.optim.AdamW`
 * (Loshchilov and Hutter, 2019) without an allocation or copy in a step.
 *
 * One WebAssembly memory holds at most 4 GiB, about 268 million parameters; the arena opens as many as it needs. Fresh
 * memory is zero and costs nothing until it is touched.
 */
export class AdamWArena {
  readonly slots: readonly AdamWSlot[];
  readonly #blocks: readonly Block[];
  readonly #all: Int32Array;

  /**
   * @param sizes number of elements of each parameter
   * @param maxMemoryBytes largest size of one memory; less than 4 GiB only in tests
   * @throws EngineError when a memory cannot be allocated, or one parameter with its state exceeds it
   */
  constructor(sizes: readonly number[], maxMemoryBytes = MAX_MEMORY_BYTES) {
    const module = compileInlined(adamwWasm);
    this.#blocks = plan(sizes, maxMemoryBytes).flatMap(({ blocks, bytes }) => {
      const memory = allocate(bytes);
      const kernels = instantiate<AdamWExports>(module, memory);
      return blocks.map(({ size, stride, start }) => ({ size, stride, start, memory, kernels }));
    });
    this.#all = Int32Array.from(this.#blocks.keys());
    this.slots = this.#blocks.map(({ size, stride, start, memory }) => {
      const view = (part: number) => new Float32Array(memory.buffer, start + part * stride, size);
      return { parameter: view(0), gradient: view(1), expAvg: view(2), expAvgSq: view(3) };
    });
  }

  /** Number of WebAssembly memories in use. */
  get memories(): number {
    return new Set(this.#blocks.map(({ memory }) => memory)).size;
  }

  /**
   * One update from the gradients in the slots:
   * `g *= min(1, maxNorm / (norm + 1e-6))`, `p *= 1 - lr * weightDecay`, `m = beta1 m + (1 - beta1) g`,
   * `v = beta2 v + (1 - beta2) g^2`, `p -= lr / (1 - beta1^k) * m / (sqrt(v) / sqrt(1 - beta2^k) + eps)`.
   *
   * @param hyper `[n, 3]`: learning rate, weight decay and the step count k (from 1) of each updated parameter
   * @param indices the slots that `hyper`'s rows belong to; the others have no gradient and stay untouched, also by
   *   weight decay. All of them, in order, by default.
   * @returns [n]: the sum of squares of each of these gradients, before clipping
   * @throws ShapeError when `hyper` has another number of rows than there are indices
   * @throws ConfigError for an index without a slot, or k below 1
   */
  step(hyper: Float32Array, options: AdamWOptions, indices: ArrayLike<number> = this.#all): Float64Array {
    if (hyper.length !== indices.length * 3) {
      throw new ShapeError({
        where: 'AdamWArena.step',
        expected: `hyper of shape [${indices.length},3]`,
        got: `${hyper.length} elements`,
      });
    }
    const active = Array.from(indices, (index, row) =>
      this.#resolve(index, hyper.subarray(row * 3, row * 3 + 3), options),
    );
    if (options.maxNorm === null) {
      return Float64Array.from(active, ({ block, rates }) => update(block, rates, options, 1));
    }
    const squares = Float64Array.from(active, ({ block }) => sumOfSquares(block));
    const norm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
    if (!Number.isFinite(norm)) return squares;
    const scale = Math.min(1, options.maxNorm / (norm + CLIP_EPSILON));
    for (const { block, rates } of active) update(block, rates, options, scale);
    return squares;
  }

  #resolve(index: number, [learningRate, weightDecay, k]: Float32Array, options: AdamWOptions) {
    const block = this.#blocks[index];
    if (!block || !(k! >= 1)) {
      throw new ConfigError({
        where: 'AdamWArena.step',
        expected: `a slot below ${this.#blocks.length} and a step count from 1`,
        got: `slot ${index}, step count ${k}`,
      });
    }
    return { block, rates: toRates(learningRate!, weightDecay!, k!, options) };
  }
}

/** PyTorch's guard against division by zero in `clip_grad_norm_`. */
const CLIP_EPSILON = 1e-6;
/** One page below 4 GiB, so that no pointer past the end wraps around to zero. */
const MAX_MEMORY_BYTES = 65535 * PAGE_BYTES;
/** Cache lines, and a multiple of the eight floats that the kernels take at once. */
const ALIGNMENT = 64;
/** Floats that a kernel call handles: sums of squares in pieces stay accurate beside a large element. */
const PIECE = 2 ** 14;

/** Where a slot lies: its four arrays follow each other, `stride` bytes apart. */
interface Placement {
  size: number;
  stride: number;
  start: number;
}

interface Block extends Placement {
  memory: WebAssembly.Memory;
  kernels: AdamWExports;
}

/** Distributes slots over memories, in order; a slot is never split. */
function plan(sizes: readonly number[], maxBytes: number): { blocks: Placement[]; bytes: number }[] {
  const memories: { blocks: Placement[]; bytes: number }[] = [];
  for (const size of sizes) {
    const stride = Math.ceil((size * 4) / ALIGNMENT) * ALIGNMENT;
    const bytes = stride * 4;
    if (bytes > maxBytes) {
      throw new EngineError({
        where: 'AdamWArena',
        expected: `parameters of at most ${Math.floor(maxBytes / 16)} elements`,
        got: String(size),
        problem: 'a parameter with its gradient and moments has to fit into one WebAssembly memory',
      });
    }
    let last = memories.at(-1);
    if (!last || last.bytes + bytes > maxBytes) {
      last = { blocks: [], bytes: 0 };
      memories.push(last);
    }
    last.blocks.push({ size, stride, start: last.bytes });
    last.bytes += bytes;
  }
  return memories;
}

function allocate(bytes: number): WebAssembly.Memory {
  const pages = Math.max(1, Math.ceil(bytes / PAGE_BYTES));
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (cause) {
    throw new EngineError(
      {
        where: 'AdamWArena',
        problem: `cannot allocate ${pages * PAGE_BYTES} bytes of WebAssembly memory`,
        remedy: 'train fewer parameters (freeze a tower), or raise the address space limit (ulimit -v)',
      },
      { cause },
    );
  }
}

/** Factors of the update that are the same for all elements of a parameter. */
function toRates(learningRate: number, weightDecay: number, k: number, { beta1, beta2 }: AdamWOptions) {
  return {
    decay: 1 - learningRate * weightDecay,
    rate: learningRate / (1 - beta1 ** k),
    correction: 1 / Math.sqrt(1 - beta2 ** k),
  };
}

/** Updates one parameter; returns the sum of squares of its gradient, before scaling. */
function update(
  { size, stride, start, kernels }: Block,
  { decay, rate, correction }: ReturnType<typeof toRates>,
  { beta1, beta2, eps }: AdamWOptions,
  scale: number,
): number {
  let squares = 0;
  for (let at = 0; at < size; at += PIECE) {
    const p = start + at * 4;
    const g = p + stride;
    // biome-ignore format: pointers, then numbers
    squares += kernels.update(
      p, g + stride, g + 2 * stride, g, padded(Math.min(PIECE, size - at)),
      scale, beta1, 1 - beta1, beta2, 1 - beta2, decay, rate, correction, eps,
    );
  }
  return squares;
}

function sumOfSquares({ size, stride, start, kernels }: Block): number {
  let squares = 0;
  for (let at = 0; at < size; at += PIECE) {
    squares += kernels.sumOfSquares(start + stride + at * 4, padded(Math.min(PIECE, size - at)));
  }
  return squares;
}

/** The floats up to the next cache line are zero and stay so: padding needs no code of its own. */
const padded = (count: number) => Math.ceil(count / 8) * 8;

interface AdamWExports {
  sumOfSquares(g: number, count: number): number;
  update(
    p: number,
    m: number,
    v: number,
    g: number,
    count: number,
    scale: number,
    beta1: number,
    rest1: number,
    beta2: number,
    rest2: number,
    decay: number,
    rate: number,
    correction: number,
    eps: number,
  ): number;
}
