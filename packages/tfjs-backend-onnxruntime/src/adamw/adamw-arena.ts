import { ConfigError, EngineError } from '@diptych/core';
import { type AdamWOptions, type AdamWRates, compileInlined, instantiate, PAGE_BYTES } from '@diptych/graph/engine';
import { adamwWasm } from '../wasm/adamw.wasm.js';

/** One parameter with its gradient and AdamW's two moments: float32 views of equal length in WASM memory. */
export interface AdamWSlot {
  readonly parameter: Float32Array<ArrayBuffer>;
  /** Where the gradient of the next step is written. `update` leaves it as it is. */
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
    this.slots = this.#blocks.map(({ size, stride, start, memory, kernels }) => {
      const view = (part: number) => new Float32Array(memory.buffer, start + part * stride, size);
      const slot = { parameter: view(0), gradient: view(1), expAvg: view(2), expAvgSq: view(3) };
      KERNELS.set(slot.gradient, kernels);
      return slot;
    });
  }

  /** Number of WebAssembly memories in use. */
  get memories(): number {
    return new Set(this.#blocks.map(({ memory }) => memory)).size;
  }

  /**
   * One update of a slot from the gradient in it: `g = scale g`, `p *= 1 - lr * weightDecay`, `m = beta1 m + (1 - beta1) g`,
   * `v = beta2 v + (1 - beta2) g^2`, `p -= lr / (1 - beta1^k) * m / (sqrt(v) / sqrt(1 - beta2^k) + eps)`.
   *
   * @throws ConfigError for an index without a slot, or a step below 1
   */
  update(index: number, rates: AdamWRates, { beta1, beta2, eps }: AdamWOptions): void {
    const block = this.#blocks[index];
    const { learningRate, weightDecay, step, scale = 1 } = rates;
    if (!block || !(step >= 1)) {
      throw new ConfigError({
        where: 'AdamWArena.update',
        expected: `a slot below ${this.#blocks.length} and a step count from 1`,
        got: `slot ${index}, step count ${step}`,
      });
    }
    const { size, stride, start, kernels } = block;
    const decay = 1 - learningRate * weightDecay;
    const rate = learningRate / (1 - beta1 ** step);
    const correction = 1 / Math.sqrt(1 - beta2 ** step);
    // biome-ignore format: pointers, then numbers
    kernels.update(
      start, start + 2 * stride, start + 3 * stride, start + stride, padded(size),
      scale, beta1, 1 - beta1, beta2, 1 - beta2, decay, rate, correction, eps,
    );
  }
}

/** Of each arena's gradients, the kernels that work in their memory. */
const KERNELS = new WeakMap<Float32Array, AdamWExports>();

/** Sum of squares in float64: of a gradient in an arena by its SIMD code, of any other array element by element. */
export function sumOfSquares(x: Float32Array): number {
  let sum = 0;
  const kernels = KERNELS.get(x);
  if (!kernels) {
    for (const value of x) sum += value * value;
    return sum;
  }
  // in pieces, so that the sum stays accurate beside a large element
  for (let at = 0; at < x.length; at += PIECE) {
    sum += kernels.sumOfSquares(x.byteOffset + at * 4, padded(Math.min(PIECE, x.length - at)));
  }
  return sum;
}

/** One page below 4 GiB, so that no pointer past the end wraps around to zero. */
const MAX_MEMORY_BYTES = 65535 * PAGE_BYTES;
/** Cache lines, and a multiple of the eight floats that the kernels take at once. */
const ALIGNMENT = 64;
/** Floats that are summed at once. */
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
  ): void;
}
