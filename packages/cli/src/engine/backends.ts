import { EngineError } from '@diptych/core';
import { Conv2d, Embedding, Generator } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** Engines that a run can be told to use. */
export const BACKENDS = ['onnxruntime', 'xla', 'webgpu', 'wasm', 'cpu', 'tensorflow'] as const;

export type BackendName = (typeof BACKENDS)[number];

interface BackendSource {
  /** Modules that register the backend, best first. */
  readonly modules: readonly string[];
  /** Name that the backend registers under. */
  readonly registered: string;
  /** What else the loaded module has to be asked for; `never`: each knows its own. */
  readonly register?: (module: never) => void;
  readonly remedy: string;
}

const SOURCES: Record<BackendName, BackendSource> = {
  onnxruntime: {
    modules: ['@diptych/tfjs-backend-onnxruntime'],
    registered: 'onnxruntime',
    remedy: 'npm install @diptych/tfjs-backend-onnxruntime, or choose --backend wasm',
  },
  xla: {
    modules: ['@diptych/tfjs-backend-xla'],
    registered: 'xla',
    register: ({ useXla }: typeof import('@diptych/tfjs-backend-xla')) => useXla(),
    remedy:
      'npm install @diptych/tfjs-backend-xla, and npx diptych-pjrt install cuda13 (cuda12 for older drivers; cpu without an NVIDIA card)',
  },
  webgpu: {
    modules: ['@diptych/tfjs-backend-onnxruntime'],
    registered: 'onnxruntime-webgpu',
    register: ({ useOnnxRuntime }: typeof import('@diptych/tfjs-backend-onnxruntime')) =>
      useOnnxRuntime({ executionProviders: ['webgpu'], smallWork: 0 }, 'onnxruntime-webgpu'),
    remedy: 'a GPU with a Vulkan, Metal or D3D12 driver is needed; without one use --backend onnxruntime',
  },
  wasm: {
    modules: ['@tensorflow/tfjs-backend-wasm'],
    registered: 'wasm',
    remedy: 'npm install @tensorflow/tfjs-backend-wasm',
  },
  cpu: {
    modules: ['@tensorflow/tfjs-backend-cpu'],
    registered: 'cpu',
    remedy: 'npm install @tensorflow/tfjs-backend-cpu',
  },
  tensorflow: {
    modules: ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'],
    registered: 'tensorflow',
    remedy: 'npm install @tensorflow/tfjs-node (its install script downloads TensorFlow), or use --backend onnxruntime',
  },
};

/**
 * Loads and selects an engine, and lets it train one small step, so that an engine that is missing or cannot do the
 * work is known before any work is lost.
 *
 * @throws EngineError with the remedy
 */
export async function useBackend(name: BackendName): Promise<void> {
  const { modules, registered, register, remedy } = SOURCES[name];
  const failures: unknown[] = [];
  for (const module of modules) {
    try {
      const loaded = await import(module);
      register?.(loaded as never);
      if (!(await tf.setBackend(registered))) throw new Error(`the backend ${registered} did not start`);
      await tf.ready();
      tryTraining();
      return;
    } catch (error) {
      failures.push(error);
    }
  }
  const reasons = failures.map((error) => (error instanceof Error ? error.message.split('\n')[0] : String(error)));
  throw new EngineError(
    { where: `--backend ${name}`, problem: `this engine cannot train here: ${reasons.join('; ')}`, remedy },
    { cause: failures[0] },
  );
}

/** The layers of a small training step, forward and backward, on toy shapes. */
function tryTraining(): void {
  const generator = new Generator(0);
  const convolution = new Conv2d(3, 4, 3, { generator, stride: 2, padding: 1 });
  const table = new Embedding(5, 4, { generator });
  try {
    tf.tidy(() => {
      const pixels: tf.Tensor4D = tf.ones([2, 8, 8, 3]);
      const ids = tf.tensor2d([0, 1, 2, 3], [2, 2], 'int32');
      const { value, grads } = tf.variableGrads(() => {
        const image = tf.mean(tf.relu(convolution.forward(pixels)), [1, 2]);
        const text = tf.mean(table.forward(ids), 1);
        return tf.neg(tf.mean<tf.Scalar>(tf.logSoftmax(tf.matMul(image, text, false, true))));
      });
      for (const tensor of [value, ...Object.values(grads)]) {
        if (tensor.dataSync().some((x) => !Number.isFinite(x))) throw new Error('a small training step gave NaN');
      }
    });
  } finally {
    convolution.dispose();
    table.dispose();
  }
}
