// Run by webgpu.test.ts in a process of its own, whose environment names the Vulkan driver.
import '@tensorflow/tfjs-backend-cpu';
import { compile } from '@diptych/nn';
import { backendChecks } from '@diptych/testing';
import { useOnnxRuntime } from '@diptych/tfjs-backend-onnxruntime';
import * as tf from '@tensorflow/tfjs-core';
import { MODELS, type ModelName, type TenSteps, tenSteps } from './ten-steps.js';

/** What webgpu.test.ts looks at. */
export interface WebGpuResult {
  readonly failures: readonly string[];
  readonly runs: Readonly<Record<ModelName, { readonly webgpu: TenSteps; readonly cpu: TenSteps }>>;
  readonly state: {
    readonly weights: readonly number[];
    readonly clone: readonly number[];
    readonly onDevice: readonly boolean[];
    readonly inferred: readonly (readonly number[])[];
    readonly afterDispose: readonly number[];
    readonly leaked: number;
  };
}

/** Software shaders compute sine and cosine to 1e-3, and no shader has to know NaN. */
const IMPRECISE = [/^elementwise: (sin|cos|isNaN)/];

const executionProviders = ['webgpu'];
const cpu = 'onnxruntime-cpu';
useOnnxRuntime({}, cpu);
/** Every operation in a session, however small. */
const every = 'onnxruntime-every';
useOnnxRuntime({ executionProviders, forceNative: true }, every);
/** What the provider cannot do must not go to the CPU unnoticed. */
const session = { config: { 'session.disable_cpu_ep_fallback': '1' } };
const webgpu = 'onnxruntime-webgpu';
const backend = useOnnxRuntime({ executionProviders, session }, webgpu);

async function contract(): Promise<string[]> {
  const checks = backendChecks({ backend: every, skip: IMPRECISE });
  const failures: string[] = [];
  for (const { name, run } of checks) {
    await run().catch((error: unknown) => failures.push(`${name}: ${String(error)}`));
  }
  return failures;
}

async function train(name: ModelName) {
  await tf.setBackend(cpu);
  const expected = await tenSteps(name);
  await tf.setBackend(webgpu);
  return { webgpu: await tenSteps(name), cpu: expected };
}

/** A variable that a compiled step updates: where it is, who else sees it, and what inference reads of it. */
function followState(): WebGpuResult['state'] {
  const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
  const before = tf.memory().numTensors;
  const weights = tf.tidy(() => tf.variable(tf.tensor1d([1, 2, 3])));
  const step = compile((x: tf.Tensor) => {
    weights.assign(tf.add(weights, x));
    return tf.sum(weights);
  });
  const infer = compile((x: tf.Tensor) => tf.mul(weights, x));
  const x = tf.tensor1d([1, 1, 1]);
  const onDevice: boolean[] = [];
  const inferred: number[][] = [];
  const run = () => {
    step(x).dispose();
    onDevice.push(backend.entryOf(weights.dataId).value.device !== null);
    const y = infer(x);
    inferred.push(values(y));
    y.dispose();
  };
  run();
  const clone = tf.clone(weights);
  run();
  const kept = values(clone);
  tf.tidy(() => weights.assign(tf.tensor1d([7, 8, 9])));
  run();
  const last = values(weights);
  // recorded, and not computed before what it reads is gone
  const pending = tf.neg(weights);
  weights.dispose();
  const afterDispose = values(pending);
  tf.dispose([clone, x, pending]);
  step.dispose();
  infer.dispose();
  const leaked = tf.memory().numTensors - before;
  return { weights: last, clone: kept, onDevice, inferred, afterDispose, leaked };
}

async function main(): Promise<WebGpuResult> {
  const state = followState();
  const failures = await contract();
  const names = Object.keys(MODELS) as ModelName[];
  const runs = {} as Record<ModelName, Awaited<ReturnType<typeof train>>>;
  for (const name of names) runs[name] = await train(name);
  return { failures, runs, state };
}

main().then(
  (result) => {
    // leaving at once would cut a long line off
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
  },
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
