import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { RECORDERS } from './recorders/index.js';
import { RecordingBackend } from './recording-backend.js';
import { type DeviceData, Value } from './value.js';

/** Computes Neg, the only operation recorded here. */
class Negating extends RecordingBackend {
  override evaluate(values: readonly Value[]): void {
    for (const value of values) value.settle((value.node!.inputs[0]!.data as Float32Array).map((x) => -x));
  }
}

class Device implements DeviceData {
  reads = 0;
  isFreed = false;

  read(): Float32Array {
    if (this.isFreed) throw new Error('read after it was freed');
    this.reads++;
    return Float32Array.of(1, 2);
  }

  dispose(): void {
    this.isFreed = true;
  }
}

const NAME = 'negating';
const backend = new Negating(NAME);
tf.registerBackend(NAME, () => backend);
tf.registerKernel({
  kernelName: 'Neg',
  backendName: NAME,
  kernelFunc: ({ inputs }) =>
    RECORDERS.Neg!(backend, inputs as Record<string, tf.TensorInfo>, {} as never) as tf.TensorInfo,
});
tf.setBackend(NAME);

function tensorOn(device: Device): tf.Tensor {
  const info = backend.placeholder([2], 'float32');
  backend.entryOf(info.dataId).value = Value.onDevice(device, [2], 'float32');
  return tf.engine().makeTensorFromTensorInfo(info, backend);
}

describe('data on a device', () => {
  it('is fetched when somebody reads it, once', () => {
    const device = new Device();
    const tensor = tensorOn(device);
    expect(backend.entryOf(tensor.dataId).value.isKnown).toBe(true);
    expect(device.reads).toBe(0);
    expect([...tensor.dataSync(), ...tensor.dataSync()]).toEqual([1, 2, 1, 2]);
    expect(device.reads).toBe(1);
    tensor.dispose();
    expect(device.isFreed).toBe(true);
  });

  it('stays until what was recorded of it is computed', () => {
    const device = new Device();
    const tensor = tensorOn(device);
    const negative = tf.neg(tensor);
    tensor.dispose();
    expect(device.isFreed).toBe(false);
    expect([...negative.dataSync()]).toEqual([-1, -2]);
    expect(device.isFreed).toBe(true);
    negative.dispose();
  });
});
