// Run by ort/webgpu.test.ts in a process of its own.
import { writeModel } from '../src/onnx/index.js';
import { createSession, DeviceCopies, hostValue, type OrtValue } from '../src/ort/index.js';

const f32 = (name: string) => ({ name, dtype: 'float32' as const, shape: [2, 2] });
const model = writeModel({
  nodes: [
    { opType: 'MatMul', inputs: ['state', 'x'], outputs: ['next'], attributes: {} },
    { opType: 'ReduceSum', inputs: ['next'], outputs: ['loss'], attributes: { keepdims: 0 } },
  ],
  inputs: [f32('state'), f32('x')],
  outputs: [f32('next'), { name: 'loss', dtype: 'float32', shape: [] }],
  initializers: [],
});
const session = createSession(model, {
  executionProviders: ['webgpu'],
  preferredOutputLocation: { next: 'gpu-buffer', loss: 'cpu' },
});
const x = hostValue('float32', Float32Array.of(1, 1, 0, 1), [2, 2]);
let state: OrtValue = hostValue('float32', Float32Array.of(1, 0, 0, 1), [2, 2]);
const losses: unknown[] = [];
const locations: string[] = [];
for (let step = 0; step < 3; step++) {
  const { next, loss } = session.run({ state, x }, { next: null, loss: null });
  state.dispose();
  state = next!;
  losses.push(loss!.data[0]);
  locations.push(state.location);
}
const errorOf = (work: () => unknown) => {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};
const refused = errorOf(() => state.data);
const copies = new DeviceCopies();
const downloaded = [...(copies.download(state) as Float32Array)];
const uploaded = copies.upload(hostValue('float32', Float32Array.of(5, 6), [2, 1]));
const back = [...(copies.download(uploaded) as Float32Array)];
uploaded.dispose();
copies.dispose();
state.dispose();
const disposed = errorOf(() => session.run({ state, x }, { loss: null }));
session.dispose();
const closed = errorOf(() => session.run({ state: x, x }, { loss: null }));

/** Doubles on the device, by a session of its own that ends before its output. */
function doubled(value: OrtValue): OrtValue {
  const nodes = [{ opType: 'Add', inputs: ['x', 'x'], outputs: ['y'], attributes: {} }];
  const own = createSession(writeModel({ nodes, inputs: [f32('x')], outputs: [f32('y')], initializers: [] }), {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  });
  const { y } = own.run({ x: value }, { y: null });
  own.dispose();
  return y!;
}
const orphans = [doubled(x)];
for (let i = 0; i < 20; i++) orphans.push(doubled(orphans[i]!));
const reader = new DeviceCopies();
const outlived = [...(reader.download(orphans.at(-1)!) as Float32Array)];
reader.dispose();
for (const value of [...orphans, ...orphans]) value.dispose();

console.log(JSON.stringify({ losses, locations, refused, downloaded, back, disposed, closed, outlived }));
process.exit(0);
