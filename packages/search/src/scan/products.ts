import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Precision } from '../precision.js';

/** What multiplies blocks of rows with many queries. */
export interface Product {
  /**
   * @param rows of one block as they are stored, [n, width]
   * @param queries [width, count]: float32, or int8 beside bytes
   * @param out [n, count]: float32, or int32 beside bytes
   */
  run(rows: Uint8Array, queries: Float32Array | Int8Array, shape: ProductShape, out: Uint8Array): Promise<void>;
}

/** [n, width] x [width, count]. */
export interface ProductShape {
  readonly n: number;
  readonly width: number;
  readonly count: number;
}

/**
 * ONNX models of one product with sizes left open, made by reference/make_search_products.py: MatMul; Cast and MatMul; MatMulInteger
 * of bytes (zero point 128) and int8.
 */
const MODELS: Readonly<Record<Precision, string>> = {
  float32:
    'CAg6WwoRCgF4CgFxEgFzIgZNYXRNdWwSAXBaFQoBeBIQCg4IARIKCgMSAW4KAxIBZFoVCgFxEhAKDggBEgoKAxIBZAoDEgFiYhUKAXMSEAoOCAESCgoDEgFuCgMSAWJCBAoAEBE=',
  float16:
    'CAg6dAoXCgF4EgFmIgRDYXN0KgkKAnRvGAGgAQIKEQoBZgoBcRIBcyIGTWF0TXVsEgFwWhUKAXgSEAoOCAoSCgoDEgFuCgMSAWRaFQoBcRIQCg4IARIKCgMSAWQKAxIBYmIVCgFzEhAKDggBEgoKAxIBbgoDEgFiQgQKABAR',
  int8: 'CAg6cAobCgF4CgFxCgF6EgFzIg1NYXRNdWxJbnRlZ2VyEgFwKgkQAioCgAFCAXpaFQoBeBIQCg4IAhIKCgMSAW4KAxIBZFoVCgFxEhAKDggDEgoKAxIBZAoDEgFiYhUKAXMSEAoOCAYSCgoDEgFuCgMSAWJCBAoAEBE=',
};

/**
 * ONNX Runtime's product for many queries, which has the processor's widest instructions; one thread, since each thread of a scan
 * has its own.
 *
 * @returns undefined where onnxruntime-node is not installed, or has no build for this platform
 */
export async function openProduct(precision: Precision): Promise<Product | undefined> {
  try {
    const ort = await import('onnxruntime-node');
    const session = await ort.InferenceSession.create(Buffer.from(MODELS[precision], 'base64'), {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
    });
    return precision === 'int8' ? bytesProduct(session, ort.Tensor) : floatProduct(session, ort.Tensor, precision);
  } catch {
    return undefined; // the kernel does it as well, slower
  }
}

function floatProduct(session: InferenceSession, make: typeof Tensor, precision: 'float32' | 'float16'): Product {
  return {
    async run(rows, queries, { n, width, count }, out) {
      const x =
        precision === 'float32'
          ? new make('float32', new Float32Array(rows.buffer, rows.byteOffset, n * width), [n, width])
          : new make('float16', new Uint16Array(rows.buffer, rows.byteOffset, n * width), [n, width]);
      const q = new make('float32', queries as Float32Array, [width, count]);
      const s = new make('float32', new Float32Array(out.buffer, out.byteOffset, n * count), [n, count]);
      await session.run({ x, q }, { s });
    },
  };
}

function bytesProduct(session: InferenceSession, make: typeof Tensor): Product {
  return {
    async run(rows, queries, { n, width, count }, out) {
      const x = new make('uint8', rows.subarray(0, n * width), [n, width]);
      const q = new make('int8', queries as Int8Array, [width, count]);
      const s = new make('int32', new Int32Array(out.buffer, out.byteOffset, n * count), [n, count]);
      await session.run({ x, q }, { s });
    },
  };
}
