import { writeModel } from '../onnx/write-model.js';
import { createSession, openBinding } from './binding.js';
import { hostValue } from './ort-value.js';

const KNOWN: unique symbol = Symbol.for('diptych.channelBlock');

/**
 * Channels in a block of ONNX Runtime's internal layout NCHWc: 16 with AVX-512, 8 with older x86, 0 where it has none
 * (ARM). Found by reordering a ramp; kept on the native module, whose processor does not change.
 */
export function channelBlock(): number {
  const { binding } = openBinding() as { binding: { [KNOWN]?: number } };
  binding[KNOWN] ??= probe();
  return binding[KNOWN];
}

/** [1, 32, 1, 2] counts up; in blocks of B channels, the second cell of channel 0 comes after B first cells. */
function probe(): number {
  const shape = [1, 32, 1, 2];
  try {
    const session = createSession(
      writeModel({
        nodes: [
          { opType: 'ReorderInput', inputs: ['x'], outputs: ['y'], attributes: {}, domain: 'com.microsoft.nchwc' },
        ],
        inputs: [{ name: 'x', dtype: 'float32', shape }],
        outputs: [{ name: 'y', dtype: 'float32', shape }],
        initializers: [],
      }),
      { intraOpNumThreads: 1, graphOptimizationLevel: 'disabled' },
    );
    const ramp = Float32Array.from({ length: 64 }, (_, i) => i);
    const { y } = session.run({ x: hostValue('float32', ramp, shape) }, { y: null });
    session.dispose();
    const block = (y!.data as Float32Array).indexOf(1);
    return block === 8 || block === 16 ? block : 0;
  } catch {
    return 0;
  }
}
