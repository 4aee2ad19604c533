// A check, not a speed: the gradients of a whole training step at its real size against PyTorch's in float64.
import './backend.mjs';
import { join } from 'node:path';
import { adapters, renameTensors } from '@diptych/weights';
import { writeSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { BenchLoss, batchTensors, buildModel, makeBatch, writeBatch, writeState } from './dual-model.mjs';
import { line } from './statistics.mjs';

/** The bench of one size; `name` is also PyTorch's row. */
export function gradientsBench({ size, name }) {
  const names = [name, `${name}_worst`];
  const against = "PyTorch's float32, both measured from float64";
  return {
    names,
    torch: { row: name, steps: 0 },
    rounds: 1,

    async prepare(folder) {
      const model = buildModel(size, { dropout: 0 });
      await writeState(folder, model);
      await writeBatch(folder, makeBatch());
      const parameters = [...model.namedParameters()];
      const { value, grads } = tf.variableGrads(
        () => {
          const { pixels, text } = batchTensors(makeBatch());
          const context = { training: true, random: { state: tf.tensor1d([0, 0, 0], 'int32') } };
          return new BenchLoss().compute(model.forward(pixels, text, context)).loss;
        },
        parameters.map(([, variable]) => variable),
      );
      const gradients = new Map();
      for (const [path, variable] of parameters) {
        const gradient = grads[variable.name];
        if (gradient) gradients.set(path, { dtype: 'float32', shape: gradient.shape, data: await gradient.data() });
      }
      await writeSafetensors(join(folder, 'gradients.safetensors'), renameTensors(gradients, adapters.toReference));
      return { loss: (await value.data())[0], count: gradients.size };
    },

    measure: async () => ({}),

    lines({ torch }) {
      if (!torch) {
        return names.map((line) => ({
          name: line,
          value: null,
          unit: 'relative',
          spread: 0,
          n: 0,
          ratio: null,
          against,
        }));
      }
      const [{ count, ours, float32 }] = torch;
      const compared = (key, bounds) => ({
        ...line(key === 'all' ? name : `${name}_worst`, 'relative', [ours[key]], {
          reference: [float32[key]],
          against,
          ...bounds,
        }),
        n: count,
      });
      // Deep in a network some gradients nearly cancel, and float32 itself is wrong by a per cent: there PyTorch's own
      // error is the measure.
      return [compared('all', { must: 0.5 }), { ...compared('worst', { must: 0.5 }), worst: ours.name }];
    },
  };
}
